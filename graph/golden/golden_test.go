package golden

import (
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every kind of the reference values here is covered by a test of the project: a call of
// Each names it. Those of another folder that none covers are listed.
func TestGoldenKinds(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	covered := map[string]bool{}
	call := regexp.MustCompile(`golden\.Each\(t, "(\w+)"`)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range call.FindAllSubmatch(text, -1) {
			covered[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := folders()
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range all {
		over := map[string]int{}
		for _, c := range d.Cases {
			if !covered[c.Kind] {
				over[c.Kind]++
			}
		}
		say := t.Logf
		if i == 0 {
			say = t.Errorf
		}
		for _, kind := range slices.Sorted(maps.Keys(over)) {
			say("%s: no test covers the %d cases of kind %s", d.name, over[kind], kind)
		}
	}
}

// Every file of the manifest can be read and holds the tensors that it lists.
func TestGoldenFiles(t *testing.T) {
	all, err := folders()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		for _, c := range d.Cases {
			o, err := c.open(t)
			if err != nil {
				t.Errorf("%s: %v", d.name, err)
			} else if len(o.file.Names()) == 0 {
				t.Errorf("%s: %s is empty", d.name, c.File)
			}
		}
	}
}

func TestCompare(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range []struct {
		got, want []float32
		err       string
	}{
		{[]float32{1.00001, -100.005, 0.000009, inf}, []float32{1, -100, 0, inf}, ""},
		{[]float32{1, 2}, []float32{1}, "has 2 values, want 1"},
		{[]float32{1, 3, 4}, []float32{1, 2, 2}, "2 of 3 values are off; value 2 is 4, want 2"},
		{[]float32{nan}, []float32{1}, "1 of 1 values are off; value 0 is NaN, want 1"},
		{[]float32{1}, []float32{nan}, "1 of 1 values are off; value 0 is 1, want NaN"},
		{[]float32{1}, []float32{inf}, "1 of 1 values are off; value 0 is 1, want +Inf"},
		{[]float32{0.00002}, []float32{0}, "1 of 1 values are off; value 0 is 2e-05, want 0"},
	} {
		msg := ""
		if err := compare(c.got, c.want, 1e-5, 1e-4); err != nil {
			msg = err.Error()
		}
		if msg != c.err {
			t.Errorf("%v against %v: %q, want %q", c.got, c.want, msg, c.err)
		}
	}
}

// A folder that is not there, or is none, is an error that names it.
func TestGoldenFolderErrors(t *testing.T) {
	for path, want := range map[string]string{
		"/nowhere/at/all": "X2VEC_GOLDEN=/nowhere/at/all: ",
		"no/such/folder":  filepath.Join("no", "such", "folder") + ": ",
	} {
		t.Setenv(Env, path)
		if _, err := folders(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", path, err, want)
		}
	}
	t.Setenv(Env, "graph/golden/testdata")
	if all, err := folders(); err != nil || len(all) != 2 || len(all[1].Cases) != len(all[0].Cases) {
		t.Errorf("a path from the module's root: %d folders, %v", len(all), err)
	}
}
