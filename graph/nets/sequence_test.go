package nets

import (
	"fmt"
	"math"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/layers"
)

func smallTransformer(change func(e *Transformer)) *Transformer {
	e := &Transformer{Dim: 8, Depth: 2, Heads: 2, MLPRatio: 2, Norm: "pre", Activation: "gelu", Positions: "learned", Pooling: "mean"}
	if change != nil {
		change(e)
	}
	return e
}

// wordsOf is a vocabulary of n words.
func wordsOf(n int) *data.Vocabulary {
	var words []string
	for i := range n {
		words = append(words, fmt.Sprint(i))
	}
	return data.NewVocabulary(words, make([]int64, n))
}

// encoded are the tokens, (B, lead+T, 8), and codes, (B, 8), of sequences.
func encoded(t *testing.T, e *Transformer, words []int, length int) (tokens, codes [][]float32) {
	t.Helper()
	if err := e.Check([]int{length}); err != nil {
		t.Fatal(err)
	}
	n := len(words) / length
	p, err := graph.Compile(graph.NewParams(4), graph.Eval, func(s *graph.Scope) *G.Node {
		e.EncodeWords(s.In("encoder"), s.Ints("words", n, length), wordsOf(11))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	f := p.NewFeed()
	copy(f.I["words"], words)
	if err := p.Run(f, 0); err != nil {
		t.Fatal(err)
	}
	rows := func(tap string) (list [][]float32) {
		v, ok := p.Tap(tap)
		if !ok {
			t.Fatalf("no tap %s among %v", tap, p.Taps())
		}
		for at := 0; at < len(v.Data); at += 8 {
			list = append(list, append([]float32{}, v.Data[at:at+8]...))
		}
		return list
	}
	return rows("encoder/tokens"), rows("encoder/code")
}

func near(a, b []float32) bool {
	for i := range a {
		if d := a[i] - b[i]; !(d*d < 1e-10) {
			return false
		}
	}
	return true
}

// Padding changes nothing: a short sequence has the same tokens and the same code
// however much of it follows, and whatever the positions are.
func TestTransformerPadding(t *testing.T) {
	for name, change := range map[string]func(e *Transformer){
		"pre, learned, mean":  nil,
		"post, sincos, mean":  func(e *Transformer) { e.Norm, e.Positions = "post", "sincos" },
		"class":               func(e *Transformer) { e.ClassToken, e.Pooling = true, "class" },
		"class token, mean":   func(e *Transformer) { e.ClassToken = true },
		"causal, last":        func(e *Transformer) { e.Causal, e.Pooling = true, "last" },
		"sincos, class token": func(e *Transformer) { e.Positions, e.ClassToken = "sincos", true },
	} {
		t.Run(name, func(t *testing.T) {
			e := smallTransformer(change)
			e.MaxLength = 6
			lead := 0
			if e.ClassToken {
				lead = 1
			}
			short, code := encoded(t, e, []int{3, 1, 4}, 3)
			long, longCode := encoded(t, e, []int{3, 1, 4, -1, -1, -1, 3, 1, 4, 1, 5, 9}, 6)
			for i := range lead + 3 {
				if !near(short[i], long[i]) {
					t.Errorf("token %d is %v, with padding %v", i, short[i], long[i])
				}
			}
			if !near(code[0], longCode[0]) {
				t.Errorf("the code is %v, with padding %v", code[0], longCode[0])
			}
			// The same beginning with other words after it.
			same := near(long[lead], long[lead+6+lead])
			if same != e.Causal {
				t.Errorf("the first token is the same whatever follows: %v, causal: %v", same, e.Causal)
			}
			var want []float32
			switch e.Pooling {
			case "class":
				want = short[0]
			case "last":
				want = short[2]
			default:
				want = make([]float32, 8)
				for j := range want {
					want[j] = (short[lead][j] + short[lead+1][j] + short[lead+2][j]) / 3
				}
			}
			if !near(code[0], want) {
				t.Errorf("the code is %v, want %v", code[0], want)
			}
		})
	}
}

// The order of the words counts.
func TestTransformerOrder(t *testing.T) {
	for _, positions := range []string{"learned", "sincos"} {
		e := smallTransformer(func(e *Transformer) { e.Positions = positions })
		_, codes := encoded(t, e, []int{3, 1, 4, 4, 1, 3}, 3)
		if near(codes[0], codes[1]) {
			t.Errorf("%s positions: a sequence and its reverse have one code", positions)
		}
	}
}

// Names and shapes are those that a checkpoint holds.
func TestTransformerNames(t *testing.T) {
	e := smallTransformer(func(e *Transformer) { e.Depth, e.ClassToken, e.MaxLength = 1, true, 9 })
	ps := graph.NewParams(0)
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node {
		code := e.EncodeWords(s.In("encoder"), s.Ints("words", 2, 5), wordsOf(11))
		return layers.MSE(s, code, s.Input("t", 2, 8))
	})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	var got []string
	for _, w := range ps.All() {
		if !strings.Contains(w.Path, "blocks") {
			got = append(got, fmt.Sprint(w.Path, w.Shape))
		}
	}
	want := "encoder/class_token[8] encoder/token_embed/weight[12 8] encoder/pos_embed[10 8] encoder/norm/weight[8] encoder/norm/bias[8]"
	if g := strings.Join(got, " "); g != want {
		t.Errorf("parameters are %s, want %s", g, want)
	}
	if g := strings.Join(p.Taps(), " "); g != "encoder/blocks/0 encoder/tokens encoder/code" {
		t.Errorf("taps are %s", g)
	}
}

// All faults of the settings are told at once.
func TestTransformerCheck(t *testing.T) {
	e, err := New("transformer")
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Check([]int{128}); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	bad := Transformer{Dim: 7, Depth: 0, Heads: 2, MLPRatio: math.NaN(), Norm: "none", Activation: "gellu", Positions: "sincos",
		MaxLength: 5, ClassToken: true, Pooling: "max", Causal: true, Dropout: -1}
	want := []string{
		"depth: is 0, want 1 to 1000",
		"heads: is 2, want a divisor of the 7 values of a token",
		"mlp_ratio: makes a hidden layer of 0 values, want 1 to 1048576",
		`norm: is "none", want pre or post`,
		`activation: is "gellu", want one of`,
		"dim: is 7, want an even number for sincos positions",
		`pool: is "max", want mean, class or last`,
		"class_token: is true, but with causal = true the first token looks at nothing",
		"dropout: is -1, want 0 to below 1",
		"max_length: is 5, but the examples have 6 tokens",
	}
	got := strings.Split(fmt.Sprint(bad.Check([]int{6})), "\n")
	if len(got) != len(want) {
		t.Errorf("got %d faults, want %d: %q", len(got), len(want), got)
	}
	for i := range min(len(got), len(want)) {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
	worse := Transformer{Dim: 0, Norm: "pre", Activation: "gelu", Positions: "none", Pooling: "class", MaxLength: -1}
	for _, want := range []string{"dim: is 0", `positions: is "none", want learned or sincos`, `pool: is "class", which needs class_token`, "max_length: is -1"} {
		if err := worse.Check([]int{6}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := e.Check([]int{3, 32, 32}); err == nil || !strings.Contains(err.Error(), "a transformer takes sequences of tokens") {
		t.Errorf("pictures: %v", err)
	}
}

// Row p is sin(p), cos(p), sin(p/100), cos(p/100) for four values.
func TestSinCos(t *testing.T) {
	table, err := SinCos(4, 3, 1)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{0, 0, 0, 0, 0, 1, 0, 1, math.Sin(1), math.Cos(1), math.Sin(0.01), math.Cos(0.01), math.Sin(2), math.Cos(2), math.Sin(0.02), math.Cos(0.02)}
	for i, w := range want {
		if math.Abs(float64(table[i])-w) > 1e-6 {
			t.Errorf("value %d is %v, want %v", i, table[i], w)
		}
	}
	if _, err := SinCos(3, 1, 0); err == nil {
		t.Error("3 values are accepted")
	}
}
