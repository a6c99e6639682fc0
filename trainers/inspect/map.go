package inspect

import (
	"fmt"
	"image"
	"math"

	xdraw "golang.org/x/image/draw"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/data/transforms"
	"x2vec/trainers/eval"
)

// A Map is codes in the plane, kept as map.json.
type Map struct {
	Header
	Method  string   `json:"method"` // pca or tsne
	Classes []string `json:"classes"`
	Thumbs  *Thumbs  `json:"thumbs"` // the points' pictures; null where they have none
	Points  []Point  `json:"points"`
	// Neighbors are the numbers of the points whose codes are nearest to each point's
	// own (cosine), the nearest first.
	Neighbors [][]int `json:"neighbors"`

	// Codes are those of the points, as they were before they were placed.
	Codes eval.Features `json:"-"`

	sheet image.Image
}

// Sheet is the picture that Thumbs is about; nil where there is none.
func (m *Map) Sheet() image.Image { return m.sheet }

// A Point of a map.
type Point struct {
	X     float64 `json:"x"`
	Y     float64 `json:"y"`
	Index int     `json:"index"` // of the example, or of the word
	Label int     `json:"label"` // -1: none
	Text  string  `json:"text,omitempty"`
}

// Thumbs is a sheet of small pictures, those of the points in their order, row by row.
type Thumbs struct {
	File    string `json:"file"`
	Width   int    `json:"width"` // of one picture
	Height  int    `json:"height"`
	Columns int    `json:"columns"`
}

// Methods of a map.
const (
	ByPCA  = "pca"
	ByTSNE = "tsne"
)

const (
	mapNeighbors  = 8
	mapPerplexity = 30
	thumbSide     = 32 // of a thumbnail, at most
)

// NewMap places codes, those of the examples or words at index, in the plane. rounds
// are those of t-SNE; what it is too few codes for is placed by PCA.
func NewMap(f eval.Features, index []int, classes []string, method string, rounds int) (*Map, error) {
	n := f.N()
	if n < 3 {
		return nil, fmt.Errorf("a map wants at least 3 codes, and there are %d", n)
	}
	m := &Map{Method: method, Classes: classes, Points: make([]Point, n), Codes: f}
	if m.Classes == nil {
		m.Classes = []string{}
	}
	if method == ByTSNE && n < 3*mapPerplexity+1 {
		m.Method = ByPCA
	}
	var at []float32
	d := 2
	var err error
	if m.Method == ByTSNE {
		at, err = TSNE{mapPerplexity, rounds}.Place(f)
	} else {
		at, d, err = Principal(f, 2)
	}
	if err != nil {
		return nil, err
	}
	for i := range m.Points {
		p := Point{Index: index[i], Label: -1, X: rounded(at[i*d])}
		if d > 1 {
			p.Y = rounded(at[i*d+1])
		}
		if f.Labels != nil {
			p.Label = f.Labels[i]
		}
		m.Points[i] = p
	}
	k := min(mapNeighbors, n-1)
	self := make([]int, n)
	for i := range self {
		self[i] = i
	}
	near, err := eval.Nearest(f, f, k, eval.Cosine, self)
	if err != nil {
		return nil, err
	}
	for i := range n {
		list, _ := near.Of(i)
		m.Neighbors = append(m.Neighbors, list)
	}
	return m, nil
}

// rounded is v with five digits: a file of thousands of points stays small.
func rounded(v float32) float64 {
	if v == 0 {
		return 0
	}
	scale := math.Pow(10, 4-math.Floor(math.Log10(math.Abs(float64(v)))))
	return math.Round(float64(v)*scale) / scale
}

// Illustrate gives the points the pictures of their examples.
func (m *Map) Illustrate(src data.Source) error {
	spec := src.Spec()
	if !spec.Image() || spec.Codes > 0 {
		return nil
	}
	h, w := spec.Shape[1], spec.Shape[2]
	if longest := max(h, w); longest > thumbSide {
		h, w = max(1, h*thumbSide/longest), max(1, w*thumbSide/longest)
	}
	columns := int(math.Ceil(math.Sqrt(float64(len(m.Points)))))
	rows := (len(m.Points) + columns - 1) / columns
	sheet := image.NewRGBA(image.Rect(0, 0, columns*w, rows*h))
	for i, p := range m.Points {
		img, err := Example(src, p.Index)
		if err != nil {
			return err
		}
		at := image.Pt(i%columns*w, i/columns*h)
		xdraw.ApproxBiLinear.Scale(sheet, image.Rectangle{at, at.Add(image.Pt(w, h))}, img, img.Bounds(), xdraw.Src, nil)
	}
	m.sheet = sheet
	m.Thumbs = &Thumbs{Width: w, Height: h, Columns: columns}
	return nil
}

// Example is the picture of an example.
func Example(src data.Source, index int) (image.Image, error) {
	spec := src.Spec()
	x := data.Example{Pixels: make([]byte, spec.Size()), Factors: make([]float32, len(spec.Factors))}
	if err := src.Read(index, &x); err != nil {
		return nil, err
	}
	return transforms.Picture(x.Pixels, spec.Shape)
}

const mapSide = 800

// Draw is the map as a picture: thumbnails where the points have them and there is
// room, words, else dots in the colours of their classes.
func (m *Map) Draw() (image.Image, error) {
	const margin = 40
	legend := 0
	if len(m.Classes) > 0 && len(m.Classes) <= 30 {
		legend = 150
	}
	c, err := plot.New(mapSide+legend, mapSide)
	if err != nil {
		return nil, err
	}
	at := make([][2]float64, len(m.Points))
	for i, p := range m.Points {
		at[i] = [2]float64{p.X, p.Y}
	}
	view := plot.NewView(image.Rect(margin, margin, mapSide-margin, mapSide-margin), at, m.Method == ByTSNE)
	for i, p := range m.Points {
		x, y := view.At(at[i])
		switch {
		case p.Text != "":
			c.Label(x, y, p.Text, plot.Class(p.Label, len(m.Classes)))
		default:
			c.Dot(x, y, 3, plot.Class(p.Label, len(m.Classes)))
		}
	}
	if legend > 0 {
		for i, name := range m.Classes {
			y := margin + i*20
			c.Dot(mapSide+6, float64(y-4), 5, plot.Class(i, len(m.Classes)))
			c.Text(mapSide+16, y, c.Fit(name, legend-22), plot.Ink)
		}
	}
	return c.Img, nil
}

// Write puts the map into a folder: map.json, its picture and the thumbnails, name
// standing for "map".
func (m *Map) Write(f Folder, name string) error {
	if m.Thumbs != nil {
		thumbs, err := f.Picture(name+"-thumbs", "", m.sheet)
		if err != nil {
			return err
		}
		m.Thumbs.File = thumbs.File
	}
	img, err := m.Draw()
	if err != nil {
		return err
	}
	how := "principal components"
	if m.Method == ByTSNE {
		how = "t-SNE"
	}
	what := fmt.Sprintf("%d examples", len(m.Points))
	if m.Points[0].Text != "" {
		what = fmt.Sprintf("%d words", len(m.Points))
	}
	picture, err := f.Picture(name, fmt.Sprintf("%s where %s put their codes.", what, how), img)
	if err != nil {
		return err
	}
	m.Pictures = []eval.Picture{picture}
	return f.JSON(name, m)
}
