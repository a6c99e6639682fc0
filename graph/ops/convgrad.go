package ops

import (
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/tile"
	"x2vec/graph/ops/vec"
)

// A weightGrad is the gradient of a convolution's weights: for every channel of
// the small side the sum, over all its pixels, of the gradient there times the
// window that the pixel sees. The windows are read in place from the padded
// large side, as in the sweep down.
//
// Work is divided by pictures and by channels, so that the sums of one part stay
// in the cache; the division depends on the shape alone, and the partial sums of
// the pictures are added in order.
type weightGrad struct {
	link
	down   *sweep // how the large side is padded
	pass   *pass
	at     []int // where vectors of 16 values of a window begin
	width  int   // of a row of sums: 16 for each of at
	lines  []int // where the windows of each line of the small side begin, in one block
	extent int

	images, channels int // pictures and channels of one part
	run              gradRun
}

type gradRun struct {
	dw, small, large []float32
	sums             []float32
	tiles            bool
	parts, collect   func(lo, hi int)
}

// gradParts is how many parts there are to share out, about.
const gradParts = 16

// weightGrad needs the sweep down of the same link.
func (l link) weightGrad(down *sweep) *weightGrad {
	l = l.flat()
	d := &weightGrad{link: l, down: down, pass: down.passes[0]}
	p := d.pass
	most := 0
	for _, o := range p.seg {
		for i := 0; i < p.k; i += tile.Cols {
			d.at = append(d.at, o+i)
			most = max(most, o+i+tile.Cols)
		}
	}
	d.width = len(d.at) * tile.Cols
	for i := range down.block {
		for y := range l.small.h {
			d.lines = append(d.lines, (i*down.hp+y*l.Stride[0])*down.wp*l.large.c)
		}
	}
	d.extent = d.lines[len(d.lines)-1] + (l.small.w-1)*p.lda + most + (l.groups-1)*down.srcCh

	// Each group of pictures costs a pass over all sums; 1024 pixels pay for it.
	groups := max(1, min(gradParts, l.batch*l.small.h*l.small.w/1024, parts(l.batch, down.block)))
	d.images = (parts(l.batch, groups) + down.block - 1) / down.block * down.block
	split := parts(gradParts, groups)
	d.channels = max(2*tile.Rows, (l.small.c+split-1)/split)
	d.channels = (d.channels + tile.Rows - 1) / tile.Rows * tile.Rows
	d.run.parts, d.run.collect = d.part, d.collect
	return d
}

// compute writes dw from the small side (of the gradient, where that is the
// output's) and the large one.
func (d *weightGrad) compute(dw, small, large []float32) {
	r := &d.run
	r.dw, r.small, r.large, r.tiles = dw, small, large, tile.Available()
	groups := parts(d.batch, d.images)
	r.sums = borrow(groups * d.small.c * d.width)
	par.For(groups*parts(d.small.c, d.channels), 1, r.parts)
	par.For(d.small.c, max(1, elements/d.width), r.collect)
	giveBack(r.sums)
	r.dw, r.small, r.large, r.sums = nil, nil, nil, nil
}

func (d *weightGrad) part(lo, hi int) {
	split := parts(d.small.c, d.channels)
	for i := lo; i < hi; i++ {
		g, o := i/split, i%split*d.channels
		d.partOf(g, o, min(d.small.c, o+d.channels))
	}
}

// partOf sums over group g of the pictures for channels o0 to o1-1 of the small
// side.
func (d *weightGrad) partOf(g, o0, o1 int) {
	sums := d.run.sums[(g*d.small.c+o0)*d.width:][:(o1-o0)*d.width]
	clear(sums)
	perGroup := d.small.c / d.groups
	for lo := g * d.images; lo < min(d.batch, (g+1)*d.images); lo += d.down.block {
		hi := min(d.batch, lo+d.down.block)
		x, lent := d.down.source(d.run.large, lo, hi, d.extent)
		for o := o0; o < o1; {
			// Channels of one group see the same channels of the large side.
			in := o / perGroup
			to := min(o1, (in+1)*perGroup)
			if d.run.tiles {
				d.outer(sums[(o-o0)*d.width:], x[in*d.down.srcCh:], lo, hi, o, to)
			} else {
				d.product(sums[(o-o0)*d.width:], x[in*d.down.srcCh:], lo, hi, o, to)
			}
			o = to
		}
		if lent != nil {
			giveBack(lent)
		}
	}
}

// outer adds pictures lo to hi-1 for channels o0 to o1-1.
func (d *weightGrad) outer(sums, x []float32, lo, hi, o0, o1 int) {
	c := d.small.c
	a := d.run.small[lo*d.small.size() : hi*d.small.size()]
	line := d.lines[:(hi-lo)*d.small.h]
	for v := 0; v < len(d.at); v += 2 {
		at := d.at[v:min(len(d.at), v+2)]
		for o := o0; o < o1; o += tile.Rows {
			tile.Outer(min(tile.Rows, o1-o), a[o:], c, x, at, d.pass.lda, line, d.small.w, sums[(o-o0)*d.width+v*tile.Cols:], d.width)
		}
	}
}

// product is outer by way of blas, for other machines and to compare with.
func (d *weightGrad) product(sums, x []float32, lo, hi, o0, o1 int) {
	p, c, k := d.pass, d.small.c, len(d.pass.seg)*d.pass.k
	pixels := d.small.h * d.small.w
	windows, dw := borrow(pixels*k), borrow((o1-o0)*k)
	padded := (d.pass.k + tile.Cols - 1) / tile.Cols * tile.Cols
	for i := range hi - lo {
		p.windows(windows, x, i*p.picture, (i+1)*p.picture)
		blas.Serial(true, false, o1-o0, k, pixels, d.run.small[(lo+i)*d.small.size()+o0:], c, windows, k, dw, k, false)
		for o := range o1 - o0 {
			for s := range p.seg {
				to := sums[o*d.width+s*padded:][:p.k]
				vec.Add(to, to, dw[(o*len(p.seg)+s)*p.k:][:p.k])
			}
		}
	}
	giveBack(windows)
	giveBack(dw)
}

// collect adds the partial sums of channels lo to hi-1 and brings them into the
// order of the weights.
func (d *weightGrad) collect(lo, hi int) {
	p, ch, taps := d.pass, d.down.srcCh, d.taps()
	padded := (p.k + tile.Cols - 1) / tile.Cols * tile.Cols
	row := borrow(d.width)
	for o := lo; o < hi; o++ {
		addParts(row, d.run.sums[o*d.width:], parts(d.batch, d.images), d.small.c*d.width)
		dw := d.run.dw[o*ch*taps:][:ch*taps]
		perSeg := p.k / ch
		for i, t := range p.tap {
			from := row[i/perSeg*padded+i%perSeg*ch:][:ch]
			for c, v := range from {
				dw[c*taps+t] = v
			}
		}
	}
	giveBack(row)
}
