package blas

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"sync"
	"unsafe"
)

// library is a BLAS that the machine may have.
type library struct {
	name  string
	files []string // tried in order
}

// libraries are the known ones, in the order in which auto tries them.
var libraries = []library{
	{"openblas", byOS(
		[]string{"libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0", "libopenblaso.so.0"},
		[]string{"libopenblas.0.dylib", "libopenblas.dylib", "/opt/homebrew/opt/openblas/lib/libopenblas.dylib", "/usr/local/opt/openblas/lib/libopenblas.dylib"},
		[]string{"libopenblas.dll", "openblas.dll"})},
	{"mkl", byOS(
		[]string{"libmkl_rt.so.2", "libmkl_rt.so", "libmkl_rt.so.1"},
		[]string{"libmkl_rt.2.dylib", "libmkl_rt.dylib"},
		[]string{"mkl_rt.2.dll", "mkl_rt.dll"})},
	{"blis", byOS(
		[]string{"libblis.so.4", "libblis.so.3", "libblis.so", "libblis-mt.so"},
		[]string{"libblis.4.dylib", "libblis.dylib", "/opt/homebrew/opt/blis/lib/libblis.dylib"},
		[]string{"libblis.dll", "blis.dll"})},
	{"accelerate", byOS(nil, []string{"/System/Library/Frameworks/Accelerate.framework/Accelerate"}, nil)},
}

func byOS(linux, darwin, windows []string) []string {
	switch runtime.GOOS {
	case "darwin":
		return darwin
	case "windows":
		return windows
	}
	return linux
}

// environment keeps a library from starting threads of its own: products are
// shared out here. It is read while the library is loaded.
var environment = []string{"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "OMP_NUM_THREADS"}

// load opens the first of the files that is a library with a sgemm_ that multiplies
// correctly. It notes in log which it passed over, but not those that are not there.
func (l library) load(log *[]string) (*engineType, error) {
	if len(l.files) == 0 {
		return nil, fmt.Errorf("%s: there is none for %s", l.name, runtime.GOOS)
	}
	for _, name := range environment {
		if _, set := os.LookupEnv(name); !set {
			if err := os.Setenv(name, "1"); err != nil {
				return nil, fmt.Errorf("%s: setting %s: %w", l.name, name, err)
			}
			defer os.Unsetenv(name)
		}
	}
	var missing, faults []string
	for _, file := range l.files {
		sgemm, core, err := open(file)
		if err == nil {
			e := splitting(&engineType{name: title(l.name, file, core), serial: fortran(sgemm)})
			if err = selfTest(e); err == nil {
				*log = append(*log, faults...)
				return e, nil
			}
		}
		if notThere(file, err) {
			missing = append(missing, file)
		} else {
			faults = append(faults, fmt.Sprintf("%s is passed over: %s", file, strings.TrimPrefix(oneLine(err), file+": ")))
		}
	}
	if len(missing) > 0 {
		faults = append(faults, "not found: "+strings.Join(missing, ", "))
	}
	if len(l.files) == 1 && l.files[0] == l.name { // one that was asked for by its path
		return nil, errors.New(strings.Join(faults, "; "))
	}
	return nil, fmt.Errorf("%s: %s", l.name, strings.Join(faults, "; "))
}

// notThere tells a library that the loader does not find from one that it cannot
// load: it has no other word for that than its message.
func notThere(file string, err error) bool {
	text := strings.ToLower(err.Error())
	if !strings.Contains(text, strings.ToLower(file)) && runtime.GOOS != "windows" {
		return false // one that it depends on
	}
	return strings.Contains(text, "no such file") || strings.Contains(text, "image not found") || strings.Contains(text, "module could not be found")
}

// oneLine is an error's text without line breaks: the log has a line each.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// title is for example "openblas (libopenblas.so.0, SkylakeX)".
func title(name, file, core string) string {
	switch {
	case name == file && core == "":
		return file
	case core == "":
		return fmt.Sprintf("%s (%s)", name, file)
	case name == file:
		return fmt.Sprintf("%s (%s)", file, core)
	}
	return fmt.Sprintf("%s (%s, %s)", name, file, core)
}

// fortranArgs are the arguments of sgemm_, which takes pointers to everything.
type fortranArgs struct {
	ta, tb                 [8]byte
	m, n, k, lda, ldb, ldc int64 // LP64 libraries read the lower half: little-endian
	alpha, beta            float32
}

var fortranPool = sync.Pool{New: func() any { return new(fortranArgs) }}

// fortran makes a serial product of a library's sgemm_. Its matrices are
// column-major: C = A B in rows is Cᵀ = Bᵀ Aᵀ in columns.
func fortran(sgemm uintptr) func(o operands) {
	return func(o operands) {
		p := fortranPool.Get().(*fortranArgs)
		p.ta[0], p.tb[0] = letter(o.ta), letter(o.tb)
		p.m, p.n, p.k = int64(o.m), int64(o.n), int64(o.k)
		p.lda, p.ldb, p.ldc = int64(o.lda), int64(o.ldb), int64(o.ldc)
		p.alpha, p.beta = 1, 0
		if o.add {
			p.beta = 1
		}
		call(sgemm,
			uintptr(unsafe.Pointer(&p.tb)), uintptr(unsafe.Pointer(&p.ta)),
			uintptr(unsafe.Pointer(&p.n)), uintptr(unsafe.Pointer(&p.m)), uintptr(unsafe.Pointer(&p.k)),
			uintptr(unsafe.Pointer(&p.alpha)), uintptr(unsafe.Pointer(&o.b[0])), uintptr(unsafe.Pointer(&p.ldb)),
			uintptr(unsafe.Pointer(&o.a[0])), uintptr(unsafe.Pointer(&p.lda)),
			uintptr(unsafe.Pointer(&p.beta)), uintptr(unsafe.Pointer(&o.c[0])), uintptr(unsafe.Pointer(&p.ldc)))
		runtime.KeepAlive(p)
		runtime.KeepAlive(o.a)
		runtime.KeepAlive(o.b)
		runtime.KeepAlive(o.c)
		fortranPool.Put(p)
	}
}

func letter(t bool) byte {
	if t {
		return 'T'
	}
	return 'N'
}

// selfTest multiplies small matrices of whole numbers in all forms: exact in float32.
func selfTest(e *engineType) error {
	for form := range 8 {
		o := operands{ta: form&1 != 0, tb: form&2 != 0, add: form&4 != 0, m: 5, n: 7, k: 19}
		o.lda, o.ldb, o.ldc = 19, 7, 8
		if o.ta {
			o.lda = 5
		}
		if o.tb {
			o.ldb = 19
		}
		whole := func(n int) []float32 {
			s := make([]float32, n)
			for i := range s {
				s[i] = float32((i*i+3*i)%17 - 8)
			}
			return s
		}
		o.a, o.b, o.c = whole(5*19), whole(19*7), whole(5*8)
		want := o
		want.c = whole(5 * 8)
		plain(want)
		e.serial(o)
		for i, v := range o.c {
			if v != want.c[i] || math.IsNaN(float64(v)) {
				return fmt.Errorf("its sgemm_ multiplies wrongly (transposed %t, %t: element %d is %v, want %v)", o.ta, o.tb, i, v, want.c[i])
			}
		}
	}
	return nil
}
