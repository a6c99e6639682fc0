package blas

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"x2vec/graph/ops/par"
)

// shapes are the products of the workloads: forward (B transposed), gradient of
// the input, gradient of the weight (A transposed), at batch 256, and weak spots.
var shapes = []struct {
	ta, tb  bool
	m, n, k int
}{
	// ae-linear, 784-32-784.
	{false, true, 256, 32, 784}, {false, true, 256, 784, 32},
	{false, false, 256, 784, 32}, {false, false, 256, 32, 784},
	{true, false, 32, 784, 256}, {true, false, 784, 32, 256},
	// ae-mlp, 784-512-256-32 and back.
	{false, true, 256, 512, 784}, {false, true, 256, 256, 512}, {false, true, 256, 784, 512},
	{false, false, 256, 784, 512}, {false, false, 256, 512, 256}, {false, false, 256, 512, 784},
	{true, false, 512, 784, 256}, {true, false, 256, 512, 256}, {true, false, 784, 512, 256},
	// Transformers: 64 tokens of 128 pictures, width 192.
	{false, true, 8192, 768, 192}, {false, true, 8192, 192, 768}, {false, false, 8192, 768, 192}, {false, false, 8192, 192, 768},
	{true, false, 192, 768, 8192},
	{false, false, 64, 64, 64}, {false, true, 64, 64, 64}, {true, false, 64, 64, 64}, {true, true, 64, 64, 64},
	// The weight gradient of a convolution.
	{true, false, 64, 288, 32768},
	{false, false, 1024, 1024, 1024}, {false, true, 1, 784, 512},
}

// BenchmarkGemm gives the rate of each engine on one thread and on two, in turn for each shape.
//
//	go test -run - -bench Gemm -benchtime 20x ./graph/ops/blas
func BenchmarkGemm(b *testing.B) {
	defer par.SetThreads(par.Threads())
	defer inUse.Store(nil)
	rng := rand.New(rand.NewPCG(1, 1))
	for _, s := range shapes {
		p := randomProduct(rng, s.ta, s.tb, false, s.m, s.n, s.k, 0)
		for _, threads := range []int{1, 2} {
			for _, name := range []string{"own-avx512", "own-avx2", "openblas", "gonum"} {
				b.Run(fmt.Sprintf("%dx%dx%d%s/threads=%d/%s", s.m, s.n, s.k, form(s.ta, s.tb), threads, name), func(b *testing.B) {
					if err := Use(name); err != nil {
						b.Skip(err)
					}
					par.SetThreads(threads)
					run := func() {
						Gemm(p.ta, p.tb, p.m, p.n, p.k, p.a, p.lda, p.b, p.ldb, p.c, p.ldc, false)
					}
					run()
					b.ReportAllocs()
					b.ResetTimer()
					for range b.N {
						run()
					}
					o := p.operands()
					b.ReportMetric(float64(o.flops())*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOPS")
				})
			}
		}
	}
}

func form(ta, tb bool) string {
	letters := map[bool]string{false: "n", true: "t"}
	return letters[ta] + letters[tb]
}
