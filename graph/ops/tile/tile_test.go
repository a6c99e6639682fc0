package tile

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"x2vec/data/draw"
	"x2vec/graph/ops/vec"
)

// paths runs f on every path that has inner loops.
func paths(t *testing.T, f func(t *testing.T)) {
	defer vec.ForcePath("")
	ran := false
	for _, p := range vec.Paths() {
		if err := vec.ForcePath(p); err != nil {
			t.Fatal(err)
		}
		if Available() {
			ran = true
			t.Run(p, f)
		}
	}
	if !ran {
		t.Skip("this machine has no inner loops")
	}
}

func normal(r *draw.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.Norm())
	}
	return x
}

func near(t *testing.T, what string, got float32, want float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) <= 1e-5*(1+math.Abs(want))) {
		t.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// Gather is its formula for every number of groups, vectors, segments and values,
// and writes nothing else.
func TestGather(t *testing.T) {
	paths(t, func(t *testing.T) {
		r := draw.New(1)
		for groups := 1; groups <= Groups; groups++ {
			for vecs := 1; vecs <= 2; vecs++ {
				for _, k := range []int{1, 3, 4, 7, 16} {
					for segs := range 3 {
						t.Run(fmt.Sprintf("%d groups %d vectors %d values %d segments", groups, vecs, k, segs), func(t *testing.T) {
							lda, ldc, n := 31, 2*Cols+5, vecs*Cols
							in, out := []int{40, 3, 17}[:groups], []int{2 * Size * ldc, 0, Size * ldc}[:groups]
							seg := []Segment{{5, 2 * k}, {20, 0}}[:segs]
							x, w, bias := normal(r, 40+4*lda+40), normal(r, 3*k*n), normal(r, n)
							const hole = 12345
							y := make([]float32, 3*Size*ldc)
							for i := range y {
								y[i] = hole
							}
							floor := float32(math.Inf(-1))
							if k%2 == 0 {
								floor = 0
							}
							Gather(vecs, x, in, lda, seg, k, w, y, out, ldc, bias, floor)
							written := 0
							for g := range groups {
								for row := range Size {
									for j := range n {
										want := float64(bias[j])
										for _, s := range seg {
											for i := range k {
												want += float64(x[in[g]+row*lda+s.X+i]) * float64(w[(s.W+i)*n+j])
											}
										}
										at := out[g] + row*ldc + j
										near(t, fmt.Sprintf("y[%d]", at), y[at], max(want, float64(floor)))
										y[at] = hole
										written++
									}
								}
							}
							for i, v := range y {
								if v != hole {
									t.Fatalf("y[%d] was written", i)
								}
							}
						})
					}
				}
			}
		}
	})
}

// What is not a number stays so, whatever the floor.
func TestGatherNaN(t *testing.T) {
	paths(t, func(t *testing.T) {
		x, w, y := make([]float32, Size), make([]float32, Cols), make([]float32, Size*Cols)
		x[1] = float32(math.NaN())
		Gather(1, x, []int{0}, 1, []Segment{{}}, 1, w, y, []int{0}, Cols, make([]float32, Cols), 0)
		for i, v := range y {
			if nan := v != v; nan != (i/Cols == 1) {
				t.Fatalf("y[%d] is %v", i, v)
			}
		}
	})
}

// Outer adds its formula for every number of rows, vectors, lines and pixels.
func TestOuter(t *testing.T) {
	paths(t, func(t *testing.T) {
		r := draw.New(2)
		for rows := 1; rows <= Rows+3; rows++ {
			for vecs := 1; vecs <= 2; vecs++ {
				for _, n := range []int{1, 2, 5} {
					for lines := range 3 {
						t.Run(fmt.Sprintf("%d rows %d vectors %d lines of %d", rows, vecs, lines, n), func(t *testing.T) {
							lda, ldx, ldc := rows+2, 7, 2*Cols+3
							line := []Line{{0, 11}, {9 * lda, 2}}[:lines]
							at := []int{30, 1}[:vecs]
							a, x, c := normal(r, 15*lda), normal(r, 30+11+5*ldx+Cols), normal(r, rows*ldc)
							want := make([]float64, len(c))
							for i, v := range c {
								want[i] = float64(v)
							}
							for row := range rows {
								for v := range vecs {
									for j := range Cols {
										for _, l := range line {
											for p := range n {
												want[row*ldc+v*Cols+j] += float64(a[l.A+p*lda+row]) * float64(x[l.X+p*ldx+at[v]+j])
											}
										}
									}
								}
							}
							Outer(rows, a, lda, x, at, ldx, line, n, c, ldc)
							for i, v := range c {
								near(t, fmt.Sprintf("c[%d]", i), v, want[i])
							}
						})
					}
				}
			}
		}
	})
}

// The committed assembly is what the generator writes.
func TestGenerated(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the generator")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command to run the generator with")
	}
	run := func(args ...string) (string, error) {
		cmd := exec.Command(tool, args...)
		cmd.Dir = filepath.Join("..", "asmgen")
		// For this machine and without the network, whatever the test itself runs under.
		cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=", "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
		b, err := cmd.CombinedOutput()
		return string(b), err
	}
	if msg, err := run("list", "-deps", "./conv"); err != nil {
		t.Skipf("the generator's modules are not on this machine: %s", msg)
	}
	out := t.TempDir()
	if msg, err := run("run", "./conv", "-o", out); err != nil {
		t.Fatalf("generator: %v\n%s", err, msg)
	}
	files, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != 4 {
		t.Fatalf("the generator writes %d files, want 4", len(files))
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
		if string(got) != string(want) {
			t.Errorf("%s is not what the generator writes; run go generate", f.Name())
		}
	}
}
