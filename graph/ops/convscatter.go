package ops

import (
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// A scatter is the sweep up for a large side of few channels, such as a
// decoder's last layer: a vector would hold little but emptiness. Instead every
// pixel of the small side is multiplied with all taps and channels at once, and
// the products are added to where they belong, picture by picture.
type scatter struct {
	link
	cols int // taps × channels of the large side
	each *sweep
	run  scatterRun
}

type scatterRun struct {
	w                  []float32 // by tap, channel of the large side, channel of the small one
	products, dst      []float32
	bias               []float32
	relu               bool
	after              func(lo, hi int)
	scatter, rearrange func(lo, hi int)
	from               []float32
}

// scatterBelow is how many channels are few.
const scatterBelow = 8

// scatters reports whether the sweep up is better done as a scatter.
func (l link) scatters() bool {
	return l.groups == 1 && l.large.c < scatterBelow && l.taps() > 1
}

func (l link) scatter() *scatter {
	s := &scatter{link: l, cols: l.taps() * l.large.c}
	each := link{Window: Square(1, 1, 0), batch: l.batch, groups: 1, large: l.small, small: l.small}
	each.Dilation = [2]int{1, 1}
	each.small.c = s.cols
	s.each = each.straight()
	s.run.w = make([]float32, s.cols*l.small.c)
	s.run.scatter, s.run.rearrange = s.add, s.weights
	return s
}

// compute implements mover.
func (s *scatter) compute(dst, src, w, bias []float32, relu bool, after func(lo, hi int)) {
	r := &s.run
	r.dst, r.from, r.bias, r.relu, r.after = dst, w, bias, relu, after
	par.For(s.small.c, max(1, elements/s.cols), r.rearrange)
	r.products = borrow(s.batch * s.each.dst.size())
	s.each.compute(r.products, src, r.w, nil, false, r.scatter)
	giveBack(r.products)
	r.dst, r.from, r.bias, r.after, r.products = nil, nil, nil, nil, nil
}

// weights brings those of channels lo to hi-1 of the small side into the order
// of the products.
func (s *scatter) weights(lo, hi int) {
	c, taps := s.large.c, s.taps()
	for o := lo; o < hi; o++ {
		for n := range c {
			for t := range taps {
				s.run.w[(t*c+n)*s.small.c+o] = s.run.from[(o*c+n)*taps+t]
			}
		}
	}
}

// add sums the products of whole pictures, those at lo to hi-1.
func (s *scatter) add(lo, hi int) {
	n := s.each.dst.size()
	for i := lo / n; i < hi/n; i++ {
		y := s.run.dst[i*s.large.size():][:s.large.size()]
		clear(y)
		if s.run.bias != nil {
			for p := 0; p < len(y); p += s.large.c {
				copy(y[p:p+s.large.c], s.run.bias)
			}
		}
		s.picture(y, s.run.products[i*n:][:n])
		if s.run.relu {
			vec.ReLU(y, y)
		}
		if s.run.after != nil {
			s.run.after(i*s.large.size(), (i+1)*s.large.size())
		}
	}
}

func (s *scatter) picture(y, products []float32) {
	c, kw := s.large.c, s.Kernel[1]
	for py := range s.small.h {
		for px := range s.small.w {
			from := products[(py*s.small.w+px)*s.cols:][:s.cols]
			left := px*s.Stride[1] - s.Pad[1]
			for ty := range s.Kernel[0] {
				row := py*s.Stride[0] + ty*s.Dilation[0] - s.Pad[0]
				if row < 0 || row >= s.large.h {
					continue
				}
				line, taps := y[row*s.large.w*c:][:s.large.w*c], from[ty*kw*c:][:kw*c]
				if s.Dilation[1] == 1 && left >= 0 && left+kw <= s.large.w {
					d := line[left*c:][:kw*c]
					vec.Add(d, d, taps)
					continue
				}
				for tx := range kw {
					if x := left + tx*s.Dilation[1]; x >= 0 && x < s.large.w {
						d := line[x*c:][:c]
						vec.Add(d, d, taps[tx*c:][:c])
					}
				}
			}
		}
	}
}
