package nets

import (
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
)

// What is too large for any machine is refused with a sentence, before anything is
// made of that size.
func TestTooLarge(t *testing.T) {
	const w = maxWidth
	picture, run := []int{3, 32, 32}, []int{64}
	for _, c := range []struct {
		name  string
		e     Encoder
		shape []int
		want  string
	}{
		{"vit", &ViT{Patch: 4, Dim: w, Depth: 1000, Heads: 1, MLPRatio: 1, Pooling: "mean", Positions: "sincos"}, picture,
			"depth, dim, mlp_ratio: 1000 blocks of 1048576 values with hidden layers of 1048576 have 6597069766656000 weights, want at most 2147483648"},
		{"transformer", &Transformer{Dim: w, Depth: 1, Heads: 1, MLPRatio: 1, Norm: "pre", Activation: "gelu", Positions: "learned", Pooling: "mean"}, run,
			"depth, dim, mlp_ratio: 1 blocks of 1048576 values"},
		{"max_length", &Transformer{Dim: 1 << 14, MaxLength: w, Depth: 1, Heads: 1, MLPRatio: 0.1, Norm: "pre", Activation: "gelu", Positions: "sincos", Pooling: "mean"}, run,
			"max_length, dim: 1048576 positions of 16384 values are 17179869184 weights, want at most 2147483648"},
		{"igpt", &IGPT{Dim: 1 << 15, Depth: 12, Heads: 1, MLPRatio: 4}, picture,
			"depth, dim, mlp_ratio: 12 blocks of 32768 values"},
		{"resnet", &ResNet{Blocks: []int{1, 1, 1, 1, 1, 1, 1, 1}, Width: 1024, Stem: "small", Block: basic}, picture,
			"blocks, width: bring the encoder to 320690220032 weights, want at most 2147483648"},
		{"bottlenecks", &ResNet{Blocks: []int{1, 1, 1, 1, 1, 1, 1, 1}, Width: 1024, Stem: "large", Block: bottleneck}, picture,
			"blocks, width: bring the encoder to 526836190208 weights, want at most 2147483648"},
		{"patch-clusters", &PatchClusters{K: w, Patch: 28, Stride: 1, Pool: 1, Form: "triangle"}, []int{3, 32, 32},
			"k: 1048576 centers of patches of 2352 values are 2466250752 weights, want at most 2147483648"},
		{"embedding", &Embedding{Dim: w, MinN: 3, MaxN: 6, Buckets: maxBuckets}, run,
			"buckets, dim: 16777216 rows of 1048576 values for the parts of words are 17592186044416 weights, want at most 2147483648"},
	} {
		if err := c.e.Check(c.shape); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// So is a table whose size is known only when the model is built: of positions that
// are fixed, and of the words of a vocabulary.
func TestTablesTooLarge(t *testing.T) {
	for _, c := range []struct {
		positions          string
		length, vocabulary int
		want               string
	}{
		{"sincos", maxWidth, 10, "pos_embed: has shape [1048576 16384], which is too large"},
		{"learned", maxWidth, 10, "pos_embed: has shape [1048576 16384], which is too large"},
		{"learned", 4, maxWidth, "token_embed/weight: has shape [1048577 16384], which is too large"},
	} {
		e := &Transformer{Dim: 1 << 14, Depth: 1, Heads: 1, MLPRatio: 0.1, Norm: "pre", Activation: "gelu", Positions: c.positions, Pooling: "mean"}
		if err := e.Check([]int{c.length}); err != nil {
			t.Fatal(err)
		}
		_, err := graph.Compile(graph.NewParams(1), graph.Eval, func(s *graph.Scope) *G.Node {
			tokens, _ := e.EncodeTokens(s, s.Ints("words", 1, c.length), c.vocabulary)
			return tokens
		})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.positions, err, c.want)
		}
	}
}
