package layers

import (
	"math"
	"strings"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/ops"
)

// Each initialiser has the variance and the bounds of its equation.
func TestInitialisers(t *testing.T) {
	shape := []int{300, 100, 2, 2} // 400 in, 1200 out
	n := 300 * 400
	for _, c := range []struct {
		name          string
		init          graph.Init
		std, boundary float64
	}{
		{"uniform", Uniform(0.3), 0.3 / math.Sqrt(3), 0.3},
		{"normal", Normal(0.02), 0.02, math.Inf(1)},
		{"lecun", LeCun(), math.Sqrt(1.0 / 3 / 400), 0.05},
		{"xavier", Xavier(), math.Sqrt(2.0 / 1600), math.Sqrt(6.0 / 1600)},
	} {
		w := make([]float32, n)
		c.init(draw.New(1), shape, w)
		var mean, square, largest float64
		for _, v := range w {
			mean += float64(v) / float64(n)
			square += float64(v) * float64(v) / float64(n)
			largest = max(largest, math.Abs(float64(v)))
		}
		std := math.Sqrt(square)
		if math.Abs(mean) > 5*c.std/math.Sqrt(float64(n)) || math.Abs(std/c.std-1) > 0.02 || largest > c.boundary*1.000001 {
			t.Errorf("%s: mean %v, deviation %v (want %v), largest %v (at most %v)", c.name, mean, std, c.std, largest, c.boundary)
		}
	}
}

func TestFans(t *testing.T) {
	for _, c := range []struct {
		shape   []int
		in, out int
	}{{[]int{5, 3}, 3, 5}, {[]int{8, 4, 3, 2}, 24, 48}, {[]int{7}, 1, 1}} {
		if in, out := Fans(c.shape); in != c.in || out != c.out {
			t.Errorf("fans of %v are %d and %d, want %d and %d", c.shape, in, out, c.in, c.out)
		}
	}
}

// Every function has a name, and a wrong name is told what there is.
func TestActivationNames(t *testing.T) {
	for i, name := range Activations() {
		if a, err := Activation(name); err != nil || a.Func != ops.Func(i) {
			t.Errorf("%s is %v, %v", name, a.Func, err)
		}
	}
	for name, want := range map[string]string{
		"rleu":       `is "rleu", want one of none, relu, leaky_relu, elu, gelu, gelu_tanh, silu, softplus, tanh, sigmoid; did you mean "relu"?`,
		"":           `is "", want one of none, relu, leaky_relu, elu, gelu, gelu_tanh, silu, softplus, tanh, sigmoid`,
		"swish-beta": `is "swish-beta", want one of none, relu,`,
	} {
		_, err := Activation(name)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", name, err, want)
		}
		if err != nil && name == "" && strings.Contains(err.Error(), "mean") {
			t.Errorf("nothing was meant by %q: %v", name, err)
		}
	}
}
