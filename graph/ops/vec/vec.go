// Package vec holds the elementwise and row kernels: plain functions on float32
// slices, single-threaded, of any length, that allocate nothing.
//
// Each has a plain Go form, which serves every machine, and on amd64 two forms
// in assembly, AVX-512 and AVX2 with FMA, which the generator in
// graph/ops/asmgen/vec writes. One of the three paths is chosen when the program
// starts: the best that the machine has, or the one that the environment variable
// X2VEC_SIMD names.
//
// Slices that belong together must be of equal length, else a kernel panics: that
// is a fault of the caller, never of data. Unless a kernel says otherwise, dst
// (or dx, d) may be the same slice as any of the inputs, but must not overlap one
// with an offset. A kernel's result is a function of its arguments and of the
// path alone, not of alignment or of earlier calls. The paths agree to within the
// errors that each kernel states, not always to the last bit.
//
// NaN in gives NaN out, infinities give the limit of the function, and numbers
// too small for a normal float32 are kept as denormals.
package vec

import (
	"fmt"
	"os"
	"strings"
)

//go:generate go run -C ../asmgen ./vec -o ../vec

// A path is one of the forms that the kernels have.
type path uint8

const (
	pathGo path = iota
	pathAVX2
	pathAVX512
)

var pathNames = [...]string{pathGo: "go", pathAVX2: "avx2", pathAVX512: "avx512"}

// EnvPath is the environment variable that overrides the choice of a path.
const EnvPath = "X2VEC_SIMD"

// active is the path in use, and errEnv what was wrong with EnvPath.
var active, errEnv = fromEnv(os.Getenv(EnvPath))

func fromEnv(name string) (path, error) {
	if name == "" {
		return best(), nil
	}
	p, err := find(name)
	if err != nil {
		return best(), fmt.Errorf("%s: %w", EnvPath, err)
	}
	return p, nil
}

// find looks up a path by name among those that this machine has.
func find(name string) (path, error) {
	var have []string
	for p := best(); ; p-- {
		if has(p) {
			if pathNames[p] == name {
				return p, nil
			}
			have = append(have, pathNames[p])
		}
		if p == pathGo {
			return p, fmt.Errorf("no kernels named %q on this machine; it has %s", name, strings.Join(have, ", "))
		}
	}
}

// Path names the kernels in use: "avx512", "avx2" or "go".
func Path() string { return pathNames[active] }

// Paths names the kernels that this machine can run, best first.
func Paths() []string {
	var names []string
	for p := range pathNames {
		if has(path(p)) {
			names = append([]string{pathNames[p]}, names...)
		}
	}
	return names
}

// ForcePath makes every later call use the kernels of that name, or those of the
// program's start if name is empty. It is for tests and benchmarks, and must not
// be called while kernels run.
func ForcePath(name string) error {
	if name == "" {
		active, _ = fromEnv(os.Getenv(EnvPath))
		return nil
	}
	p, err := find(name)
	if err == nil {
		active = p
	}
	return err
}

// CheckEnv reports a value of X2VEC_SIMD that could not be obeyed; the best path
// is then in use. A program calls it once when it starts.
func CheckEnv() error { return errEnv }

// match panics unless two lengths that belong together are equal.
func match(want, got int) {
	if want != got {
		mismatch(want, got)
	}
}

//go:noinline
func mismatch(want, got int) {
	panic(fmt.Sprintf("vec: slice of length %d where %d is needed", got, want))
}
