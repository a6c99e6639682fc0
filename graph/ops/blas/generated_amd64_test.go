package blas

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAssemblyIsWhatTheGeneratorWrites runs the generator, in its own module, and
// compares every file that it writes with the one here.
func TestAssemblyIsWhatTheGeneratorWrites(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator")
	}
	module := filepath.Join("..", "asmgen")
	command := func(args ...string) *exec.Cmd {
		c := exec.Command("go", args...)
		c.Dir = module
		c.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOWORK=off", "GOOS=", "GOARCH=")
		return c
	}
	generator := filepath.Join(t.TempDir(), "gemm")
	if out, err := command("build", "-o", generator, "./gemm").CombinedOutput(); err != nil {
		if deps, err := command("list", "-deps", "./gemm").CombinedOutput(); err != nil {
			t.Skipf("the generator's dependencies cannot be had here: %s", deps)
		}
		t.Fatalf("the generator does not build: %v\n%s", err, out)
	}
	dir := t.TempDir()
	if out, err := exec.Command(generator, "-dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("the generator ends with %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the generator wrote no file (%v)", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what the generator writes (%v): run go run ./gemm -dir ../blas in graph/ops/asmgen", name, err)
		}
	}
}
