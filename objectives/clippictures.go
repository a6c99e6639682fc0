package objectives

import (
	"fmt"
	"image"
	"image/color"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/data/transforms"
)

const (
	clipTile  = 80 // pixels along the side of a picture that is shown
	clipGap   = 8
	clipText  = 400 // width of texts
	clipLine  = plot.FontSize + 6
	clipRows  = 8 // pictures, and captions, that are shown
	clipTexts = 3 // captions for a picture
	clipFound = 8 // pictures for a caption
)

// rightInk marks what belongs together.
var rightInk = color.RGBA{0x15, 0x80, 0x3d, 0xff}

// clipSheet draws pictures and texts beside each other.
type clipSheet struct {
	*plot.Canvas
	spec data.Spec
	src  data.Source
}

func newClipSheet(t Task, src data.Source, w, h int) (*clipSheet, error) {
	c, err := plot.New(w, h)
	return &clipSheet{c, t.Spec, src}, err
}

// picture draws example i at (x, y), framed where it is right.
func (s *clipSheet) picture(i, x, y int, right bool) error {
	e := data.Example{Pixels: make([]byte, s.spec.Size()), Factors: make([]float32, len(s.spec.Factors))}
	if err := s.src.Read(i, &e); err != nil {
		return err
	}
	img, err := transforms.Picture(e.Pixels, s.spec.Shape)
	if err != nil {
		return err
	}
	box := image.Rect(x, y, x+clipTile, y+clipTile)
	if right {
		s.Fill(box.Inset(-3), rightInk)
	}
	s.Fill(box, plot.Grid)
	s.Tile(box, img)
	return nil
}

// text writes a line whose top is at y, cut where it is too long.
func (s *clipSheet) text(line string, x, y int, ink color.Color) {
	s.Text(x, y+plot.FontSize, s.Fit(line, clipText), ink)
}

// pictures draws some pictures with the captions that are nearest to them, and some captions
// with the pictures that are.
func (c *clipTest) pictures(t Task, test data.Source) ([]Picture, error) {
	caption := func(i int) string { return t.Spec.Captions.Text(c.tokens[i]) }
	rows := data.Evenly(clipRows, len(c.says))
	s, err := newClipSheet(t, test, 3*clipGap+clipTile+clipText, clipGap+len(rows)*(clipTile+clipGap))
	if err != nil {
		return nil, err
	}
	for row, i := range rows {
		x, y := clipGap, clipGap+row*(clipTile+clipGap)
		if err := s.picture(i, x, y, false); err != nil {
			return nil, err
		}
		x += clipTile + clipGap
		s.text(caption(c.says[i]), x, y, plot.Mute)
		at, cosine := nearest(c.images[i*c.p:(i+1)*c.p], c.texts, c.p, clipTexts)
		for k, text := range at {
			col := plot.Ink
			if text == c.says[i] {
				col = rightInk
			}
			s.text(fmt.Sprintf("%.2f  %s", cosine[k], caption(text)), x, y+(k+1)*clipLine, col)
		}
	}
	captions := Picture{Name: "captions", Image: s.Img,
		Caption: fmt.Sprintf("Test pictures with their own captions, grey, and the %d captions of test pictures that are nearest to each, with their cosines; green is its own.", clipTexts)}

	rows = data.Evenly(clipRows, len(c.tokens))
	if s, err = newClipSheet(t, test, clipGap+clipFound*(clipTile+clipGap), len(rows)*(clipTile+clipLine+2*clipGap)+clipGap); err != nil {
		return nil, err
	}
	for row, text := range rows {
		y := clipGap + row*(clipTile+clipLine+2*clipGap)
		s.text(caption(text), clipGap, y-2, plot.Ink)
		at, _ := nearest(c.texts[text*c.p:(text+1)*c.p], c.images, c.p, clipFound)
		for k, i := range at {
			if err := s.picture(i, clipGap+k*(clipTile+clipGap), y+clipLine+3, c.says[i] == text); err != nil {
				return nil, err
			}
		}
	}
	return []Picture{captions, {Name: "found", Image: s.Img,
		Caption: "Captions of test pictures, and the test pictures that are nearest to each; framed are those that have this caption."}}, nil
}
