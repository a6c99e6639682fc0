package transforms

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/golden"
)

// Soft encoding and rebalancing are the reference's.
func TestGoldenSoftEncode(t *testing.T) {
	golden.Each(t, "ab_soft_encode", func(t *testing.T, c *golden.Case) {
		var h struct {
			Neighbours    int
			Sigma, Lambda float64
		}
		c.Settings(&h)
		e, err := NewSoftEncoder(pairs(c.Floats("in.bins")), h.Neighbours, h.Sigma)
		if err != nil {
			t.Fatal(err)
		}
		var bins []int
		var shares []float32
		for _, ab := range pairs(c.Floats("in.ab")) {
			i, s := make([]int, h.Neighbours), make([]float32, h.Neighbours)
			e.Encode(ab, i, s)
			bins, shares = append(bins, i...), append(shares, s...)
		}
		if want := c.Ints("out.idx"); !slices.Equal(bins, want) {
			t.Errorf("bins %v, want %v", bins, want)
		}
		c.Check("out.weight", shares)
		prior := make([]float64, 0, len(e.Bins()))
		for _, p := range c.Floats("in.prior") {
			prior = append(prior, float64(p))
		}
		c.Check("out.rebalance", Rebalance(prior, h.Lambda))
	})
}

func pairs(x []float32) (list []AB) {
	for i := 0; i < len(x); i += 2 {
		list = append(list, AB{x[i], x[i+1]})
	}
	return list
}

// The bins are what their rule says: of the points of a grid of 10, the 313 nearest
// to the colours of sRGB. Nearest are the colours on the faces of the cube, and for
// points among the colours themselves those inside.
func TestABBins(t *testing.T) {
	type point struct{ a, b, d float64 }
	var grid []point
	for a := -120.0; a <= 120; a += ABStep {
		for b := -120.0; b <= 120; b += ABStep {
			grid = append(grid, point{a, b, math.Inf(1)})
		}
	}
	see := func(r, g, b int) {
		lab := LabOfRGB([3]float64{float64(r) / 255, float64(g) / 255, float64(b) / 255})
		for i, p := range grid {
			if d := math.Hypot(lab[1]-p.a, lab[2]-p.b); d < p.d {
				grid[i].d = d
			}
		}
	}
	step := 3 // of the faces, whose edges are seen in full
	for i := 0; i < 256; i++ {
		for _, j := range []int{0, 255} {
			for _, k := range []int{0, 255} {
				see(i, j, k)
				see(j, i, k)
				see(j, k, i)
			}
		}
		if i%step != 0 {
			continue
		}
		for j := 0; j < 256; j += step {
			for _, k := range []int{0, 255} {
				see(i, j, k)
				see(i, k, j)
				see(k, i, j)
			}
		}
	}
	for i := 0; i < 256; i += 16 {
		for j := 0; j < 256; j += 16 {
			for k := 0; k < 256; k += 16 {
				see(i, j, k)
			}
		}
	}
	slices.SortStableFunc(grid, func(p, q point) int { return cmp.Compare(p.d, q.d) })
	grid = grid[:313]
	slices.SortFunc(grid, func(p, q point) int { return cmp.Or(cmp.Compare(p.a, q.a), cmp.Compare(p.b, q.b)) })
	bins := ABBins()
	if len(bins) != len(grid) {
		t.Fatalf("%d bins, want %d", len(bins), len(grid))
	}
	for i, p := range grid {
		if bins[i] != (AB{float32(p.a), float32(p.b)}) {
			t.Fatalf("bin %d is %v, want (%g, %g)", i, bins[i], p.a, p.b)
		}
	}
}

// slowEncode is the definition: all bins, sorted by distance.
func slowEncode(bins []AB, c AB, k int, sigma float64) (at []int, shares []float64) {
	d := func(i int) float32 {
		da, db := c[0]-bins[i][0], c[1]-bins[i][1]
		return da*da + db*db
	}
	for i := range bins {
		at = append(at, i)
	}
	slices.SortStableFunc(at, func(i, j int) int { return cmp.Compare(d(i), d(j)) })
	at = at[:k]
	var sum float64
	for _, i := range at {
		// Far from all bins exp(−d²/2σ²) underflows; their ratios do not.
		shares = append(shares, math.Exp(float64(d(at[0])-d(i))/(2*sigma*sigma)))
		sum += shares[len(shares)-1]
	}
	for i := range shares {
		shares[i] /= sum
	}
	return at, shares
}

// The table of cells changes nothing: inside, on the borders of cells, and beyond.
func TestSoftEncodeTable(t *testing.T) {
	r := draw.New(5)
	for _, set := range []struct {
		k     int
		sigma float64
	}{{5, 5}, {1, 2}, {10, 8}} {
		e, err := NewSoftEncoder(ABBins(), set.k, set.sigma)
		if err != nil {
			t.Fatal(err)
		}
		at, shares := make([]int, set.k), make([]float32, set.k)
		for i := range 4_000 {
			c := AB{float32(300*r.Float64() - 150), float32(300*r.Float64() - 150)}
			if i%3 == 0 { // on the grid of the cells and of the bins, with ties
				c = AB{float32(r.IntN(61)-30) * cellSize, float32(r.IntN(61)-30) * 5}
			}
			e.Encode(c, at, shares)
			bins, want := slowEncode(e.Bins(), c, set.k, set.sigma)
			if !slices.Equal(at, bins) {
				t.Fatalf("%v: bins %v, want %v", c, at, bins)
			}
			for j, w := range want {
				if math.Abs(float64(shares[j])-w) > 1e-5 {
					t.Fatalf("%v: shares %v, want %v", c, shares, want)
				}
			}
			if n := e.Nearest(c); n != bins[0] {
				t.Fatalf("%v: nearest %d, want %d", c, n, bins[0])
			}
		}
	}
	// What is no number stays visible, and costs nothing else.
	e, _ := NewSoftEncoder(ABBins(), 5, 5)
	at, shares := make([]int, 5), make([]float32, 5)
	e.Encode(AB{float32(math.NaN()), 3}, at, shares)
	if !math.IsNaN(float64(shares[0])) {
		t.Errorf("shares of NaN are %v", shares)
	}
}

func TestSoftEncoderRefuses(t *testing.T) {
	bins := ABBins()
	for want, f := range map[string]func() (*SoftEncoder, error){
		"the nearest 0 of 313 bins: want 1 to 16":  func() (*SoftEncoder, error) { return NewSoftEncoder(bins, 0, 5) },
		"the nearest 17 of 313 bins: want 1 to 16": func() (*SoftEncoder, error) { return NewSoftEncoder(bins, 17, 5) },
		"the nearest 5 of 3 bins: want 1 to 3":     func() (*SoftEncoder, error) { return NewSoftEncoder(bins[:3], 5, 5) },
		"sigma is 0, want more than 0":             func() (*SoftEncoder, error) { return NewSoftEncoder(bins, 5, 0) },
		"sigma is NaN":                             func() (*SoftEncoder, error) { return NewSoftEncoder(bins, 5, math.NaN()) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// With lambda 1 all bins count alike, with 0 inversely to how often they occur.
func TestRebalance(t *testing.T) {
	prior := []float64{0.7, 0.2, 0.1, 0}
	for lambda, want := range map[float64][]float64{
		1: {1, 1, 1, 1},
		0: {1 / (3 * 0.7), 1 / (3 * 0.2), 1 / (3 * 0.1), 0},
	} {
		for i, w := range Rebalance(prior, lambda) {
			if math.Abs(float64(w)-want[i]) > 1e-6 {
				t.Errorf("lambda %g: bin %d weighs %v, want %v", lambda, i, w, want[i])
			}
		}
	}
}

func BenchmarkSoftEncode(b *testing.B) {
	e, err := NewSoftEncoder(ABBins(), 5, 5)
	if err != nil {
		b.Fatal(err)
	}
	r := draw.New(2)
	colours := make([]AB, 256)
	for i := range colours {
		colours[i] = AB{float32(20 * r.Norm()), float32(20 * r.Norm())}
	}
	at, shares := make([]int, 5), make([]float32, 5)
	for b.Loop() {
		for _, c := range colours {
			e.Encode(c, at, shares)
		}
	}
	perPixel(b, len(colours))
}
