package report

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"x2vec/trainers/eval"
)

// Limits of what a page carries.
const (
	maxFrames  = 12       // steps of one kind of picture
	maxPicture = 4 << 20  // bytes of one file
	maxAll     = 24 << 20 // bytes of all together
)

// A sample is one kind of picture at several steps of the run.
type sample struct {
	ID, Title, Caption string
	Frames             []frame
}

// Last is the position of the last frame.
func (s sample) Last() int { return len(s.Frames) - 1 }

// A frame is one picture.
type frame struct {
	Step          string
	Alt           string
	URI           template.URL
	Width, Height int
	Shown         bool // the last one; the script shows others
}

var sampleName = regexp.MustCompile(`^step-(\d{8,})-([A-Za-z0-9][A-Za-z0-9._-]*)\.png$`)

// titles of the pictures that have a better one than their name.
var titles = map[string]string{
	"neighbours": "Neighbours in z-space",
}

// readSamples collects the pictures of a run: samples/step-00001234-NAME.png.
// Captions come from the evaluations that drew them.
func readSamples(dir string, results []eval.Result) (samples []sample, faults []string) {
	entries, err := os.ReadDir(filepath.Join(dir, "samples"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		faults = append(faults, plain(dir, err))
	}
	steps := map[string][]int{} // by name, ascending
	for _, e := range entries {
		m := sampleName.FindStringSubmatch(e.Name())
		if m == nil || e.IsDir() {
			continue
		}
		step, err := strconv.Atoi(m[1])
		if err != nil {
			continue // more digits than a step has
		}
		steps[m[2]] = append(steps[m[2]], step)
	}
	captions := map[string]string{}
	for _, r := range results {
		for _, p := range r.Pictures {
			captions[p.File] = p.Caption
		}
	}
	room := maxAll
	for _, name := range order(steps) {
		slices.Sort(steps[name])
		title := titles[name]
		if title == "" {
			title = strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
		}
		s := sample{ID: name, Title: title}
		for _, step := range spread(steps[name], maxFrames) {
			file := fmt.Sprintf("samples/step-%08d-%s.png", step, name)
			f, size, err := readFrame(filepath.Join(dir, file), room)
			if err != nil {
				faults = append(faults, plain(dir, err))
				continue
			}
			room -= size
			f.Step = number(float64(step))
			f.Alt = fmt.Sprintf("%s at step %s.", title, f.Step)
			if c := captions[file]; c != "" {
				f.Alt += " " + c
				s.Caption = c
			}
			s.Frames = append(s.Frames, f)
		}
		if n := len(s.Frames); n > 0 {
			s.Frames[n-1].Shown = true
			samples = append(samples, s)
		}
	}
	return samples, faults
}

// order sorts the kinds of pictures: reconstructions first, neighbours next.
func order(steps map[string][]int) []string {
	var names []string
	for n := range steps {
		names = append(names, n)
	}
	rank := func(n string) int {
		return slices.Index([]string{"neighbours", "reconstructions"}, n) // -1, the others, last
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank(b) - rank(a); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names
}

// spread keeps at most n of the steps, the first and the last among them.
func spread(steps []int, n int) []int {
	if len(steps) <= n {
		return steps
	}
	var out []int
	for i := range n {
		out = append(out, steps[i*(len(steps)-1)/(n-1)])
	}
	return out
}

// readFrame reads one picture if it fits into the room that is left.
func readFrame(path string, room int) (f frame, size int, err error) {
	b, err := readBounded(path, min(maxPicture, room))
	if err != nil {
		return f, 0, err
	}
	c, err := png.DecodeConfig(strings.NewReader(string(b)))
	if err != nil {
		return f, 0, fmt.Errorf("%s: is no whole PNG: %w", path, err)
	}
	f.Width, f.Height = c.Width, c.Height
	f.URI = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(b))
	return f, len(b), nil
}
