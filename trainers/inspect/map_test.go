package inspect

import (
	"encoding/json"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"x2vec/data/draw"
	"x2vec/data/readers"
	"x2vec/graph/golden"
	"x2vec/graph/ops/par"
	"x2vec/trainers/eval"
)

// clouds are codes of d values around k centres, n of each, far from each other.
func clouds(k, n, d int) eval.Features {
	f := eval.Features{D: d}
	r := draw.New(7)
	for c := range k {
		centre := make([]float32, d)
		for j := range centre {
			centre[j] = 10 * float32(r.Norm())
		}
		for range n {
			for j := range d {
				f.X = append(f.X, centre[j]+float32(r.Norm()))
			}
			f.Labels = append(f.Labels, c)
		}
	}
	return f
}

// The first two principal components are those of PyTorch's singular values.
func TestGoldenPCA(t *testing.T) {
	golden.Each(t, "pca", func(t *testing.T, c *golden.Case) {
		var set struct{ Keep int }
		c.Settings(&set)
		x := c.Array("in.x")
		f := eval.Features{D: x.Shape[1]}
		for _, v := range x.F64 {
			f.X = append(f.X, float32(v))
		}
		got, k, err := Principal(f, set.Keep)
		if err != nil || k != set.Keep {
			t.Fatalf("%d components, %v", k, err)
		}
		for i, want := range c.Array("out.scores").F64 {
			if math.Abs(float64(got[i])-want) > 1e-4 {
				t.Errorf("score %d is %g, want %g", i, got[i], want)
			}
		}
	})
}

// With t-SNE the nearest points in the plane are of the same cloud but for some on
// their way, whatever the number of threads.
func TestTSNE(t *testing.T) {
	f := clouds(5, 30, 40)
	place := func() []float32 {
		y, err := TSNE{Perplexity: 10, Rounds: 200}.Place(f)
		if err != nil {
			t.Fatal(err)
		}
		return y
	}
	y := place()
	self := make([]int, f.N())
	for i := range self {
		self[i] = i
	}
	plane := eval.Features{X: y, D: 2}
	near, err := eval.Nearest(plane, plane, 5, eval.Euclidean, self)
	if err != nil {
		t.Fatal(err)
	}
	strange := 0
	for i := range f.N() {
		list, _ := near.Of(i)
		for _, j := range list {
			if f.Labels[j] != f.Labels[i] {
				strange++
			}
		}
	}
	if strange > 5*f.N()/100 {
		t.Errorf("%d of %d nearest points are of another cloud", strange, 5*f.N())
	}
	before := par.Threads()
	defer par.SetThreads(before)
	par.SetThreads(3 - min(before, 2))
	if !slices.Equal(y, place()) {
		t.Error("another number of threads gives another map")
	}
	if _, err := (TSNE{Perplexity: 60, Rounds: 1}).Place(f); err == nil {
		t.Error("a perplexity of 60 for 150 codes is taken")
	}
}

// A map names its points, their neighbours in the space of the codes and their
// pictures, and can be read again.
func TestMap(t *testing.T) {
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "test", Count: 60, Size: 48})
	if err != nil {
		t.Fatal(err)
	}
	f := clouds(3, 4, 6)
	index := []int{5, 1, 7, 9, 2, 4, 6, 8, 10, 12, 14, 59}
	m, err := NewMap(f, index, src.Spec().Classes, ByTSNE, 10)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Illustrate(src); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := m.Write(Of(dir), "map"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "inspect", "map.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got Map
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if got.Method != ByPCA || len(got.Points) != 12 || got.Points[11].Index != 59 || got.Points[0].Label != 0 || len(got.Classes) != 5 {
		t.Errorf("the map is %+v", got)
	}
	for i, list := range got.Neighbors {
		if len(list) != 8 || slices.Contains(list, i) || list[0]/4 != i/4 {
			t.Errorf("point %d has the neighbours %v; its cloud is 4 points from %d on", i, list, i/4*4)
		}
	}
	w, err := os.Open(filepath.Join(dir, filepath.FromSlash(got.Thumbs.File)))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	sheet, err := png.Decode(w)
	if err != nil {
		t.Fatal(err)
	}
	if got.Thumbs.Width != 32 || got.Thumbs.Columns != 4 || sheet.Bounds().Dx() != 4*32 || sheet.Bounds().Dy() != 3*32 {
		t.Errorf("thumbs %+v in a sheet of %v", got.Thumbs, sheet.Bounds())
	}
	for _, f := range []eval.Features{{X: []float32{1, 2}, D: 1}, {X: []float32{1, float32(math.NaN()), 2, 3}, D: 1}} {
		if _, err := NewMap(f, []int{0, 1, 2, 3}, nil, ByPCA, 0); err == nil {
			t.Errorf("a map of %v is drawn", f.X)
		}
	}
}
