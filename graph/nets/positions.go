package nets

import (
	"fmt"
	"math"

	"x2vec/data/draw"
	"x2vec/graph"
)

// SinCos2D is the table of sine-cosine positions of a grid of rows x cols tokens,
// row by row, (lead + rows·cols, dim), after lead rows of zeros for tokens that have
// no place. The first half of a row says the column, the second the row: sines of
// the position times 10000^(−4i/dim), i < dim/4, and then the cosines (He et al.
// 2022, arXiv:2111.06377, appendix A.1; Vaswani et al. 2017, arXiv:1706.03762,
// section 3.5). dim must be a multiple of 4.
func SinCos2D(dim, rows, cols, lead int) ([]float32, error) {
	if dim < 4 || dim%4 != 0 {
		return nil, fmt.Errorf("sine-cosine positions have a multiple of 4 values, not %d", dim)
	}
	table := make([]float32, (lead+rows*cols)*dim)
	n := dim / 4
	for t := range rows * cols {
		row := table[(lead+t)*dim:]
		for half, place := range [2]int{t % cols, t / cols} {
			for i := range n {
				sin, cos := math.Sincos(float64(place) * math.Pow(10000, -float64(i)/float64(n)))
				row[2*half*n+i], row[(2*half+1)*n+i] = float32(sin), float32(cos)
			}
		}
	}
	return table, nil
}

// SinCos is the table of sine-cosine positions of a sequence, (lead+length, dim),
// after lead rows of zeros: value 2i of a row is the sine of the position times
// 10000^(−2i/dim) and value 2i+1 its cosine (Vaswani et al. 2017, arXiv:1706.03762,
// section 3.5). dim must be even.
func SinCos(dim, length, lead int) ([]float32, error) {
	if dim < 2 || dim%2 != 0 {
		return nil, fmt.Errorf("sine-cosine positions of a sequence have an even number of values, not %d", dim)
	}
	table := make([]float32, (lead+length)*dim)
	for t := range length {
		row := table[(lead+t)*dim:][:dim]
		for i := 0; i < dim; i += 2 {
			sin, cos := math.Sincos(float64(t) * math.Pow(10000, -float64(i)/float64(dim)))
			row[i], row[i+1] = float32(sin), float32(cos)
		}
	}
	return table, nil
}

// tabled starts a buffer as a table, which is made once there is room for the buffer.
func tabled(s *graph.Scope, table func() ([]float32, error)) graph.Init {
	return func(_ *draw.Rand, _ []int, w []float32) {
		values, err := table()
		if err != nil {
			s.Fail("%w", err)
		}
		copy(w, values)
	}
}
