package ops

import (
	"fmt"
	"math"
	"slices"

	"gorgonia.org/tensor"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// NTXent is the normalised temperature-scaled cross-entropy of views z, (2N, D), a
// scalar: rows i and i+N are two views of one example, and each is asked for among
// all rows but itself (Chen et al. 2020, arXiv:2002.05709, eq. 1). Rows are taken at
// unit length; the mean is over the 2N rows.
type NTXent struct {
	Temperature float32 // > 0

	z    units
	each contrast
}

// Name implements Kernel.
func (k *NTXent) Name() string { return "nt-xent" }

// Shape implements Kernel.
func (k *NTXent) Shape(in []tensor.Shape) (tensor.Shape, error) {
	z := in[0]
	if z.Dims() != 2 || z[0]%2 != 0 {
		return nil, fmt.Errorf("views are %v, want (2N, D)", z)
	}
	if !(k.Temperature > 0) {
		return nil, fmt.Errorf("temperature is %v, want above 0", k.Temperature)
	}
	k.z.size(z)
	k.each.size(z[0], z[1], z[0]/2)
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *NTXent) Grads() []bool { return []bool{true} }

// Forward implements Kernel.
func (k *NTXent) Forward(in []Arg, out []float32) {
	k.z.normalize(in[0].F)
	out[0] = float32(k.each.loss(k.z.u, k.z.u, 1/k.Temperature) / float64(k.each.n))
}

// Backward implements Kernel.
func (k *NTXent) Backward(in []Arg, out, dout []float32, din [][]float32) {
	if din[0] == nil {
		return
	}
	k.each.logits(dout[0] / float32(k.each.n))
	du := borrow(len(k.z.u))
	k.each.gradient(du, du, false)
	k.z.gradient(din[0], du)
	giveBack(du)
}

// InfoNCE is the cross-entropy of pairs, a scalar: row i of a, (N, D), is asked for
// its partner, row i of b, (N, D), among all rows of b (van den Oord et al. 2018,
// arXiv:1807.03748, eq. 4). Symmetric also asks each row of b for its partner in a,
// and is the mean of both (Radford et al. 2021, arXiv:2103.00020, figure 3). Rows are
// taken at unit length; the logits are their products over the temperature.
//
// The inputs are a, b and, if Learned, log(1/temperature), (1); the setting
// Temperature is not looked at then.
type InfoNCE struct {
	Temperature float32 // > 0
	Symmetric   bool
	Learned     bool

	a, b           units
	forth, back    contrast
	chunk          int
	dots           []float64
	da             []float32
	scaleOfProduct func(lo, hi int)
}

// Name implements Kernel.
func (k *InfoNCE) Name() string { return "info-nce" }

// Shape implements Kernel.
func (k *InfoNCE) Shape(in []tensor.Shape) (tensor.Shape, error) {
	a, b := in[0], in[1]
	if a.Dims() != 2 || !slices.Equal(a, b) {
		return nil, fmt.Errorf("pairs are %v and %v, want (N, D) twice", a, b)
	}
	if k.Learned && in[2].TotalSize() != 1 {
		return nil, fmt.Errorf("the scale is %v, want (1)", in[2])
	}
	if !k.Learned && !(k.Temperature > 0) {
		return nil, fmt.Errorf("temperature is %v, want above 0", k.Temperature)
	}
	k.a.size(a)
	k.b.size(a)
	k.forth.size(a[0], a[1], 0)
	if k.Symmetric {
		k.back.size(a[0], a[1], 0)
	}
	k.chunk = rowChunk(a[0], a[1])
	k.dots = make([]float64, parts(a[0], k.chunk))
	k.scaleOfProduct = k.products
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *InfoNCE) Grads() []bool {
	if k.Learned {
		return []bool{true, true, true}
	}
	return []bool{true, true}
}

// Forward implements Kernel.
func (k *InfoNCE) Forward(in []Arg, out []float32) {
	scale := 1 / k.Temperature
	if k.Learned {
		scale = float32(math.Exp(float64(in[2].F[0])))
	}
	k.a.normalize(in[0].F)
	k.b.normalize(in[1].F)
	loss := k.forth.loss(k.a.u, k.b.u, scale)
	n := float64(k.forth.n)
	if k.Symmetric {
		loss += k.back.loss(k.b.u, k.a.u, scale)
		n *= 2
	}
	out[0] = float32(loss / n)
}

// Backward implements Kernel.
func (k *InfoNCE) Backward(in []Arg, out, dout []float32, din [][]float32) {
	c := dout[0] / float32(k.forth.n)
	if k.Symmetric {
		c /= 2
	}
	da, db := borrow(len(k.a.u)), borrow(len(k.b.u))
	k.forth.logits(c)
	k.forth.gradient(da, db, false)
	if k.Symmetric {
		k.back.logits(c)
		k.back.gradient(db, da, true)
	}
	if k.Learned && din[2] != nil {
		// The derivative by log(scale) is Σ logit·dlogit, and da holds for each row of
		// a its products with what its logits weigh.
		k.da = da
		par.For(k.forth.n, k.chunk, k.scaleOfProduct)
		din[2][0] = float32(total(k.dots))
		k.da = nil
	}
	if din[0] != nil {
		k.a.gradient(din[0], da)
	}
	if din[1] != nil {
		k.b.gradient(din[1], db)
	}
	giveBack(db)
	giveBack(da)
}

// products sums a·da over rows.
func (k *InfoNCE) products(lo, hi int) {
	d := k.forth.d
	k.dots[lo/k.chunk] = vec.Dot(k.a.u[lo*d:hi*d], k.da[lo*d:hi*d])
}

// Temperature is that of an InfoNCE whose temperature is learned, a scalar without a
// gradient, to watch it by: exp(−s) of its input s, (1).
type Temperature struct{}

// Name implements Kernel.
func (k *Temperature) Name() string { return "temperature" }

// Shape implements Kernel.
func (k *Temperature) Shape(in []tensor.Shape) (tensor.Shape, error) {
	if in[0].TotalSize() != 1 {
		return nil, fmt.Errorf("the scale is %v, want (1)", in[0])
	}
	return tensor.Shape{}, nil
}

// Grads implements Kernel.
func (k *Temperature) Grads() []bool { return []bool{false} }

// Forward implements Kernel.
func (k *Temperature) Forward(in []Arg, out []float32) {
	out[0] = float32(math.Exp(-float64(in[0].F[0])))
}

// Backward implements Kernel.
func (k *Temperature) Backward([]Arg, []float32, []float32, [][]float32) {}

// units are rows brought to unit length, as by L2Normalize.
type units struct {
	n, d, chunk int
	u           []float32 // (n, d)
	inverse     []float32 // 1/length, (n)

	x, dx, du         []float32
	forward, backward func(lo, hi int)
}

func (r *units) size(s tensor.Shape) {
	r.n, r.d = s[0], s[1]
	r.chunk = rowChunk(r.n, r.d)
	r.u, r.inverse = make([]float32, r.n*r.d), make([]float32, r.n)
	r.forward, r.backward = r.forwardRows, r.backwardRows
}

func (r *units) normalize(x []float32) {
	r.x = x
	par.For(r.n, r.chunk, r.forward)
	r.x = nil
}

func (r *units) forwardRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		r.inverse[i] = unitRow(r.u[i*r.d:(i+1)*r.d], r.x[i*r.d:(i+1)*r.d])
	}
}

// gradient writes that of the rows as they were, from that of the unit rows.
func (r *units) gradient(dx, du []float32) {
	r.dx, r.du = dx, du
	par.For(r.n, r.chunk, r.backward)
	r.dx, r.du = nil, nil
}

func (r *units) backwardRows(lo, hi int) {
	for i := lo; i < hi; i++ {
		a, b := i*r.d, (i+1)*r.d
		unitGradRow(r.dx[a:b], r.du[a:b], r.u[a:b], r.inverse[i])
	}
}

// contrast is the softmax cross-entropy of n queries among n keys, rows of d
// values, with the logits scale·q·k. The target of query i is key i+shift, modulo
// n; where shift is not 0, queries and keys are the same rows and a row is no key
// of its own.
type contrast struct {
	n, d, shift int
	p           []float32 // (n, n): the softmax, then the gradient of the products q·k
	losses      []float64 // (n)
	chunk       int

	q, k     []float32
	scale, c float32
	rows     func(blas.Block)
	dif      func(lo, hi int)
}

func (t *contrast) size(n, d, shift int) {
	t.n, t.d, t.shift = n, d, shift
	t.p, t.losses = mem.Floats(n*n), make([]float64, n)
	t.chunk = rowChunk(n, n)
	t.rows, t.dif = t.forwardRows, t.backwardRows
}

// loss is the sum over the queries. q and k are kept for gradient.
func (t *contrast) loss(q, k []float32, scale float32) float64 {
	t.q, t.k, t.scale = q, k, scale
	blas.GemmRows(false, true, t.n, t.n, t.d, q, t.d, k, t.d, t.p, t.n, false, t.rows)
	return total(t.losses)
}

func (t *contrast) forwardRows(b blas.Block) {
	for i := b.I0; i < b.I1; i++ {
		row := t.p[i*t.n : (i+1)*t.n]
		if t.shift != 0 {
			row[i] = float32(math.Inf(-1))
		}
		target := float64(t.scale) * float64(row[(i+t.shift)%t.n])
		t.losses[i] = float64(vec.SoftmaxRow(row, row, t.scale)) - target
	}
}

// logits makes p the gradient of the products, where c is that of one query's loss.
func (t *contrast) logits(c float32) {
	t.c = c * t.scale
	par.For(t.n, t.chunk, t.dif)
}

func (t *contrast) backwardRows(lo, hi int) {
	vec.Scale(t.p[lo*t.n:hi*t.n], t.p[lo*t.n:hi*t.n], t.c)
	for i := lo; i < hi; i++ {
		t.p[i*t.n+(i+t.shift)%t.n] -= t.c
	}
}

// gradient writes those of queries and keys, which may be one array, or adds them
// if add.
func (t *contrast) gradient(dq, dk []float32, add bool) {
	one := &dq[0] == &dk[0]
	blas.Gemm(false, false, t.n, t.d, t.n, t.p, t.n, t.k, t.d, dq, t.d, add)
	blas.Gemm(true, false, t.n, t.d, t.n, t.p, t.n, t.q, t.d, dk, t.d, add || one)
}
