package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"html/template"
	"image/gif"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"x2vec/trainers/runs"
)

// maxLooks is how many pictures of what was looked into a page shows.
const maxLooks = 24

// A look is one picture that was drawn by looking inside.
type look struct {
	Title, Caption, Alt string
	URI                 template.URL
	Width, Height       int // 0 where the picture says none
}

// lookOrder is the order of the kinds of pictures that are known; others come behind.
var lookOrder = []string{"neighbors", "units", "rdm", "cka", "layers", "codebook", "attention", "reconstruct", "interpolate", "traverse", "embed-words"}

// lookTitles are better ones than the names of the files.
var lookTitles = map[string]string{
	"neighbors": "Nearest neighbours in the code", "units": "What drives the units", "rdm": "Representational dissimilarity",
	"cka": "Similarity of layers (CKA)", "layers": "Layer by layer", "codebook": "Codebook", "attention": "Attention",
	"reconstruct": "Reconstructions", "interpolate": "Between two codes", "traverse": "Along one value of the code", "embed-words": "Map of words",
}

// mediaTypes of the pictures that are shown.
var mediaTypes = map[string]string{".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml"}

// readLooks collects the pictures in the folder of what was looked into, in room bytes
// if they become part of the page.
func (r *run) readLooks(address func(run, file string) string, room int) {
	entries, err := fs.ReadDir(r.Files, runs.InspectDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.fault(err)
	}
	var names []string
	for _, e := range entries {
		name, ext := e.Name(), path.Ext(e.Name())
		stem := strings.TrimSuffix(name, ext)
		if mediaTypes[ext] == "" || strings.HasPrefix(name, ".") || kindOf(stem) == "map" {
			continue // the map is shown as one that moves
		}
		names = append(names, name)
	}
	names = slices.DeleteFunc(names, func(n string) bool { // one picture in two forms
		stem, isSVG := strings.CutSuffix(n, ".svg")
		return isSVG && slices.Contains(names, stem+".png")
	})
	rank := func(n string) int {
		if i := slices.Index(lookOrder, kindOf(strings.TrimSuffix(n, path.Ext(n)))); i >= 0 {
			return i
		}
		return len(lookOrder)
	}
	slices.SortStableFunc(names, func(a, b string) int { return rank(a) - rank(b) })
	left := len(names)
	for _, name := range names[:min(left, maxLooks)] {
		file := path.Join(runs.InspectDir, name)
		l, size, err := readLook(r.Files, file, min(maxPicture, room), address != nil)
		if err != nil {
			r.fault(err)
			continue
		}
		if address != nil {
			l.URI = template.URL(address(r.Name, file))
		}
		room -= size
		r.Looks = append(r.Looks, l)
	}
	if n := left - maxLooks; n > 0 {
		r.fault(fmt.Errorf("%s: %d more pictures are not shown", runs.InspectDir, n))
	}
}

// kindOf is what was looked at: the name up to a layer, step or other addition.
func kindOf(stem string) string {
	for _, kind := range append([]string{"map"}, lookOrder...) {
		if rest, ok := strings.CutPrefix(stem, kind); ok && (rest == "" || strings.ContainsRune("-_.", rune(rest[0]))) {
			return kind
		}
	}
	return stem
}

// readLook reads one picture if it has at most so many bytes; of one that the page
// only points to, no more than its size.
func readLook(files fs.FS, name string, limit int, pointed bool) (l look, size int, err error) {
	ext := path.Ext(name)
	stem := strings.TrimSuffix(path.Base(name), ext)
	kind := kindOf(stem)
	if l.Title = lookTitles[kind]; l.Title == "" {
		l.Title = Label(strings.ReplaceAll(kind, "-", " "))
	}
	if rest := strings.Trim(strings.TrimPrefix(stem, kind), "-_."); rest != "" {
		l.Title += ", " + rest
	}
	l.Caption = captionOf(files, strings.TrimSuffix(name, ext)+".json")
	l.Alt = strings.TrimSuffix(l.Title, ".") + "."
	if ext == ".png" {
		f, size, err := readFrame(files, name, limit, pointed)
		l.URI, l.Width, l.Height = f.URI, f.Width, f.Height
		return l, size, err
	}
	if pointed {
		limit = maxPicture
	}
	b, err := runs.ReadFile(files, name, int64(limit))
	if err != nil {
		return l, 0, err
	}
	switch ext {
	case ".gif":
		c, err := gif.DecodeConfig(bytes.NewReader(b))
		if err != nil {
			return l, 0, fmt.Errorf("%s: is no whole GIF: %w", name, err)
		}
		l.Width, l.Height = c.Width, c.Height
	case ".svg":
		if l.Width, l.Height, err = svgSize(b); err != nil {
			return l, 0, fmt.Errorf("%s: is no SVG: %w", name, err)
		}
	}
	if !pointed {
		l.URI = template.URL("data:" + mediaTypes[ext] + ";base64," + base64.StdEncoding.EncodeToString(b))
	}
	return l, len(b), nil
}

// svgSize is the size that a drawing gives itself, 0 where it gives none.
func svgSize(b []byte) (width, height int, err error) {
	d := xml.NewDecoder(bytes.NewReader(b))
	for {
		tok, err := d.Token()
		if err != nil {
			return 0, 0, err
		}
		e, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		if e.Name.Local != "svg" {
			return 0, 0, fmt.Errorf("begins with <%s>", e.Name.Local)
		}
		for _, a := range e.Attr {
			v, err := strconv.ParseFloat(strings.TrimSuffix(a.Value, "px"), 64)
			if err != nil || !(v >= 1 && v < 1e5) {
				continue
			}
			switch a.Name.Local {
			case "width":
				width = int(v)
			case "height":
				height = int(v)
			}
		}
		return width, height, nil
	}
}

const (
	maxCaption   = 600     // letters
	maxCaptioned = 8 << 20 // bytes of the file that says it
)

// captionOf is what the file beside a picture says about it.
func captionOf(files fs.FS, name string) string {
	f, info, err := runs.OpenFile(files, name)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info.Size() > maxCaptioned {
		return ""
	}
	// Token by token: there may be large tables behind it.
	d := json.NewDecoder(f)
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return ""
		}
		if key == "caption" {
			var caption string
			if d.Decode(&caption) != nil {
				return ""
			}
			if r := []rune(caption); len(r) > maxCaption {
				caption = string(r[:maxCaption]) + "…"
			}
			return caption
		}
		if t, err := d.Token(); err != nil || t == json.Delim('{') || t == json.Delim('[') {
			return "" // the caption stands before what is large
		}
	}
	return ""
}
