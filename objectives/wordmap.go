package objectives

import (
	"fmt"
	"image"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/graph"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/vec"
)

// relations are pairs of words that stand to each other alike (Mikolov, Yih and
// Zweig 2013, "Linguistic regularities in continuous space word representations").
var relations = []struct{ name, title, pairs string }{
	{"male-female", "Male and female", "man woman, king queen, father mother, son daughter, brother sister, husband wife, boy girl, he she, prince princess, uncle aunt, actor actress, lord lady"},
	{"verb-tense", "Present and past", "walk walked, take took, go went, see saw, give gave, come came, make made, know knew, find found, write wrote, speak spoke, run ran"},
	{"country-capital", "Country and capital", "france paris, italy rome, germany berlin, spain madrid, england london, russia moscow, japan tokyo, china beijing, greece athens, egypt cairo, poland warsaw, austria vienna, judah jerusalem, israel samaria"},
}

const (
	leastPairs   = 3   // of a relation that is drawn
	mappedWords  = 400 // that a map may show
	commonWords  = 100 // the most frequent ones, that say little by themselves
	listedWords  = 16  // in the table of neighbours
	listedNear   = 6   // neighbours of each
	mapW, mapH   = 1000, 700
	mapMargin    = 70
	captionOfMap = "Frequent words where the first two principal components of their vectors put them; labels are left out where they would overlap."
)

// Illustrate implements Illustrated: a map of the words, relations between pairs of
// words that the vocabulary has, and the neighbours of a few.
func (o *Skipgram) Illustrate(t Task, ps *graph.Params) ([]Picture, []Table, error) {
	x, d, err := WordVectors(t, ps)
	if err != nil {
		return nil, nil, err
	}
	m := wordMap{v: t.Spec.Words, d: d, x: slices.Clone(x)}
	for i := range m.v.Len() {
		row := m.row(i)
		if n := math.Sqrt(vec.SumSquares(row)); n > 0 {
			vec.Scale(row, row, float32(1/n))
		}
	}
	var pictures []Picture
	skip := min(commonWords, m.v.Len()/4)
	var words []int
	for i := skip; i < min(m.v.Len(), skip+mappedWords); i++ {
		words = append(words, i)
	}
	if at := m.project(words); at != nil {
		c, err := newDrawing(at)
		if err != nil {
			return nil, nil, err
		}
		for i, word := range words {
			c.label(m.v.Words[word], at[i])
		}
		pictures = append(pictures, Picture{Name: "words", Caption: captionOfMap, Image: c.Img})
	}
	for _, r := range relations {
		pairs := m.pairs(r.pairs)
		if len(pairs) < 2*leastPairs {
			continue
		}
		at := m.project(pairs)
		if at == nil {
			continue
		}
		c, err := newDrawing(at)
		if err != nil {
			return nil, nil, err
		}
		for i := 0; i < len(pairs); i += 2 {
			c.line(at[i], at[i+1])
		}
		for i, word := range pairs {
			c.end(m.v.Words[word], at[i], at[i^1])
		}
		pictures = append(pictures, Picture{Name: r.name, Image: c.Img,
			Caption: r.title + ": pairs of words, by the first two principal components of their vectors; a relation that was learnt has lines of one direction."})
	}
	return pictures, []Table{m.neighbours()}, nil
}

// wordMap is word vectors of length one.
type wordMap struct {
	v *data.Vocabulary
	d int
	x []float32 // (V, d)
}

func (m *wordMap) row(i int) []float32 { return m.x[i*m.d : (i+1)*m.d] }

// pairs are the words of a relation, by twos, as far as both are known.
func (m *wordMap) pairs(list string) (words []int) {
	for pair := range strings.SplitSeq(list, ", ") {
		a, b, _ := strings.Cut(pair, " ")
		i, ok1 := m.v.Find(a)
		j, ok2 := m.v.Find(b)
		if ok1 && ok2 {
			words = append(words, i, j)
		}
	}
	return words
}

// project gives the first two principal components of words, or nil where there are
// none.
func (m *wordMap) project(words []int) [][2]float64 {
	if len(words) < 3 || m.d < 2 {
		return nil
	}
	x := mat.NewDense(len(words), m.d, nil)
	for i, w := range words {
		for j, v := range m.row(w) {
			x.Set(i, j, float64(v))
		}
	}
	var pc stat.PC
	if !pc.PrincipalComponents(x, nil) {
		return nil
	}
	var directions, y mat.Dense
	pc.VectorsTo(&directions)
	if _, n := directions.Dims(); n < 2 {
		return nil
	}
	y.Mul(x, directions.Slice(0, m.d, 0, 2))
	at := make([][2]float64, len(words))
	for i := range at {
		at[i] = [2]float64{y.At(i, 0), y.At(i, 1)}
	}
	return at
}

// neighbours is a table of words from frequent to rare and those nearest to them.
func (m *wordMap) neighbours() Table {
	table := Table{Name: "neighbours", Columns: []string{"word", "times", "nearest"},
		Caption: "Words from frequent to rare, and the words whose vectors are nearest to theirs, with their cosines."}
	v := m.v.Len()
	skip := min(commonWords, v/4)
	n := min(listedWords, v-skip)
	cosines := make([]float32, v)
	for i := range n {
		// Ranks grow by a constant factor, as frequencies fall.
		word := skip + int(math.Pow(float64(v-skip), float64(i)/float64(n))) - 1 + i
		if word >= v {
			break
		}
		blas.Gemm(false, true, v, 1, m.d, m.x, m.d, m.row(word), m.d, cosines, 1, false) // (V, 1)
		var near []string
		for _, g := range best(cosines, listedNear+1) {
			if g.Word != word && len(near) < listedNear {
				near = append(near, fmt.Sprintf("%s %.2f", m.v.Words[g.Word], g.P))
			}
		}
		table.Rows = append(table.Rows, []string{m.v.Words[word], fmt.Sprint(m.v.Counts[word]), strings.Join(near, ", ")})
	}
	return table
}

// drawing is a picture of words at places.
type drawing struct {
	*plot.Canvas
	view plot.View
}

// newDrawing is an empty one that has room for those places.
func newDrawing(at [][2]float64) (*drawing, error) {
	c, err := plot.New(mapW, mapH)
	return &drawing{c, plot.NewView(image.Rect(mapMargin, mapMargin, mapW-mapMargin, mapH-mapMargin), at, false)}, err
}

// line joins two places.
func (d *drawing) line(a, b [2]float64) {
	x0, y0 := d.view.At(a)
	x1, y1 := d.view.At(b)
	d.Line(x0, y0, x1, y1, 1.8, plot.Soft)
}

// label writes a word beside its place, unless another is there already.
func (d *drawing) label(word string, at [2]float64) {
	x, y := d.view.At(at)
	d.Label(x, y, word, plot.Soft)
}

// end writes a word beside the end of a line, on the side where the line is not.
func (d *drawing) end(word string, at, other [2]float64) {
	x, y := d.view.At(at)
	if to, _ := d.view.At(other); to > x {
		d.LabelLeft(x, y, word, plot.Soft)
		return
	}
	d.Label(x, y, word, plot.Soft)
}

var _ Illustrated = (*Skipgram)(nil)
