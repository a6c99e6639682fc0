package ops

import (
	"math"
	"slices"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/mem"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/tile"
	"x2vec/graph/ops/vec"
)

// A link joins the two sides of a convolution: each pixel of the small side
// belongs to a window of pixels of the large one. The weights are
// (small channels, large channels / groups, kernel height, kernel width).
//
// A convolution maps large to small; its gradient, and a transposed convolution,
// small to large. Both are sweeps; the gradient by the weights is in convgrad.go.
type link struct {
	Window
	batch, groups int
	large, small  picture
}

// A sweep computes the pictures of one side from those of the other. Every pixel
// of the result is a product of the weights with what it sees of the source.
// Pixels that see the same taps of the kernel, at the border or inside, make a
// pass: what padding would add is never computed, and there are no copies of
// windows or of padded pictures.
//
// Four pictures are taken together at each pixel, as the rows of a small matrix
// product, since all that they see lies at the same distances.
type sweep struct {
	batch, groups  int
	src, dst       picture
	srcCh, dstCh   int // channels in one group
	taps           int
	wSrc, wDst, wG int   // steps in the weights from one channel to the next, and group
	row            []int // the row of the packed weights where each tap begins, over srcCh
	passes         []*pass
	quads, bands   int // fours of pictures of one unit of work, and parts of a picture
	packed         []float32
	run            sweepRun
}

// A pass is a set of pixels that see the same taps.
type pass struct {
	seg     []tile.Segment
	k       int   // values of a segment
	in, out []int // where each pixel's first value lies in the source, and the result
}

// sweepRun holds the arguments of a run, and its loop bodies, bound once.
type sweepRun struct {
	dst, src, w       []float32
	batch             int
	relu              bool
	floor             float32 // 0 if relu, else −∞
	after             func(lo, hi int)
	tiles             bool
	biases            []float32
	pack, units, last func(lo, hi int)
}

const (
	// blockValues is about how many values of the source one unit of work has: they
	// stay in the second cache, beside a panel of weights.
	blockValues = 1 << 16
	// sweepUnits is how many units there are to share out, at least, if there is
	// enough to do.
	sweepUnits = 16
	// chunkGroups is how many groups of results are computed with one panel of
	// weights before the next.
	chunkGroups = 48
	// panel is how many channels of the results a packed panel of weights has.
	panel = 2 * tile.Cols
)

// A mover computes one side of a link from the other.
type mover interface {
	// compute writes the results dst from src with weights w, plus bias where there
	// is one, and no less than 0 if relu. after is called with ranges of values of
	// finished pictures, on the goroutine that computed them if it can be; it may
	// be nil.
	compute(dst, src, w, bias []float32, relu bool, after func(lo, hi int))
}

// flat makes a picture of every pixel where each depends on one pixel alone.
func (l link) flat() link {
	same := l.large.h == l.small.h && l.large.w == l.small.w // no rows and columns more, that depend on none
	if same && l.Kernel == [2]int{1, 1} && l.Stride == [2]int{1, 1} && l.Pad == [2]int{} {
		l.batch *= l.large.h * l.large.w
		l.large.h, l.large.w, l.small.h, l.small.w = 1, 1, 1, 1
	}
	return l
}

// down is the sweep from the large side to the small one: pixel i sees pixel
// stride·i + dilation·t − pad through tap t.
func (l link) down() mover { return l.flat().straight() }

// straight is down for pictures as they are.
func (l link) straight() *sweep {
	s := &sweep{batch: l.batch, groups: l.groups, src: l.large, dst: l.small, taps: l.taps()}
	s.srcCh, s.dstCh = l.large.c/l.groups, l.small.c/l.groups
	s.wSrc, s.wDst = s.taps, s.srcCh*s.taps
	s.build(l, func(i, axis, t int) (int, bool) {
		return l.Stride[axis]*i + l.Dilation[axis]*t - l.Pad[axis], true
	})
	return s
}

// up is the sweep from the small side to the large one, the other way round:
// pixel i sees pixel (i + pad − dilation·t) / stride through tap t, if that is a
// whole number.
func (l link) up() mover {
	if l.scatters() {
		return l.scatter()
	}
	l = l.flat()
	s := &sweep{batch: l.batch, groups: l.groups, src: l.small, dst: l.large, taps: l.taps()}
	s.srcCh, s.dstCh = l.small.c/l.groups, l.large.c/l.groups
	s.wSrc, s.wDst = s.dstCh*s.taps, s.taps
	s.build(l, func(i, axis, t int) (int, bool) {
		at := i + l.Pad[axis] - l.Dilation[axis]*t
		return at / l.Stride[axis], at >= 0 && at%l.Stride[axis] == 0
	})
	return s
}

// A seen is what some rows (or columns) of the result see: taps, and how far
// their pixels lie beyond the first.
type seen struct {
	taps, far []int
	dst, src  []int // the rows, and the first that each sees
}

// look groups the n rows (or columns) of the result by the taps that they see
// among m of the source. It also ranks the taps so that those which are seen
// together follow each other, in the order of what they see.
func look(n, m, taps int, through func(i, t int) (int, bool)) (all []seen, rank []int) {
	rank = slices.Repeat([]int{-1}, taps)
	ranked := 0
	for i := range n {
		var list, at []int
		for t := range taps {
			if y, ok := through(i, t); ok && y >= 0 && y < m {
				list, at = append(list, t), append(at, y)
			}
		}
		if len(at) > 1 && at[0] > at[1] {
			slices.Reverse(list)
			slices.Reverse(at)
		}
		k := slices.IndexFunc(all, func(s seen) bool { return slices.Equal(s.taps, list) })
		if k < 0 {
			k = len(all)
			all = append(all, seen{taps: list})
			for _, y := range at {
				all[k].far = append(all[k].far, y-at[0])
			}
		}
		all[k].dst = append(all[k].dst, i)
		all[k].src = append(all[k].src, append(at, 0)[0])
	}
	// The longest lists first: shorter ones are parts of them.
	order := slices.Clone(all)
	slices.SortStableFunc(order, func(a, b seen) int { return len(b.taps) - len(a.taps) })
	for _, s := range order {
		for _, t := range s.taps {
			if rank[t] < 0 {
				rank[t] = ranked
				ranked++
			}
		}
	}
	for t, r := range rank { // seen by none
		if r < 0 {
			rank[t] = ranked
			ranked++
		}
	}
	return all, rank
}

// build makes the passes.
func (s *sweep) build(l link, through func(i, axis, t int) (int, bool)) {
	rows, rowRank := look(s.dst.h, s.src.h, l.Kernel[0], func(i, t int) (int, bool) { return through(i, 0, t) })
	cols, colRank := look(s.dst.w, s.src.w, l.Kernel[1], func(i, t int) (int, bool) { return through(i, 1, t) })
	for _, y := range rowRank {
		for _, x := range colRank {
			s.row = append(s.row, y*l.Kernel[1]+x)
		}
	}
	for _, y := range rows {
		for _, x := range cols {
			p := &pass{k: s.srcCh}
			joined := s.groups == 1 // values of neighbours follow each other, and so do their weights
			for i, t := range x.taps {
				joined = joined && x.far[i] == i && colRank[t] == colRank[x.taps[0]]+i
			}
			for i, ty := range y.taps {
				for j, tx := range x.taps {
					if joined && j > 0 {
						break
					}
					p.seg = append(p.seg, tile.Segment{
						X: (y.far[i]*s.src.w + x.far[j]) * s.src.c,
						W: s.row[ty*l.Kernel[1]+tx] * s.srcCh,
					})
				}
			}
			if joined {
				p.k *= len(x.taps)
			}
			for i, dy := range y.dst {
				for j, dx := range x.dst {
					p.in = append(p.in, (y.src[i]*s.src.w+x.src[j])*s.src.c)
					p.out = append(p.out, (dy*s.dst.w+dx)*s.dst.c)
				}
			}
			s.passes = append(s.passes, p)
		}
	}
	n := max(1, s.batch/tile.Size)
	s.quads = max(1, min(n/sweepUnits, blockValues/(tile.Size*s.src.size())))
	s.bands = max(1, min(s.dst.h*s.dst.w/tile.Groups, sweepUnits/parts(n, s.quads)))
	s.wG = s.srcCh * s.dstCh * s.taps
	s.run.pack, s.run.units, s.run.last = s.packPanels, s.units, s.finish
}

func (s *sweep) panels() int { return (s.dstCh + panel - 1) / panel }

// width is the number of columns of panel j as it lies in memory, live that of
// the real ones.
func (s *sweep) width(j int) (width, live int) {
	live = min(panel, s.dstCh-j*panel)
	return (live + tile.Cols - 1) / tile.Cols * tile.Cols, live
}

// panel is the memory of the weights of panel j of a group.
func (s *sweep) panel(g, j int) []float32 {
	rows := s.taps * s.srcCh
	width, _ := s.width(j)
	return s.packed[(g*s.panels()+j)*panel*rows:][:width*rows]
}

// compute implements mover.
func (s *sweep) compute(dst, src, w, bias []float32, relu bool, after func(lo, hi int)) {
	r := &s.run
	r.dst, r.src, r.w, r.relu, r.after = dst, src, w, relu, after
	if r.floor = 0; !relu {
		r.floor = float32(math.Inf(-1))
	}
	r.tiles, r.batch = tile.Available(), s.batch
	if s.packed == nil {
		s.packed = mem.Floats(s.groups * s.panels() * panel * s.taps * s.srcCh)
		r.biases = make([]float32, s.groups*s.panels()*panel)
	}
	if bias != nil {
		for g := range s.groups {
			copy(r.biases[g*s.panels()*panel:], bias[g*s.dstCh:(g+1)*s.dstCh])
		}
	}
	par.For(s.groups*s.panels(), 1, r.pack)
	few := s.batch < tile.Size // then there are pictures of nothing beside them
	if few {
		r.batch = tile.Size
		r.src, r.dst = borrow(tile.Size*s.src.size()), borrow(tile.Size*s.dst.size())
		clear(r.src[copy(r.src, src):])
	}
	par.For(parts(r.batch/tile.Size, s.quads)*s.bands, 1, r.units)
	if few {
		copy(dst, r.dst)
		giveBack(r.src)
		giveBack(r.dst)
		r.dst = dst
	}
	if after != nil && (few || s.bands > 1) {
		par.For(s.batch, max(1, elements/s.dst.size()), r.last)
	}
	r.dst, r.src, r.w, r.after = nil, nil, nil, nil
}

func (s *sweep) finish(lo, hi int) { s.run.after(lo*s.dst.size(), hi*s.dst.size()) }

// packPanels copies weights into panels: for each tap, and each channel of the
// source, a row of channels of the results.
func (s *sweep) packPanels(lo, hi int) {
	raw := borrow(panel * s.taps)
	for i := lo; i < hi; i++ {
		g, j := i/s.panels(), i%s.panels()
		width, live := s.width(j)
		to, from := s.panel(g, j), raw
		for c := range s.srcCh {
			w := s.run.w[g*s.wG+c*s.wSrc+j*panel*s.wDst:]
			if s.wDst == s.taps {
				from = w[:live*s.taps]
			} else {
				for n := range live { // a line of the cache each, read once
					copy(from[n*s.taps:(n+1)*s.taps], w[n*s.wDst:])
				}
			}
			for t, at := range s.row {
				row := to[(at*s.srcCh+c)*width:][:width]
				for n := range row[:live] {
					row[n] = from[n*s.taps+t]
				}
				clear(row[live:])
			}
		}
	}
	giveBack(raw)
}

// units computes parts of pictures.
func (s *sweep) units(lo, hi int) {
	fours := s.run.batch / tile.Size
	for u := lo; u < hi; u++ {
		from := u / s.bands * s.quads
		to := min(fours, from+s.quads)
		s.unit(from, to, u%s.bands)
		if s.run.after != nil && s.bands == 1 && s.run.batch == s.batch {
			end := to * tile.Size
			if to == fours {
				end = s.batch
			}
			s.run.after(from*tile.Size*s.dst.size(), end*s.dst.size())
		}
	}
}

// unit computes one band of fours from to to-1. The last four, if it is not
// whole, is that of the last pictures, some of which are then computed twice, by
// the same unit.
func (s *sweep) unit(from, to, band int) {
	n := to - from
	if to == s.run.batch/tile.Size && s.run.batch%tile.Size > 0 {
		n++
	}
	for _, p := range s.passes {
		lo, hi := len(p.in)*band/s.bands*n, len(p.in)*(band+1)/s.bands*n
		for g := range s.groups {
			for i := lo; i < hi; i += chunkGroups {
				for j := range s.panels() {
					if s.run.tiles {
						s.tiles(p, g, j, i, min(hi, i+chunkGroups), from, n)
					} else {
						s.products(p, g, j, i, min(hi, i+chunkGroups), from, n)
					}
				}
			}
		}
	}
}

// place says where group i of a unit of n fours begins in source and result.
func (s *sweep) place(p *pass, i, from, n int) (in, out int) {
	first := min((from+i%n)*tile.Size, s.run.batch-tile.Size)
	return p.in[i/n] + first*s.src.size(), p.out[i/n] + first*s.dst.size()
}

// tileOut is where the groups of a tile lie that is not written in place.
var tileOut = []int{0, tile.Size * panel, 2 * tile.Size * panel}

// tiles computes groups lo to hi-1 by one panel of channels.
func (s *sweep) tiles(p *pass, g, j, lo, hi, from, n int) {
	w := s.panel(g, j)
	width, live := s.width(j)
	bias := s.run.biases[(g*s.panels()+j)*panel:][:width]
	x, y := s.run.src[g*s.srcCh:], s.run.dst[g*s.dstCh+j*panel:]
	lda, ldc, floor := s.src.size(), s.dst.size(), s.run.floor
	var in, out [tile.Groups]int
	pixel, four := lo/n, lo%n // place, without the divisions
	for i := lo; i < hi; i += tile.Groups {
		m := min(tile.Groups, hi-i)
		for q := range m {
			first := min((from+four)*tile.Size, s.run.batch-tile.Size)
			in[q], out[q] = p.in[pixel]+first*lda, p.out[pixel]+first*ldc
			if four++; four == n {
				pixel, four = pixel+1, 0
			}
		}
		if width == live {
			tile.Gather(width/tile.Cols, x, in[:m], lda, p.seg, p.k, w, y, out[:m], ldc, bias, floor)
			continue
		}
		var t [tile.Groups * tile.Size * panel]float32
		tile.Gather(width/tile.Cols, x, in[:m], lda, p.seg, p.k, w, t[:], tileOut[:m], panel, bias, floor)
		for q := range m {
			for r := range tile.Size {
				copy(y[out[q]+r*ldc:][:live], t[(q*tile.Size+r)*panel:])
			}
		}
	}
}

// products is tiles by way of blas, for other machines and to compare with: the
// values of one segment, of all groups, are the rows of a matrix.
func (s *sweep) products(p *pass, g, j, lo, hi, from, n int) {
	w := s.panel(g, j)
	width, live := s.width(j)
	bias := s.run.biases[(g*s.panels()+j)*panel:][:live]
	x, y := s.run.src[g*s.srcCh:], s.run.dst[g*s.dstCh+j*panel:]
	rows := (hi - lo) * tile.Size
	a, c := borrow(rows*p.k), borrow(rows*live)
	for r := range rows {
		copy(c[r*live:], bias)
	}
	for _, seg := range p.seg {
		for r := range rows {
			in, _ := s.place(p, lo+r/tile.Size, from, n)
			copy(a[r*p.k:][:p.k], x[in+r%tile.Size*s.src.size()+seg.X:])
		}
		blas.Serial(false, false, rows, live, p.k, a, p.k, w[seg.W*width:], width, c, live, true)
	}
	if s.run.relu {
		vec.ReLU(c[:rows*live], c[:rows*live])
	}
	for r := range rows {
		_, out := s.place(p, lo+r/tile.Size, from, n)
		copy(y[out+r%tile.Size*s.dst.size():][:live], c[r*live:])
	}
	giveBack(a)
	giveBack(c)
}
