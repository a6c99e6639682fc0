package tile

import "x2vec/graph/ops/vec"

// Available reports whether this machine has the inner loops.
func Available() bool { return vec.Path() != "go" }

// first is the begin of a slice, or nil.
func first(s []float32) *float32 {
	if len(s) == 0 {
		return nil
	}
	return &s[0]
}

func gather(vecs int, x []float32, in []int, lda int, seg []Segment, k int, w, y []float32, out []int, ldc int, bias []float32, floor float32) {
	px, pin, pw, py, po, pb := first(x), &in[0], first(w), &y[0], &out[0], &bias[0]
	n := len(seg)
	var ps *int
	if n > 0 {
		ps = &seg[0].X
	}
	if vec.Path() != "avx512" {
		for g := range in {
			for v := range vecs {
				gather1x1AVX2(px, &in[g], lda, ps, n, k, first(w[v*Cols:]), vecs*Cols, &y[v*Cols], &out[g], ldc, &bias[v*Cols], floor)
			}
		}
		return
	}
	switch vecs*10 + len(in) {
	case 11:
		gather1x1AVX512(px, pin, lda, ps, n, k, pw, 0, py, po, ldc, pb, floor)
	case 12:
		gather2x1AVX512(px, pin, lda, ps, n, k, pw, 0, py, po, ldc, pb, floor)
	case 13:
		gather3x1AVX512(px, pin, lda, ps, n, k, pw, 0, py, po, ldc, pb, floor)
	case 21:
		gather1x2AVX512(px, pin, lda, ps, n, k, pw, 0, py, po, ldc, pb, floor)
	case 22:
		gather2x2AVX512(px, pin, lda, ps, n, k, pw, 0, py, po, ldc, pb, floor)
	case 23:
		gather3x2AVX512(px, pin, lda, ps, n, k, pw, 0, py, po, ldc, pb, floor)
	}
}

// heights are the numbers of rows that there is a function for.
var heights = [...]int{12, 8, 4, 3, 2, 1}

// outer takes as many rows at a time as it can.
func outer(rows int, a []float32, lda int, x []float32, at []int, ldx int, line []Line, n int, c []float32, ldc int) {
	if len(line) == 0 {
		return
	}
	wide := vec.Path() == "avx512"
	for r := 0; r < rows; {
		h := 0
		for _, h = range heights {
			if h <= rows-r && (wide || h <= 4) {
				break
			}
		}
		if wide {
			outerAVX512(h, &a[r], lda, &x[0], at, ldx, line, n, &c[r*ldc], ldc)
		} else {
			for v := range at {
				outerAVX2(h, &a[r], lda, &x[0], at[v], ldx, line, n, &c[r*ldc+v*Cols], ldc)
			}
		}
		r += h
	}
}

func outerAVX512(rows int, a *float32, lda int, x *float32, at []int, ldx int, line []Line, n int, c *float32, ldc int) {
	l, nl := &line[0].A, len(line)
	if len(at) == 1 {
		v := at[0]
		switch rows {
		case 12:
			outer12x1AVX512(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
		case 8:
			outer8x1AVX512(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
		case 4:
			outer4x1AVX512(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
		case 3:
			outer3x1AVX512(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
		case 2:
			outer2x1AVX512(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
		default:
			outer1x1AVX512(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
		}
		return
	}
	v, w := at[0], at[1]
	switch rows {
	case 12:
		outer12x2AVX512(a, lda, x, v, w, ldx, l, nl, n, c, ldc)
	case 8:
		outer8x2AVX512(a, lda, x, v, w, ldx, l, nl, n, c, ldc)
	case 4:
		outer4x2AVX512(a, lda, x, v, w, ldx, l, nl, n, c, ldc)
	case 3:
		outer3x2AVX512(a, lda, x, v, w, ldx, l, nl, n, c, ldc)
	case 2:
		outer2x2AVX512(a, lda, x, v, w, ldx, l, nl, n, c, ldc)
	default:
		outer1x2AVX512(a, lda, x, v, w, ldx, l, nl, n, c, ldc)
	}
}

func outerAVX2(rows int, a *float32, lda int, x *float32, v, ldx int, line []Line, n int, c *float32, ldc int) {
	l, nl := &line[0].A, len(line)
	switch rows {
	case 4:
		outer4x1AVX2(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
	case 3:
		outer3x1AVX2(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
	case 2:
		outer2x1AVX2(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
	default:
		outer1x1AVX2(a, lda, x, v, 0, ldx, l, nl, n, c, ldc)
	}
}
