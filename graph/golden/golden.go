// Package golden holds reference values of layers, losses, optimizers and whole
// methods, computed by PyTorch (testdata/README.md says how), and the harness that
// tests hold the project's own values against.
//
// The same tests run on another folder of that form, besides the one here, if the
// environment variable X2VEC_GOLDEN names it; a relative path counts from the
// root of the module. TestGoldenKinds lists the kinds that no test covers.
package golden

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"x2vec/checkpoints"
)

// Env names another folder of cases.
const Env = "X2VEC_GOLDEN"

//go:embed testdata
var testdata embed.FS

// folder is one manifest with its files.
type folder struct {
	name string
	fs   fs.FS

	RTol       float64              `json:"rtol"`
	ATol       float64              `json:"atol"`
	Optimizers map[string]Optimizer `json:"optimizers"`
	Cases      []*Case              `json:"cases"`
}

// An Optimizer is that of a case's trained weights: sgd3.w.P, adam3.w.P and
// adamw3.w.P are the weights after three steps.
type Optimizer struct {
	Type        string  `json:"type"` // sgd, adam, adamw
	LR          float64 `json:"lr"`
	Momentum    float64 `json:"momentum"`
	Dampening   float64 `json:"dampening"`
	Nesterov    bool    `json:"nesterov"`
	Beta1       float64 `json:"beta1"`
	Beta2       float64 `json:"beta2"`
	Eps         float64 `json:"eps"`
	WeightDecay float64 `json:"weight_decay"`
}

// A Case is a set of inputs, settings and the values that follow from them. A
// tensor that is not there ends the test.
type Case struct {
	Name  string          `json:"name"`
	Kind  string          `json:"kind"`
	File  string          `json:"file"`
	Notes string          `json:"notes"` // the formula
	Hyper json.RawMessage `json:"hyper"` // sizes and settings; Settings decodes them

	folder *folder
	file   *checkpoints.File
	t      testing.TB
}

// Each runs f as a subtest on every case of a kind. A test that cannot take a
// case yet skips it with a word.
func Each(t *testing.T, kind string, f func(t *testing.T, c *Case)) {
	t.Helper()
	all, err := folders()
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		found := false
		for _, c := range d.Cases {
			if c.Kind != kind {
				continue
			}
			found = true
			t.Run(d.name+"/"+c.Name, func(t *testing.T) {
				opened, err := c.open(t)
				if err != nil {
					t.Fatal(err)
				}
				f(t, opened)
			})
		}
		if !found && i == 0 {
			t.Errorf("there is no case of kind %q", kind)
		}
	}
}

// folders reads the manifest here and the one that Env names.
func folders() ([]*folder, error) {
	here, err := fs.Sub(testdata, "testdata")
	if err != nil {
		return nil, err
	}
	d, err := read("built-in", here)
	if err != nil {
		return nil, err
	}
	all := []*folder{d}
	if path := os.Getenv(Env); path != "" {
		if !filepath.IsAbs(path) {
			root, err := moduleRoot()
			if err != nil {
				return nil, err
			}
			path = filepath.Join(root, path)
		}
		if d, err = read(Env, os.DirFS(path)); err != nil {
			return nil, fmt.Errorf("%s=%s: %w", Env, path, err)
		}
		all = append(all, d)
	}
	return all, nil
}

func read(name string, dir fs.FS) (*folder, error) {
	text, err := fs.ReadFile(dir, "manifest.json")
	if err != nil {
		return nil, err
	}
	d := &folder{name: name, fs: dir}
	if err := json.Unmarshal(text, d); err != nil {
		return nil, fmt.Errorf("manifest.json: %w", err)
	}
	if len(d.Cases) == 0 {
		return nil, errors.New("manifest.json: lists no cases")
	}
	for _, c := range d.Cases {
		c.folder = d
	}
	return d, nil
}

// moduleRoot is the folder of go.mod: tests run in the folder of their package.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.Join(errors.New("no go.mod above the test's folder"), err)
}

func (c *Case) open(t testing.TB) (*Case, error) {
	f, err := c.folder.fs.Open(c.File)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	o := *c
	o.t = t
	if o.file, err = checkpoints.DecodeSafetensors(f, info.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", c.File, err)
	}
	return &o, nil
}

// Settings decodes the case's settings into v, a pointer to a struct with json
// tags. Settings that v does not know end the test: they would be ignored.
func (c *Case) Settings(v any) {
	c.t.Helper()
	d := json.NewDecoder(strings.NewReader(string(c.Hyper)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		c.t.Fatalf("%s: settings: %v", c.Name, err)
	}
}

// Optimizer returns the settings behind NAME3.w.P: sgd, adam or adamw.
func (c *Case) Optimizer(name string) Optimizer {
	c.t.Helper()
	o, ok := c.folder.Optimizers[name]
	if !ok {
		c.t.Fatalf("the manifest has no optimizer %q", name)
	}
	return o
}

// Has reports whether there is a tensor of that name.
func (c *Case) Has(name string) bool {
	_, ok := c.file.Array(name)
	return ok
}

// Names lists the tensors whose names begin with prefix, without it.
func (c *Case) Names(prefix string) []string {
	var names []string
	for _, n := range c.file.Names() {
		if rest, ok := strings.CutPrefix(n, prefix); ok {
			names = append(names, rest)
		}
	}
	return names
}

func (c *Case) array(name string) checkpoints.Array {
	c.t.Helper()
	a, ok := c.file.Array(name)
	if !ok {
		c.t.Fatalf("%s has no tensor %q, only %s", c.Name, name, strings.Join(c.file.Names(), ", "))
	}
	return a
}

// Shape is the shape of a tensor.
func (c *Case) Shape(name string) []int {
	c.t.Helper()
	return c.array(name).Shape
}

// Floats are the values of a tensor of F32.
func (c *Case) Floats(name string) []float32 {
	c.t.Helper()
	a := c.array(name)
	if a.F32 == nil {
		c.t.Fatalf("%s: %q is of type %s, not F32", c.Name, name, a.DType())
	}
	return a.F32
}

// Ints are the values of a tensor of I64.
func (c *Case) Ints(name string) []int {
	c.t.Helper()
	a := c.array(name)
	if a.I64 == nil {
		c.t.Fatalf("%s: %q is of type %s, not I64", c.Name, name, a.DType())
	}
	v := make([]int, len(a.I64))
	for i, x := range a.I64 {
		v[i] = int(x)
	}
	return v
}

// Array is a tensor of any type, such as the F64 ones.
func (c *Case) Array(name string) checkpoints.Array {
	c.t.Helper()
	return c.array(name)
}

// Check compares float32 values with a tensor, within the folder's tolerance.
func (c *Case) Check(name string, got []float32) {
	c.t.Helper()
	if err := compare(got, c.Floats(name), c.folder.ATol, c.folder.RTol); err != nil {
		c.t.Errorf("%s: %s: %v", c.Name, name, err)
	}
}

// Check64 compares float64 values with a tensor of F64, to 1e-8.
func (c *Case) Check64(name string, got []float64) {
	c.t.Helper()
	want := c.array(name).F64
	if want == nil {
		c.t.Fatalf("%s: %q is not of type F64", c.Name, name)
	}
	if err := compare(got, want, 1e-8, 1e-8); err != nil {
		c.t.Errorf("%s: %s: %v", c.Name, name, err)
	}
}

// compare allows |got − want| ≤ atol + rtol·|want|.
func compare[T float32 | float64](got, want []T, atol, rtol float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("has %d values, want %d", len(got), len(want))
	}
	bad, worst, at := 0, 0.0, 0
	for i, g := range got {
		w := float64(want[i])
		// Infinities must be equal; a difference that is NaN counts.
		d := math.Abs(float64(g) - w)
		if float64(g) == w || (d <= atol+rtol*math.Abs(w) && !math.IsInf(w, 0)) {
			continue
		}
		if bad++; bad == 1 || d > worst {
			worst, at = d, i
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d values are off; value %d is %v, want %v", bad, len(got), at, got[at], want[at])
	}
	return nil
}
