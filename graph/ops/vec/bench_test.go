package vec

import (
	"fmt"
	"testing"
)

// The benchmarks report nanoseconds per element on every path. 16384 elements
// stay in the second-level cache, as blocks of a layer do.
const benchLen = 16384

func bench(b *testing.B, n int, f func()) {
	for _, name := range Paths() {
		b.Run(name, func(b *testing.B) {
			if err := ForcePath(name); err != nil {
				b.Fatal(err)
			}
			defer ForcePath("")
			for b.Loop() {
				f()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/elem")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func benchSlices(k int) [][]float32 {
	r := newRand(1)
	s := make([][]float32, k)
	for i := range s {
		// Not all at the same place in a page, which no caller's slices are and
		// which makes stores wait for loads of other slices.
		s[i] = draw(r, benchLen+80*k, normal32)[80*i:][:benchLen]
	}
	return s
}

func BenchmarkElementwise(b *testing.B) {
	for _, c := range elementwiseCases() {
		b.Run(c.name, func(b *testing.B) {
			in := benchSlices(len(c.ins))
			if c.name == "Log" {
				in[0] = draw(newRand(1), benchLen, positive)
			}
			dst := make([]float32, benchLen)
			bench(b, benchLen, func() { c.run(dst, in) })
		})
	}
	for _, a := range activationCases {
		if a.fromY && a.name != "ReLU" {
			continue // measured above
		}
		b.Run("gradient of "+a.name, func(b *testing.B) {
			s := benchSlices(3)
			bench(b, benchLen, func() { a.grad(s[0], s[1], s[2]) })
		})
	}
	b.Run("FromBytes", func(b *testing.B) {
		dst, src := make([]float32, benchLen), make([]byte, benchLen)
		bench(b, benchLen, func() { FromBytes(dst, src, 1.0/255, -0.5) })
	})
	b.Run("FromBytesSub", func(b *testing.B) {
		s, src := benchSlices(2), make([]byte, benchLen)
		bench(b, benchLen, func() { FromBytesSub(s[0], src, 1.0/255, s[1]) })
	})
}

func BenchmarkReduce(b *testing.B) {
	s := benchSlices(3)
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"Sum", func() { Sum(s[0]) }},
		{"SumSquares", func() { SumSquares(s[0]) }},
		{"Dot", func() { Dot(s[0], s[1]) }},
		{"Max", func() { Max(s[0]) }},
		{"Finite", func() { Finite(s[0]) }},
		{"SquaredError", func() { SquaredError(s[2], s[0], s[1]) }},
		{"AbsError", func() { AbsError(s[2], s[0], s[1]) }},
		{"BCELogits", func() { BCELogits(s[2], s[0], s[1]) }},
	} {
		b.Run(c.name, func(b *testing.B) { bench(b, benchLen, c.f) })
	}
}

func BenchmarkRows(b *testing.B) {
	s := benchSlices(6)
	dbeta := make([]float32, benchLen)
	Fill(s[1], 0) // what is added over and over must not grow
	for _, cols := range []int{10, 64, 65, 192, 197, 512} {
		rows := benchLen / cols
		n := rows * cols
		row := func(i, r int) []float32 { return s[i][r*cols:][:cols] }
		for _, c := range []struct {
			name string
			f    func()
		}{
			{"AddBias", func() { AddBias(s[0][:n], s[1][:cols], rows, cols) }},
			{"AddBiasReLU", func() { AddBiasReLU(s[0][:n], s[1][:cols], rows, cols) }},
			{"ColSum", func() { ColSum(s[4][:cols], s[0][:n], rows, cols) }},
			{"SoftmaxRow", func() {
				for r := range rows {
					SoftmaxRow(row(2, r), row(0, r), 1)
				}
			}},
			{"SoftmaxGradRow", func() {
				for r := range rows {
					SoftmaxGradRow(row(4, r), row(0, r), row(2, r), 1)
				}
			}},
			{"LayerNormRow", func() {
				for r := range rows {
					LayerNormRow(row(4, r), row(0, r), s[2][:cols], s[3][:cols], 1e-5)
				}
			}},
			{"LayerNormGradRow", func() {
				for r := range rows {
					LayerNormGradRow(row(4, r), row(0, r), row(2, r), s[3][:cols], s[5][:cols], dbeta[:cols], 0, 1)
				}
			}},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, cols), func(b *testing.B) { bench(b, n, c.f) })
		}
	}
}

func BenchmarkOptimizers(b *testing.B) {
	s := benchSlices(4)
	for i, v := range s[3] {
		s[3][i], s[2][i] = v*v, v*v // second moments are not negative
	}
	adam := AdamConfig{LR: 1e-3, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}.At(100, 1)
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"Adam", func() { Adam(s[0], s[1], s[2], s[3], adam) }},
		{"SGD", func() { SGD(s[0], s[1], nil, SGDCoef{Scale: 1, LR: 1e-9}) }},
		{"SGD with momentum", func() { SGD(s[0], s[1], s[2], SGDCoef{Scale: 1, LR: 1e-9, Momentum: 0.9, Fresh: 1}) }},
		{"RMSprop", func() {
			RMSprop(s[0], s[1], s[3], nil, RMSpropCoef{Scale: 1, LR: 1e-9, Alpha: 0.99, Fresh: 0.01, Eps: 1e-8})
		}},
		{"Adagrad", func() { Adagrad(s[0], s[1], s[3], AdagradCoef{Scale: 1, LR: 1e-9, Eps: 1e-8}) }},
	} {
		b.Run(c.name, func(b *testing.B) { bench(b, benchLen, c.f) })
	}
}
