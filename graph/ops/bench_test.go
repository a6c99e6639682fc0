package ops_test

import (
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops"
	"x2vec/graph/ops/opstest"
)

// Each benchmark is one Forward and one Backward of a kernel at the sizes of the
// workloads: the MLP at batch 256, a transformer's 4096 tokens of 192 values.
func BenchmarkOps(b *testing.B) {
	r := draw.New(1)
	normal := func(shape ...int) opstest.Value { return opstest.Normal(r, shape...) }
	for _, c := range []struct {
		name string
		k    ops.Kernel
		in   []opstest.Value
	}{
		{"linear relu 256x784x512", &ops.Linear{Act: ops.Activation{Func: ops.ReLU}}, []opstest.Value{normal(256, 784), normal(512, 784), normal(512)}},
		{"linear gelu 4096x192x768", &ops.Linear{Act: ops.Activation{Func: ops.GELU}}, []opstest.Value{normal(4096, 192), normal(768, 192), normal(768)}},
		{"gelu 4096x768", &ops.Activate{Act: ops.Activation{Func: ops.GELU}}, []opstest.Value{normal(4096, 768)}},
		{"softmax 12288x64", &ops.Softmax{}, []opstest.Value{normal(12288, 64)}},
		{"log-softmax 12288x64", &ops.Softmax{Log: true}, []opstest.Value{normal(12288, 64)}},
		{"l2-normalise 4096x192", &ops.L2Normalize{}, []opstest.Value{normal(4096, 192)}},
		{"layer norm 4096x192", &ops.LayerNorm{Eps: 1e-5}, []opstest.Value{normal(4096, 192), normal(192), normal(192)}},
		{"dropout 4096x768", &ops.Dropout{P: 0.1}, []opstest.Value{normal(4096, 768)}},
		{"add 4096x192", &ops.Add{}, []opstest.Value{normal(4096, 192), normal(4096, 192)}},
		{"squared error 256x784", &ops.PointLoss{}, []opstest.Value{normal(256, 784), normal(256, 784)}},
		{"binary cross-entropy 256x784", &ops.PointLoss{Of: ops.BinaryCrossEntropy}, []opstest.Value{normal(256, 784), normal(256, 784)}},
		{"cross-entropy 1024x8000", &ops.CrossEntropy{}, []opstest.Value{normal(1024, 8000), opstest.Ints(r, 8000, 1024)}},
		{"cross-entropy map 32x313x16x16", &ops.CrossEntropy{Map: true}, []opstest.Value{normal(32, 313, 16, 16), opstest.Ints(r, 313, 32, 16, 16)}},
		{"soft cross-entropy map 32x313x16x16", &ops.CrossEntropy{Map: true, Soft: true}, []opstest.Value{normal(32, 313, 16, 16), normal(32, 313, 16, 16)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			step, values := opstest.Step(b, c.k, c.in)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(values), "ns/value")
		})
	}
}
