package ops

import (
	"fmt"
	"math"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// A CenterForm is what CenterCode makes of the distances z of a row to the centers.
type CenterForm int

const (
	// Distances are z itself.
	Distances CenterForm = iota
	// Triangle is max(0, mean(z) − z): 0 for about half of the centers (Coates, Lee
	// and Ng 2011, "An analysis of single-layer networks in unsupervised feature
	// learning", section 3.2.1, f_k of K-means (triangle)).
	Triangle
	// OneHot is 1 for the nearest center, the first of equally near ones, and 0 for
	// the others (f_k of K-means (hard), there).
	OneHot
)

// CenterCode codes rows by their Euclidean distances to centers, (K, D), in one of
// the forms. Rows x of (B, D) give (B, K).
//
// Where an example has several rows, x is (B, P, D) and they stand in a grid of Cols
// columns, row by row. The codes of each of Pool x Pool regions of the grid, of
// nearly equal size, are summed: (B, Pool·Pool·K), region by region in reading
// order. It has no gradient.
type CenterCode struct {
	Form       CenterForm
	Cols, Pool int // of (B, P, D) alone

	batch, p, k, d int
	chunk          int       // examples
	region         []int     // of each row of an example
	centers        []float32 // −2 times them, (K, D)
	squares        []float32 // (K)
	scratch        lanes

	call
	forward func(lo, hi int)
}

// Name implements Kernel.
func (k *CenterCode) Name() string { return "code by centers" }

// Shape implements Kernel.
func (k *CenterCode) Shape(in []tensor.Shape) (tensor.Shape, error) {
	x, c := in[0], in[1]
	if c.Dims() != 2 || x.Dims() < 2 || x.Dims() > 3 || x[x.Dims()-1] != c[1] {
		return nil, fmt.Errorf("x is %v and the centers %v; want (B, D) or (B, P, D) and (K, D)", x, c)
	}
	k.batch, k.p, k.k, k.d = x[0], 1, c[0], c[1]
	out := tensor.Shape{k.batch, k.k}
	if x.Dims() == 3 {
		k.p = x[1]
		if k.Cols < 1 || k.p%k.Cols != 0 || k.Pool < 1 || k.Pool > min(k.Cols, k.p/k.Cols) {
			return nil, fmt.Errorf("a grid of %d rows in %d columns has no %dx%d regions", k.p, k.Cols, k.Pool, k.Pool)
		}
		for i := range k.p {
			y, x := i/k.Cols, i%k.Cols
			k.region = append(k.region, y*k.Pool/(k.p/k.Cols)*k.Pool+x*k.Pool/k.Cols)
		}
		out[1] *= k.Pool * k.Pool
	} else {
		k.region = []int{0}
	}
	k.chunk = max(1, nearestRows/k.p)
	k.centers, k.squares = make([]float32, k.k*k.d), make([]float32, k.k)
	k.forward = k.forwardExamples
	return out, nil
}

// Grads implements Kernel.
func (k *CenterCode) Grads() []bool { return []bool{false, false} }

// Forward implements Kernel.
func (k *CenterCode) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	vec.Scale(k.centers, in[1].F, -2)
	for i := range k.squares {
		k.squares[i] = float32(vec.SumSquares(in[1].F[i*k.d : (i+1)*k.d]))
	}
	k.scratch.open(min(centerRows, k.chunk*k.p) * k.k)
	par.For(k.batch, k.chunk, k.forward)
	k.scratch.close()
	k.call = call{}
}

// centerRows is how many rows one product takes: their distances to a thousand or two
// of centers stay in the cache until they are added up.
const centerRows = 256

// forwardExamples codes examples lo to hi-1.
func (k *CenterCode) forwardExamples(lo, hi int) {
	lane, z := k.scratch.take()
	n, x := (hi-lo)*k.p, k.in[0].F[lo*k.p*k.d:hi*k.p*k.d]
	width := len(k.out) / k.batch
	clear(k.out[lo*width : hi*width])
	for at := 0; at < n; at += centerRows {
		rows := min(centerRows, n-at)
		blas.Serial(false, true, rows, k.k, k.d, x[at*k.d:], k.d, k.centers, k.d, z, k.k, false)
		for i := range rows {
			row := at + i
			to := (lo+row/k.p)*width + k.region[row%k.p]*k.k
			k.add(k.out[to:to+k.k], z[i*k.k:(i+1)*k.k], float32(vec.SumSquares(x[row*k.d:(row+1)*k.d])))
		}
	}
	k.scratch.release(lane)
}

// add adds the code of one row to sum; z are its squared distances less |x|² and less
// those of the centers.
func (k *CenterCode) add(sum, z []float32, square float32) {
	if k.Form == OneHot {
		vec.Add(z, z, k.squares)
		vec.Scale(z, z, -1)
		sum[largest(z)]++
		return
	}
	all := vec.Distances(z, k.squares, square)
	if k.Form == Distances {
		vec.Add(sum, sum, z)
		return
	}
	vec.AddBelow(sum, z, float32(all/float64(k.k)))
}

// Backward implements Kernel; there is none.
func (k *CenterCode) Backward([]Arg, []float32, []float32, [][]float32) {}

// LocalPatches cuts pictures (B, C, H, W) into all patches of Size x Size pixels
// that begin at multiples of Stride: (B, P, C·Size·Size), patches row by row, the
// values of each by channel, row and column. Each patch is brought to mean 0 and
// variance 1, as (x − mean)/√(variance + Eps), with the variance over n−1 (Coates,
// Lee and Ng 2011, section 3.1.1). It has no gradient.
type LocalPatches struct {
	Size, Stride int
	Eps          float32 // ≥ 0, in the square of the values' unit

	c, h, w, rows, cols int
	call
	forward func(lo, hi int)
}

// PatchGridOf is how many patches of size, stride apart, lie below and beside each
// other in pictures (C, H, W); an error where none does.
func PatchGridOf(shape []int, size, stride int) (rows, cols int, err error) {
	if len(shape) != 3 || min(shape[0], shape[1], shape[2]) < 1 {
		return 0, 0, fmt.Errorf("an example of shape %v is no picture of (channels, height, width)", shape)
	}
	if size < 1 || stride < 1 {
		return 0, 0, fmt.Errorf("patches of %dx%d, %d apart: want at least 1", size, size, stride)
	}
	if size > shape[1] || size > shape[2] {
		return 0, 0, fmt.Errorf("pictures of %dx%d are smaller than a patch of %dx%d", shape[1], shape[2], size, size)
	}
	return (shape[1]-size)/stride + 1, (shape[2]-size)/stride + 1, nil
}

// Name implements Kernel.
func (k *LocalPatches) Name() string { return "local patches" }

// Shape implements Kernel.
func (k *LocalPatches) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if in[0].Dims() != 4 || !(k.Eps >= 0) {
		return nil, fmt.Errorf("pictures are %v and eps %v; want (B, C, H, W) and at least 0", in[0], k.Eps)
	}
	k.c, k.h, k.w = in[0][1], in[0][2], in[0][3]
	var err error
	if k.rows, k.cols, err = PatchGridOf(in[0][1:], k.Size, k.Stride); err != nil {
		return nil, err
	}
	k.forward = k.forwardPictures
	return tensor.Shape{in[0][0], k.rows * k.cols, k.c * k.Size * k.Size}, nil
}

// Grads implements Kernel.
func (k *LocalPatches) Grads() []bool { return []bool{false} }

// Forward implements Kernel.
func (k *LocalPatches) Forward(in []Arg, out []float32) {
	k.call = call{in: in, out: out}
	par.For(in[0].Shape[0], 1, k.forward)
	k.call = call{}
}

func (k *LocalPatches) forwardPictures(lo, hi int) {
	size, n := k.c*k.h*k.w, k.c*k.Size*k.Size
	for b := lo; b < hi; b++ {
		x := k.in[0].F[b*size : (b+1)*size]
		for i := range k.rows * k.cols {
			patch := k.out[(b*k.rows*k.cols+i)*n:][:n]
			CutPatch(patch, x, []int{k.c, k.h, k.w}, k.Size, i/k.cols*k.Stride, i%k.cols*k.Stride)
			NormalizePatch(patch, k.Eps)
		}
	}
}

// CutPatch writes the size x size pixels, (C, size, size), that begin at row y and
// column x of a picture of that shape, (C, H, W).
func CutPatch(patch, picture []float32, shape []int, size, y, x int) {
	h, w := shape[1], shape[2]
	for c := range shape[0] {
		for r := range size {
			copy(patch[(c*size+r)*size:][:size], picture[(c*h+y+r)*w+x:])
		}
	}
}

// NormalizePatch brings a patch to mean 0 and variance 1 as LocalPatches says. One
// of a single value becomes 0.
func NormalizePatch(patch []float32, eps float32) {
	n := float64(len(patch))
	mean := vec.Sum(patch) / n
	var square float64
	for _, v := range patch {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	std := math.Sqrt(square/max(1, n-1) + float64(eps))
	if std == 0 { // a patch of one colour
		clear(patch)
		return
	}
	scale, shift := float32(1/std), float32(mean/std)
	for i, v := range patch {
		patch[i] = v*scale - shift
	}
}

// Backward implements Kernel; there is none.
func (k *LocalPatches) Backward([]Arg, []float32, []float32, [][]float32) {}
