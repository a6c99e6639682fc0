package report

import (
	"errors"
	"fmt"
	"html/template"
	"image/png"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"x2vec/trainers/runs"
)

// maxFrames is how many steps of one kind of picture a page shows.
const maxFrames = 12

// A sample is one kind of picture at several steps of the run.
type sample struct {
	ID, Title, Caption string
	Frames             []frame
	Reduced            bool // some show less detail than their files
}

// Last is the position of the last frame.
func (s sample) Last() int { return len(s.Frames) - 1 }

// A frame is one picture.
type frame struct {
	Step          string // what stands below it: when it was drawn
	Alt           string
	URI           template.URL
	Width, Height int
	Shown         bool // the last one; the script shows others
	Reduced       bool // with less detail than the file has
}

// enlarge shows small pictures larger, every pixel as several.
func (f *frame) enlarge() {
	const wide, high = 1000, 700
	times := max(1, min(wide/max(1, f.Width), high/max(1, f.Height), 3))
	f.Width, f.Height = f.Width*times, f.Height*times
}

var sampleName = regexp.MustCompile(`^step-(\d{8,})-([A-Za-z0-9][A-Za-z0-9._-]*)\.png$`)

// titles of the pictures that have a better one than their name.
var titles = map[string]string{
	"neighbours": "Neighbours in z-space",
}

// readSamples collects the pictures of a run: samples/step-00001234-NAME.png, in
// room bytes if they become part of the page, of which it gives how many it took.
// Captions come from the evaluations that drew them.
func (r *run) readSamples(address func(run, file string) string, room int) (took int) {
	entries, err := fs.ReadDir(r.Files, runs.SamplesDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.fault(err)
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
	for _, result := range r.results {
		for _, p := range result.Pictures {
			captions[p.File] = p.Caption
		}
	}
	names := order(steps)
	for i, name := range names {
		slices.Sort(steps[name])
		title := titles[name]
		if title == "" {
			title = strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "-", " ")
		}
		s := sample{ID: name, Title: title}
		var files []string
		var sizes []int
		share := room / (len(names) - i)
		for n := maxFrames; n > 0; n-- { // as many as there is room for
			files, sizes = files[:0], sizes[:0]
			all := 0
			for _, step := range spread(steps[name], n) {
				file := fmt.Sprintf("%s/step-%08d-%s.png", runs.SamplesDir, step, name)
				if info, err := fs.Stat(r.Files, file); err == nil {
					sizes = append(sizes, int(info.Size()))
					all += int(info.Size())
				}
				files = append(files, file)
			}
			if address != nil || all <= share {
				break
			}
		}
		each := shareOut(sizes, share)
		for _, file := range files {
			f, size, err := readFrame(r.Files, file, each, address != nil)
			if err != nil {
				r.fault(err)
				continue
			}
			if address != nil {
				f.URI = template.URL(address(r.Name, file))
			}
			room -= size
			took += size
			step, _ := strconv.Atoi(sampleName.FindStringSubmatch(path.Base(file))[1]) // it was one above
			f.Step = "step " + Number(float64(step))
			f.enlarge()
			f.Alt = fmt.Sprintf("%s at %s.", title, f.Step)
			if c := captions[file]; c != "" {
				f.Alt += " " + c
				s.Caption = c
			}
			s.Reduced = s.Reduced || f.Reduced
			s.Frames = append(s.Frames, f)
		}
		if n := len(s.Frames); n > 0 {
			s.Frames[n-1].Shown = true
			r.Samples = append(r.Samples, s)
		}
	}
	return took
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

// spread keeps at most n of the steps, the first and the last among them; of one
// the last.
func spread(steps []int, n int) []int {
	if len(steps) <= n {
		return steps
	}
	if n == 1 {
		return steps[len(steps)-1:]
	}
	var out []int
	for i := range n {
		out = append(out, steps[i*(len(steps)-1)/(n-1)])
	}
	return out
}

// readFrame reads one picture for a page that has so many bytes left for it; of one
// that the page only points to, no more than its size.
func readFrame(files fs.FS, name string, room int, pointed bool) (f frame, size int, err error) {
	if !pointed {
		p, err := readPNG(files, name, room)
		return frame{URI: p.URI, Width: p.Width, Height: p.Height, Reduced: p.Reduced}, p.Size, err
	}
	file, _, err := runs.OpenFile(files, name)
	if err != nil {
		return f, 0, err
	}
	defer file.Close()
	c, err := png.DecodeConfig(file)
	if err != nil {
		return f, 0, fmt.Errorf("%s: is no whole PNG: %w", name, err)
	}
	return frame{Width: c.Width, Height: c.Height}, 0, nil
}
