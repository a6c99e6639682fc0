package vec

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	names := Paths()
	if names[len(names)-1] != "go" {
		t.Errorf("Paths() = %v, want the plain Go form last", names)
	}
	for _, name := range names {
		if err := ForcePath(name); err != nil || Path() != name {
			t.Errorf("ForcePath(%q): %v, Path() = %q", name, err, Path())
		}
	}
	err := ForcePath("sse")
	if err == nil || !strings.Contains(err.Error(), `"sse"`) || !strings.Contains(err.Error(), strings.Join(names, ", ")) {
		t.Errorf("ForcePath(sse) = %v, want an error that names it and lists %v", err, names)
	}
	if got := Path(); got != "go" {
		t.Errorf("a refused ForcePath changed the path to %q", got)
	}
	if err := ForcePath(""); err != nil {
		t.Error(err)
	}
}

func TestFromEnv(t *testing.T) {
	for _, c := range []struct {
		name string
		want path
		bad  bool
	}{
		{"", best(), false},
		{"go", pathGo, false},
		{"neon", best(), true},
	} {
		got, err := fromEnv(c.name)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%s=%q: path %q, error %v", EnvPath, c.name, pathNames[got], err)
		}
		if err != nil && !strings.HasPrefix(err.Error(), EnvPath+": ") {
			t.Errorf("error %q does not name %s", err, EnvPath)
		}
	}
}

// TestLengths makes sure that no assembly runs over slices that do not fit.
func TestLengths(t *testing.T) {
	long, short := make([]float32, 8), make([]float32, 7)
	two := func(f func(dst, x []float32)) []func() {
		return []func(){func() { f(long, short) }, func() { f(short, long) }}
	}
	three := func(f func(dst, a, b []float32)) []func() {
		return []func(){func() { f(long, short, long) }, func() { f(long, long, short) }, func() { f(short, long, long) }}
	}
	calls := map[string][]func(){
		"Axpy":         two(func(d, x []float32) { Axpy(d, 1, x) }),
		"AddBelow":     two(func(d, x []float32) { AddBelow(d, x, 1) }),
		"Distances":    two(func(x, b []float32) { Distances(x, b, 1) }),
		"Dot":          two(func(d, x []float32) { Dot(d, x) }),
		"SquaredError": three(func(d, a, b []float32) { SquaredError(d, a, b) }),
		"AbsError":     three(func(d, a, b []float32) { AbsError(d, a, b) }),
		"BCELogits":    three(func(d, a, b []float32) { BCELogits(d, a, b) }),
		"SoftmaxRow":   two(func(d, x []float32) { SoftmaxRow(d, x, 1) }),
		"SoftmaxGrad":  three(func(d, a, b []float32) { SoftmaxGradRow(d, a, b, 1) }),
		"FromBytes":    {func() { FromBytes(long, make([]byte, 7), 1, 0) }, func() { FromBytes(short, make([]byte, 8), 1, 0) }},
		"FromBytesSub": {func() { FromBytesSub(long, make([]byte, 7), 1, long) }, func() { FromBytesSub(long, make([]byte, 8), 1, short) }},
		"AddBias": {func() { AddBias(long, short, 1, 8) }, func() { AddBias(short, long, 1, 8) }, func() { AddBias(long, long, -1, -8) },
			func() { AddBias(long, long[:4], 3, 4) }},
		"AddBiasReLU": {func() { AddBiasReLU(long, short, 1, 8) }, func() { AddBiasReLU(short, long, 1, 8) }},
		"ColSum":      {func() { ColSum(short, long, 1, 8) }, func() { ColSum(long, short, 1, 8) }},
		"LayerNormRow": {func() { LayerNormRow(long, short, long, long, 1) }, func() { LayerNormRow(long, long, short, long, 1) },
			func() { LayerNormRow(long, long, long, short, 1) }},
		"SGD": {func() { SGD(long, short, nil, SGDCoef{}) }, func() { SGD(long, long, short, SGDCoef{Momentum: 1}) }, func() { SGD(long, long, long, SGDCoef{}) }},
	}
	for name, k := range map[string]func(d, a, b, c []float32){
		"Adam":    func(d, a, b, c []float32) { Adam(d, a, b, c, AdamCoef{}) },
		"RMSprop": func(d, a, b, c []float32) { RMSprop(d, a, b, c, RMSpropCoef{Momentum: 1}) },
		"Adagrad": func(d, a, b, c []float32) { Adagrad(d, a, b, AdagradCoef{}); Adagrad(d, c, b, AdagradCoef{}) },
		"LayerNormGradRow": func(d, a, b, c []float32) {
			LayerNormGradRow(d, a, b, c, d, d, 0, 1)
			LayerNormGradRow(d, d, d, d, b, c, 0, 1)
			LayerNormGradRow(d, d, d, d, c, a, 0, 1)
		},
	} {
		calls[name] = []func(){
			func() { k(long, short, long, long) }, func() { k(long, long, short, long) }, func() { k(long, long, long, short) },
		}
	}
	for _, c := range elementwiseCases() {
		switch len(c.ins) {
		case 1:
			calls[c.name] = two(func(d, x []float32) { c.run(d, [][]float32{x}) })
		case 2:
			if c.name != "Axpy" && c.name != "AddBelow" { // there, the suite copies its first input
				calls[c.name] = three(func(d, a, b []float32) { c.run(d, [][]float32{a, b}) })
			}
		}
	}
	for name, fs := range calls {
		for i, f := range fs {
			func() {
				defer func() {
					if r := recover(); r == nil || !strings.HasPrefix(r.(string), "vec: slice of length") {
						t.Errorf("%s, call %d: recovered %v, want a panic about the length", name, i, r)
					}
				}()
				f()
			}()
		}
	}
}

func TestNoAllocation(t *testing.T) {
	eachPath(t, func(t *testing.T) {
		got := testing.AllocsPerRun(10, func() {
			var x, y [100]float32 // on the stack, if no kernel lets them escape
			Exp(y[:], x[:])
			SoftmaxRow(y[:], x[:], 1)
			LayerNormRow(y[:], x[:], x[:], x[:], 1)
			Adam(y[:], x[:], x[:], x[:], AdamCoef{Eps: 1})
			_ = SquaredError(y[:], x[:], x[:]) + float64(Max(x[:]))
		})
		if got != 0 {
			t.Errorf("%g allocations, want none", got)
		}
	})
}

// TestGenerated runs the generator and compares.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles the generator")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command to run the generator with")
	}
	dir, err := filepath.Abs("../asmgen")
	if err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		// For this machine and without the network, whatever the test itself runs under.
		cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=", "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
		b, err := cmd.CombinedOutput()
		return string(b), err
	}
	if msg, err := run("list", "-deps", "./vec"); err != nil {
		t.Skipf("the generator's modules are not on this machine (go -C %s mod download fetches them): %s", dir, msg)
	}
	out := t.TempDir()
	coef, err := filepath.Abs("coef.go")
	if err != nil {
		t.Fatal(err)
	}
	if msg, err := run("run", "./vec", "-o", out, "-coef", coef); err != nil {
		t.Fatalf("generator: %v\n%s", err, msg)
	}
	files, err := os.ReadDir(out)
	if err != nil || len(files) == 0 {
		t.Fatalf("the generator wrote %d files, %v", len(files), err)
	}
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(out, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes; run go generate", f.Name())
		}
	}
}
