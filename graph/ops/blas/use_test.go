package blas

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

func TestUseSaysWhatIsAccepted(t *testing.T) {
	t.Cleanup(func() { inUse.Store(nil) })
	if err := Use("gonum"); err != nil {
		t.Fatal(err)
	}
	err := Use("opneblas")
	if err == nil || !strings.Contains(err.Error(), `"opneblas"`) || !strings.Contains(err.Error(), "auto, own,") {
		t.Errorf("got %v, want the name and what is accepted", err)
	}
	if Name() != "gonum" {
		t.Errorf("after a wrong name %q is in use, want what was: gonum", Name())
	}
}

func TestUsePassesOverWhatDoesNotWork(t *testing.T) {
	t.Cleanup(func() { inUse.Store(nil) })
	broken := filepath.Join(t.TempDir(), "libopenblas.so.0")
	if err := os.WriteFile(broken, []byte("not a library\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "none.so")
	if _, _, err := open(missing); strings.Contains(err.Error(), "this build") {
		t.Skip(err)
	}
	for file, want := range map[string]string{broken: "is passed over", missing: "not found"} {
		err := Use(file)
		if err == nil || !strings.Contains(err.Error(), file) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line with its path", file, err)
		}
		if runtime.GOOS == "linux" && err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", file, err, want)
		}
	}
}

// TestAutoGoesOnToTheNext gives the machine a broken library and one without a
// sgemm_ in front of what works.
func TestAutoGoesOnToTheNext(t *testing.T) {
	libc := "libc.so.6"
	if _, _, err := open(libc); err == nil || !strings.Contains(err.Error(), "no function sgemm_") {
		t.Skipf("no %s to try with: %v", libc, err)
	}
	broken := filepath.Join(t.TempDir(), "libbroken.so")
	if err := os.WriteFile(broken, []byte("\x7fELF, cut off"), 0o644); err != nil {
		t.Fatal(err)
	}
	known := libraries
	t.Cleanup(func() { libraries = known })
	libraries = []library{{"first", []string{broken, "libnotthere.so.9"}}, {"second", []string{libc}}}
	var log []string
	if e := findElsewhere(&log); e.name != "gonum" {
		t.Fatalf("got %s, want gonum", e.name)
	}
	if len(log) != 2 || !strings.Contains(log[0], broken) || !strings.Contains(log[0], "not found: libnotthere.so.9") || !strings.Contains(log[1], "no function sgemm_") {
		t.Errorf("got log %q, want a line for each of the two", log)
	}
}

func TestSelfTestFindsWrongProducts(t *testing.T) {
	for name, wrong := range map[string]func(o operands){
		"does nothing":       func(o operands) {},
		"ignores transposed": func(o operands) { o.ta = false; o.lda = o.k; plain(o) },
		"forgets to add":     func(o operands) { o.add = false; plain(o) },
	} {
		if err := selfTest(&engineType{serial: wrong}); err == nil {
			t.Errorf("%s: passed", name)
		}
	}
	if err := selfTest(&engineType{serial: plain}); err != nil {
		t.Error(err)
	}
}

func TestLogTellsWhatIsInUse(t *testing.T) {
	everyEngine(t, func(t *testing.T) {
		if log := Log(); len(log) == 0 || !strings.Contains(log[len(log)-1], Name()) {
			t.Errorf("log %q does not end with %q", log, Name())
		}
	})
}

func TestEnvironmentIsLeftAsItWas(t *testing.T) {
	t.Cleanup(func() { inUse.Store(nil) })
	t.Setenv("OMP_NUM_THREADS", "7")
	before := os.Environ()
	_ = Use("openblas") // missing or not, the same must hold
	if after := os.Environ(); !slices.Equal(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(after))) {
		t.Errorf("environment was %q, is %q", before, after)
	}
}
