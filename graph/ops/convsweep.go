package ops

import (
	"math"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/tile"
	"x2vec/graph/ops/vec"
)

// A link joins the two sides of a convolution: each pixel of the small side
// belongs to a window of pixels of the large one. The weights are
// (small channels, large channels / groups, kernel height, kernel width).
//
// A convolution maps large to small; its gradient, and a transposed convolution,
// small to large. Both are sweeps; the gradient by the weights is convgrad.go.
type link struct {
	Window
	batch, groups int
	large, small  picture
}

// flat drops the lines of pictures whose pixels are independent: one long line
// fills the tiles better than many short ones.
func (l link) flat() link {
	if l.Kernel == [2]int{1, 1} && l.Stride == [2]int{1, 1} && l.Pad == [2]int{} {
		l.large = picture{1, l.large.h * l.large.w, l.large.c}
		l.small = picture{1, l.small.h * l.small.w, l.small.c}
	}
	return l
}

// A sweep computes the pictures of one side from those of the other as a dense
// convolution without stride between its windows' values: the source is copied,
// a few pictures at a time, to where it has its margin of zeros, and then every
// tile of results reads it in place.
type sweep struct {
	batch, groups  int
	src, dst       picture
	srcCh, dstCh   int // channels in one group
	top, left      int // zeros before the source
	hp, wp         int // its height and width with margins
	inPlace        bool
	block          int // pictures at a time
	extent         int // values that are read from the begin of a block, at most
	passes         []*pass
	taps           int
	wSrc, wDst, wG int // steps in the weights from one channel to the next, and group
	run            sweepRun
}

// A pass is a set of results that see the same taps of the kernel: all of them
// where the source is the large side, else those of one remainder by the stride.
//
// Its groups of pixels lie at in in the source and at out in the results; the
// tables serve the pictures of one block.
type pass struct {
	tap      []int // which of the kernel's values, in the order of the packed weights
	seg      []int // where the segments begin: values that follow each other in the source
	k        int   // values a segment
	in, out  []int
	live     []int // pixels of each group that are real
	picture  int   // groups of one picture
	lda, ldc int   // steps between the pixels of a group
	packed   []float32
}

// sweepRun holds the arguments of a run, and its loop bodies, bound once.
type sweepRun struct {
	dst, src, w, bias []float32
	relu              bool
	floor             float32 // 0 if relu, else −∞
	after             func(lo, hi int)
	tiles             bool
	biases            []float32
	pack, rows        func(lo, hi int)
}

// blockValues is about how many values of the padded source one block has: they
// stay in the second cache, beside a panel of weights.
const blockValues = 1 << 16

// down is the sweep from the large side to the small one.
func (l link) down() *sweep {
	l = l.flat()
	s := &sweep{batch: l.batch, groups: l.groups, src: l.large, dst: l.small, taps: l.taps()}
	s.srcCh, s.dstCh = l.large.c/l.groups, l.small.c/l.groups
	s.wSrc, s.wDst = s.taps, s.srcCh*s.taps
	s.top, s.left = l.Pad[0], l.Pad[1]
	s.hp = (l.small.h-1)*l.Stride[0] + l.span(0)
	s.wp = (l.small.w-1)*l.Stride[1] + l.span(1)
	s.layout()

	c := l.large.c
	p := &pass{lda: l.Stride[1] * c, ldc: l.small.c}
	var cols []int
	for x := range l.Kernel[1] {
		cols = append(cols, x*l.Dilation[1])
	}
	for y := range l.Kernel[0] {
		for x := range l.Kernel[1] {
			p.tap = append(p.tap, y*l.Kernel[1]+x)
		}
		p.segments(s, y*l.Dilation[0], cols)
	}
	for i := range s.block {
		for y := range l.small.h {
			in := (i*s.hp + y*l.Stride[0]) * s.wp * c
			p.line(in, (i*l.small.h+y)*l.small.w*l.small.c, l.small.w)
		}
	}
	s.passes = []*pass{p}
	s.finish()
	return s
}

// up is the sweep from the small side to the large one. Row i of the large side
// is tap t of the kernel over row o of the small one where i + pad = stride·o +
// dilation·t. So rows with one remainder of i + pad by the stride see the same
// taps, and q, the quotient, moves over the small side one by one: o = q − m with
// m a function of the tap. Columns the same.
func (l link) up() *sweep {
	l = l.flat()
	s := &sweep{batch: l.batch, groups: l.groups, src: l.small, dst: l.large, taps: l.taps()}
	s.srcCh, s.dstCh = l.small.c/l.groups, l.large.c/l.groups
	s.wSrc, s.wDst = s.dstCh*s.taps, s.taps

	var phases [2][]phase
	for i := range 2 {
		size, before, need := l.large.h, &s.top, &s.hp
		if i == 1 {
			size, before, need = l.large.w, &s.left, &s.wp
		}
		last := 0
		for a := range l.Stride[i] {
			f := l.phase(a, i, size)
			if f.n == 0 {
				continue
			}
			phases[i] = append(phases[i], f)
			if len(f.tap) > 0 {
				*before = max(*before, f.shift[0]-f.q)
				last = max(last, f.q+f.n-1-f.shift[len(f.shift)-1])
			}
		}
		*need = *before + last + 1
	}
	s.layout()

	c := l.small.c
	for _, fy := range phases[0] {
		for _, fx := range phases[1] {
			p := &pass{lda: c, ldc: l.Stride[1] * l.large.c}
			in := 0
			if len(fy.tap) > 0 && len(fx.tap) > 0 {
				in = ((s.top+fy.q-fy.shift[0])*s.wp + s.left + fx.q - fx.shift[0]) * c
				var cols []int
				for _, m := range fx.shift {
					cols = append(cols, fx.shift[0]-m)
				}
				for i, ty := range fy.tap {
					for _, tx := range fx.tap {
						p.tap = append(p.tap, ty*l.Kernel[1]+tx)
					}
					p.segments(s, fy.shift[0]-fy.shift[i], cols)
				}
			}
			for i := range s.block {
				for y := range fy.n {
					row := fy.first + y*l.Stride[0]
					p.line(in+(i*s.hp+y)*s.wp*c, ((i*l.large.h+row)*l.large.w+fx.first)*l.large.c, fx.n)
				}
			}
			s.passes = append(s.passes, p)
		}
	}
	s.finish()
	return s
}

// A phase is the rows (or columns) of the large side of one remainder.
type phase struct {
	tap, shift []int // the taps and their m, falling
	q          int   // quotient of the first row
	first, n   int   // first row, and number of rows
}

func (l link) phase(a, i, size int) (f phase) {
	s := l.Stride[i]
	for t := l.Kernel[i] - 1; t >= 0; t-- {
		if d := l.Dilation[i] * t; d%s == a {
			f.tap = append(f.tap, t)
			f.shift = append(f.shift, (d-a)/s)
		}
	}
	f.q = max(0, (l.Pad[i]-a+s-1)/s)
	f.first = s*f.q + a - l.Pad[i]
	if f.first < size {
		f.n = (size-f.first-1)/s + 1
	}
	return f
}

// layout decides where a block of the source stands while it is read.
func (s *sweep) layout() {
	if s.top == 0 && s.left == 0 && s.hp <= s.src.h && s.wp <= s.src.w {
		s.inPlace, s.hp, s.wp = true, s.src.h, s.src.w
	}
	s.block = max(1, min(blockValues/(s.hp*s.wp*s.src.c), (s.batch+15)/16))
}

// segments adds those of one row of taps: one for all of them where they follow
// each other without a gap, else one for each.
func (p *pass) segments(s *sweep, row int, cols []int) {
	joined := s.groups == 1
	for i, x := range cols {
		joined = joined && x == cols[0]+i
	}
	for _, x := range cols {
		p.seg = append(p.seg, (row*s.wp+x)*s.src.c)
		p.k = s.srcCh
		if joined {
			p.k = s.srcCh * len(cols)
			break
		}
	}
}

// line adds the groups of n pixels of a line.
func (p *pass) line(in, out, n int) {
	for x := 0; x < n; x += tile.Pixels {
		p.in = append(p.in, in+x*p.lda)
		p.out = append(p.out, out+x*p.ldc)
		p.live = append(p.live, min(tile.Pixels, n-x))
	}
}

func (s *sweep) finish() {
	s.wG = s.srcCh * s.dstCh * s.taps
	for _, p := range s.passes {
		p.picture = len(p.in) / s.block
		most := 0
		for _, o := range p.seg {
			most = max(most, o+p.k)
		}
		for _, o := range p.in {
			s.extent = max(s.extent, o+(tile.Pixels-1)*p.lda+most+(s.groups-1)*s.srcCh)
		}
	}
	s.run.pack, s.run.rows = s.packPanels, s.rows
}

// panel is how many channels of the results a packed panel of weights has.
const panel = 2 * tile.Cols

func (s *sweep) panels() int { return (s.dstCh + panel - 1) / panel }

// width is the number of columns of panel j as it lies in memory.
func (s *sweep) width(j int) int {
	if s.dstCh-j*panel <= tile.Cols {
		return tile.Cols
	}
	return panel
}

// compute writes the results dst from src with weights w, plus bias where there
// is one, and no less than 0 if relu. after is called with ranges of finished
// pictures, on the goroutine that computed them; it may be nil.
func (s *sweep) compute(dst, src, w, bias []float32, relu bool, after func(lo, hi int)) {
	r := &s.run
	r.dst, r.src, r.w, r.bias, r.relu, r.after = dst, src, w, bias, relu, after
	if r.floor = 0; !relu {
		r.floor = float32(math.Inf(-1))
	}
	r.tiles = tile.Available()
	for _, p := range s.passes {
		if p.packed == nil {
			p.packed = make([]float32, s.groups*s.panels()*panel*len(p.seg)*p.k)
		}
	}
	if r.biases == nil {
		r.biases = make([]float32, s.groups*s.panels()*panel)
	}
	if bias != nil {
		for g := range s.groups {
			copy(r.biases[g*s.panels()*panel:], bias[g*s.dstCh:(g+1)*s.dstCh])
		}
	}
	par.For(len(s.passes)*s.groups*s.panels(), 1, r.pack)
	par.For(s.batch, s.block, r.rows)
	r.dst, r.src, r.w, r.bias, r.after = nil, nil, nil, nil, nil
}

// packPanels copies weights into panels: for each value under the kernel, in the
// order of the segments, a row of channels of the results.
func (s *sweep) packPanels(lo, hi int) {
	raw := borrow(panel * s.taps)
	for i := lo; i < hi; i++ {
		j := i % s.panels()
		g := i / s.panels() % s.groups
		s.packPanel(s.passes[i/s.panels()/s.groups], g, j, raw)
	}
	giveBack(raw)
}

func (s *sweep) packPanel(p *pass, g, j int, raw []float32) {
	width, live := s.width(j), min(panel, s.dstCh-j*panel)
	to := p.panel(s, g, j)
	for c := range s.srcCh {
		from := s.run.w[g*s.wG+c*s.wSrc+j*panel*s.wDst:]
		if s.wDst == s.taps {
			raw = from[:live*s.taps]
		} else {
			for n := range live { // a line of the cache each, read once
				copy(raw[n*s.taps:(n+1)*s.taps], from[n*s.wDst:])
			}
		}
		for i, t := range p.tap {
			row := to[(i*s.srcCh+c)*width:][:width]
			for n := range row[:live] {
				row[n] = raw[n*s.taps+t]
			}
			clear(row[live:])
		}
	}
}

// panel is the memory of the weights of panel j of a group.
func (p *pass) panel(s *sweep, g, j int) []float32 {
	size := len(p.seg) * p.k
	return p.packed[(g*s.panels()+j)*panel*size:][:s.width(j)*size]
}

// source returns pictures lo to hi-1 with their margins, and memory to give back.
func (s *sweep) source(src []float32, lo, hi, extent int) (x, lent []float32) {
	if x = src[lo*s.src.size():]; s.inPlace && extent <= len(x) {
		return x, nil
	}
	size := s.hp * s.wp * s.src.c
	// A block reads past its end where a line is not a whole number of groups; what
	// stands there does not matter.
	lent = borrow(max((hi-lo)*size, extent))
	for i := lo; i < hi; i++ {
		s.pad(lent[(i-lo)*size:][:size], src[i*s.src.size():][:s.src.size()])
	}
	return lent, lent
}

// pad copies one picture into its margins; rows and columns that no window sees
// are left out.
func (s *sweep) pad(dst, src []float32) {
	c := s.src.c
	line, from := s.wp*c, s.src.w*c
	left, n := s.left*c, min(s.src.w, s.wp-s.left)*c
	clear(dst[:s.top*line])
	y := 0
	for ; y < min(s.src.h, s.hp-s.top); y++ {
		d := dst[(s.top+y)*line:][:line]
		clear(d[:left])
		copy(d[left:left+n], src[y*from:])
		clear(d[left+n:])
	}
	clear(dst[(s.top+y)*line:])
}

// rows computes pictures lo to hi-1.
func (s *sweep) rows(lo, hi int) {
	x, lent := s.source(s.run.src, lo, hi, s.extent)
	y := s.run.dst[lo*s.dst.size() : hi*s.dst.size()]
	for _, p := range s.passes {
		for g := range s.groups {
			for j := range s.panels() {
				if s.run.tiles {
					s.tiles(p, x, y, g, j, hi-lo)
				} else {
					s.products(p, x, y, g, j, hi-lo)
				}
			}
		}
	}
	if lent != nil {
		giveBack(lent)
	}
	if s.run.after != nil {
		s.run.after(lo, hi)
	}
}

// tileOut is where the groups of a tile lie that is not written in place.
var tileOut = []int{0, tile.Pixels * panel, 2 * tile.Pixels * panel}

// tiles computes one panel of channels for n pictures.
func (s *sweep) tiles(p *pass, x, y []float32, g, j, n int) {
	w := p.panel(s, g, j)
	width, live := s.width(j), min(panel, s.dstCh-j*panel)
	bias := s.run.biases[(g*s.panels()+j)*panel:][:width]
	x, ch := x[g*s.srcCh:], g*s.dstCh+j*panel
	for i, groups := 0, n*p.picture; i < groups; i += tile.Groups {
		to := min(groups, i+tile.Groups)
		whole := width == live
		for _, l := range p.live[i:to] {
			whole = whole && l == tile.Pixels
		}
		if whole {
			tile.Gather(width/tile.Cols, x, p.in[i:to], p.lda, p.seg, p.k, w, y[ch:], p.out[i:to], p.ldc, bias, s.run.floor)
			continue
		}
		var t [tile.Groups * tile.Pixels * panel]float32
		tile.Gather(width/tile.Cols, x, p.in[i:to], p.lda, p.seg, p.k, w, t[:], tileOut, panel, bias, s.run.floor)
		for q := i; q < to; q++ {
			for r := range p.live[q] {
				copy(y[ch+p.out[q]+r*p.ldc:][:live], t[((q-i)*tile.Pixels+r)*panel:])
			}
		}
	}
}

// products is tiles by way of blas, for other machines and to compare with: the
// windows of some groups of pixels become the rows of a matrix.
func (s *sweep) products(p *pass, x, y []float32, g, j, n int) {
	const most = 64 // groups
	k := len(p.seg) * p.k
	w := p.panel(s, g, j)
	width, live := s.width(j), min(panel, s.dstCh-j*panel)
	bias := s.run.biases[(g*s.panels()+j)*panel:][:live]
	x, ch := x[g*s.srcCh:], g*s.dstCh+j*panel
	a, c := borrow(most*tile.Pixels*k), borrow(most*tile.Pixels*live)
	for i, groups := 0, n*p.picture; i < groups; i += most {
		to := min(groups, i+most)
		rows := p.windows(a, x, i, to)
		blas.Serial(false, false, rows, live, k, a, k, w, width, c, live, false)
		rows = 0
		for q := i; q < to; q++ {
			for r := range p.live[q] {
				row := y[ch+p.out[q]+r*p.ldc:][:live]
				vec.Add(row, c[rows*live:][:live], bias)
				if s.run.relu {
					vec.ReLU(row, row)
				}
				rows++
			}
		}
	}
	giveBack(a)
	giveBack(c)
}

// windows copies what the real pixels of groups lo to hi-1 see into rows of a.
func (p *pass) windows(a, x []float32, lo, hi int) (rows int) {
	for q := lo; q < hi; q++ {
		for r := range p.live[q] {
			from := p.in[q] + r*p.lda
			for i, o := range p.seg {
				copy(a[(rows*len(p.seg)+i)*p.k:][:p.k], x[from+o:])
			}
			rows++
		}
	}
	return rows
}
