package ops

import (
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/tile"
)

// A weightGrad is the gradient of a convolution's weights: for every tap the sum,
// over all pixels of the small side that see something through it, of the
// channels there times the channels of the large side that they see.
//
// Work is divided by pictures and by channels, so that the sums of one part stay
// in the cache; the division depends on the shape alone, and the partial sums of
// the pictures are added in order.
type weightGrad struct {
	link
	ch    int // channels of the large side in one group
	sets  []lineSet
	col   []int // the column of the sums where each tap begins
	width int   // columns of the sums

	// Where the large side has few channels, the taps of a row are taken together
	// to fill the vectors. Then its pictures are copied to where they have their
	// margin of zeros.
	padded   bool
	from, to picture // before and after
	extent   int     // values that are read of a block, at most; some do not matter

	block            int // pictures at a time
	images, channels int // pictures and channels of one part
	run              gradRun
}

// A lineSet is the lines of pixels of one block that see some taps.
type lineSet struct {
	at    []int // where vectors of what they see begin
	first int   // column of the first vector
	taps  []tapAt
	line  []tile.Line
	image int // lines of one picture
	n     int // pixels of a line
}

// A tapAt is where the channels of one tap lie, in what is seen and in the sums.
type tapAt struct{ x, col int }

type gradRun struct {
	dw, small, large []float32
	sums             []float32
	tiles            bool
	parts, collect   func(lo, hi int)
}

const (
	// gradParts is how many parts there are to share out, about.
	gradParts = 16
	// pixelsPerSum is how many pixels pay for a pass over all sums.
	pixelsPerSum = 1024
)

func (l link) weightGrad() *weightGrad {
	d := &weightGrad{link: l, ch: l.large.c / l.groups, from: l.large, to: l.large}
	d.padded = l.groups == 1 && d.ch < tile.Cols && l.Dilation[1] == 1
	if d.padded {
		d.to.h = (l.small.h-1)*l.Stride[0] + l.span(0)
		d.to.w = (l.small.w-1)*l.Stride[1] + l.span(1)
	}
	d.block = max(1, min((l.batch+gradParts-1)/gradParts, blockValues/(d.to.size()+l.small.size())))
	d.col = make([]int, l.taps())
	if d.padded {
		d.allTaps()
	} else {
		for y := range l.Kernel[0] {
			for x := range l.Kernel[1] {
				d.tap(y, x)
			}
		}
	}
	for _, s := range d.sets {
		for _, ln := range s.line {
			for _, at := range s.at {
				d.extent = max(d.extent, ln.X+(s.n-1)*d.step()+at+tile.Cols+(l.groups-1)*d.ch)
			}
		}
	}

	groups := max(1, min(gradParts, l.batch*l.small.h*l.small.w/pixelsPerSum, parts(l.batch, d.block)))
	d.images = (parts(l.batch, groups) + d.block - 1) / d.block * d.block
	split := parts(gradParts, groups)
	d.channels = max(2*tile.Rows, (l.small.c+split-1)/split)
	d.channels = (d.channels + tile.Rows - 1) / tile.Rows * tile.Rows
	d.run.parts, d.run.collect = d.part, d.collect
	return d
}

// step is how far pixels of the large side lie apart that neighbours see.
func (d *weightGrad) step() int { return d.Stride[1] * d.large.c }

// allTaps adds all taps at once: with margins, all pixels see them.
func (d *weightGrad) allTaps() {
	c := d.large.c
	s := lineSet{n: d.small.w, image: d.small.h}
	for i := range d.block {
		for r := range d.small.h {
			s.line = append(s.line, tile.Line{
				A: (i*d.small.h + r) * d.small.w * d.small.c,
				X: i*d.to.size() + r*d.Stride[0]*d.to.w*c,
			})
		}
	}
	for y := range d.Kernel[0] {
		row := y * d.Dilation[0] * d.to.w * c
		for x := range d.Kernel[1] {
			d.col[y*d.Kernel[1]+x] = d.width + x*c
			s.taps = append(s.taps, tapAt{row + x*c, d.width + x*c})
		}
		d.vectors(&s, row, d.Kernel[1]*c)
	}
	d.sets = append(d.sets, s)
}

// vectors adds those of k values that begin at x.
func (d *weightGrad) vectors(s *lineSet, x, k int) {
	for i := 0; i < k; i += tile.Cols {
		s.at = append(s.at, x+i)
		d.width += tile.Cols
	}
}

// tap adds one tap, and the pixels that see something through it.
func (d *weightGrad) tap(ty, tx int) {
	y0, y1 := d.through(ty, 0, d.small.h, d.large.h)
	x0, x1 := d.through(tx, 1, d.small.w, d.large.w)
	s := lineSet{first: d.width, n: x1 - x0, image: y1 - y0, taps: []tapAt{{0, d.width}}}
	d.col[ty*d.Kernel[1]+tx] = d.width
	d.vectors(&s, 0, d.ch)
	if s.n < 1 || s.image < 1 {
		return // the sums stay zero
	}
	if y1-y0 == d.small.h && s.n == d.small.w && d.Stride == [2]int{1, 1} && d.small.w == d.large.w {
		// Lines follow each other without a gap on both sides.
		s.n, s.image, y1 = s.n*s.image, 1, y0+1
	}
	for i := range d.block {
		for y := y0; y < y1; y++ {
			row := y*d.Stride[0] + ty*d.Dilation[0] - d.Pad[0]
			col := x0*d.Stride[1] + tx*d.Dilation[1] - d.Pad[1]
			s.line = append(s.line, tile.Line{
				A: ((i*d.small.h+y)*d.small.w + x0) * d.small.c,
				X: ((i*d.large.h+row)*d.large.w + col) * d.large.c,
			})
		}
	}
	d.sets = append(d.sets, s)
}

// through is the range of the n pixels that see one of m through tap t.
func (d *weightGrad) through(t, axis, n, m int) (lo, hi int) {
	for lo < n && lo*d.Stride[axis]+t*d.Dilation[axis]-d.Pad[axis] < 0 {
		lo++
	}
	for hi = n; hi > lo && (hi-1)*d.Stride[axis]+t*d.Dilation[axis]-d.Pad[axis] >= m; {
		hi--
	}
	return lo, hi
}

// compute writes dw from the small side (the gradient of the output of a
// convolution, the input of a transposed one) and the large one.
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
	for lo := g * d.images; lo < min(d.batch, (g+1)*d.images); lo += d.block {
		hi := min(d.batch, lo+d.block)
		x, lent := d.source(lo, hi)
		a := d.run.small[lo*d.small.size() : hi*d.small.size()]
		for o := o0; o < o1; {
			// Channels of one group see the same channels of the large side.
			in := o / perGroup
			to := min(o1, (in+1)*perGroup)
			for i := range d.sets {
				if d.run.tiles {
					d.outer(&d.sets[i], sums[(o-o0)*d.width:], a[o:], x[in*d.ch:], hi-lo, to-o)
				} else {
					d.products(&d.sets[i], sums[(o-o0)*d.width:], a[o:], x[in*d.ch:], hi-lo, to-o)
				}
			}
			o = to
		}
		if lent != nil {
			giveBack(lent)
		}
	}
}

// source returns pictures lo to hi-1 of the large side, as they are read, and
// memory to give back.
func (d *weightGrad) source(lo, hi int) (x, lent []float32) {
	n, size := d.from.size(), d.to.size()
	x = d.run.large[lo*n:]
	if !d.padded {
		if d.extent <= len(x) {
			return x, nil
		}
		lent = borrow(max((hi-lo)*n, d.extent))
		copy(lent, x[:(hi-lo)*n])
		return lent, lent
	}
	lent = borrow(max((hi-lo)*size, d.extent))
	for i := range hi - lo {
		d.pad(lent[i*size:][:size], x[i*n:][:n])
	}
	return lent, lent
}

// pad copies one picture into its margins; rows and columns that no window sees
// are left out.
func (d *weightGrad) pad(dst, src []float32) {
	c, top := d.from.c, d.Pad[0]
	line, from := d.to.w*c, d.from.w*c
	left := min(line, d.Pad[1]*c)
	n := min(from, line-left)
	clear(dst[:min(len(dst), top*line)])
	y := 0
	for ; y < min(d.from.h, d.to.h-top); y++ {
		to := dst[(top+y)*line:][:line]
		clear(to[:left])
		copy(to[left:left+n], src[y*from:])
		clear(to[left+n:])
	}
	clear(dst[min(len(dst), (top+y)*line):])
}

// outer adds n pictures for so many channels.
func (d *weightGrad) outer(s *lineSet, sums, a, x []float32, n, channels int) {
	for v := 0; v < len(s.at); v += 2 {
		at := s.at[v:min(len(s.at), v+2)]
		for o := 0; o < channels; o += tile.Rows {
			tile.Outer(min(tile.Rows, channels-o), a[o:], d.small.c, x, at, d.step(), s.line[:n*s.image], s.n,
				sums[o*d.width+s.first+v*tile.Cols:], d.width)
		}
	}
}

// products is outer by way of blas, for other machines and to compare with: each
// line is a product for each tap.
func (d *weightGrad) products(s *lineSet, sums, a, x []float32, n, channels int) {
	for _, t := range s.taps {
		for _, l := range s.line[:n*s.image] {
			blas.Serial(true, false, channels, d.ch, s.n, a[l.A:], d.small.c, x[l.X+t.x:], d.step(), sums[t.col:], d.width, true)
		}
	}
}

// collect adds the partial sums of channels lo to hi-1 and brings them into the
// order of the weights.
func (d *weightGrad) collect(lo, hi int) {
	taps := d.taps()
	row := borrow(d.width)
	for o := lo; o < hi; o++ {
		addParts(row, d.run.sums[o*d.width:], parts(d.batch, d.images), d.small.c*d.width)
		dw := d.run.dw[o*d.ch*taps:][:d.ch*taps]
		for t, at := range d.col {
			for c, v := range row[at : at+d.ch] {
				dw[c*taps+t] = v
			}
		}
	}
	giveBack(row)
}
