package draw

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

var _ rand.Source = (*Rand)(nil)

// What was drawn by one version is drawn by the next: runs are reproduced across
// versions of the program. The values were printed by the first version; the
// uniform ones hold on every machine, and a change of any is a break of format.
func TestGolden(t *testing.T) {
	check := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s = %#v, want %#v", what, got, want)
		}
	}
	check("Key(0, \"\", 0, 0)", Key(0, "", 0, 0), uint64(0xd5784dc90ff56603))
	check("Key(42, order, 3, 7)", Key(42, "order", 3, 7), uint64(0x64cd7653130f64aa))
	check("At(1, 0)", At(1, 0), uint64(0x910a2dec89025cc1))
	r := New(Key(42, "mask", 1, 2))
	check("Uint64", r.Uint64(), uint64(0xc4f079210cfd9c1c))
	check("Float64", r.Float64(), 0.4055451184051607)
	check("Float32", r.Float32(), float32(0.46479273))
	check("IntN(1000)", r.IntN(1000), 528)
	check("Perm(8)", fmt.Sprint(r.Perm(8)), "[5 6 4 7 1 2 3 0]")
	check("Norm", math.Round(r.Norm()*1e9)/1e9, 0.218776792)
	for n, want := range map[int]string{7: "[5 4 3 1 6 2 0]", 60000: "[3679 14959 49137 30783 5805 3867 44503]"} {
		p := NewPerm(Key(42, "order", 0, 0), n)
		var got []int
		for i := range 7 {
			got = append(got, p.At(i))
		}
		check(fmt.Sprintf("NewPerm(%d)", n), fmt.Sprint(got), want)
	}
}

// SplitMix64's first outputs from seed 1234567, as published with the reference
// implementation (prng.di.unimi.it/splitmix64.c; Rosetta Code's test vector).
func TestAtIsSplitMix64(t *testing.T) {
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821} {
		if got := At(1234567, uint64(i)); got != want {
			t.Errorf("At(1234567, %d) = %d, want %d", i, got, want)
		}
	}
}

// chi2 of counts against equal expectation, as a number of standard deviations.
func chi2(counts []int) float64 {
	total := 0
	for _, c := range counts {
		total += c
	}
	e, sum := float64(total)/float64(len(counts)), 0.0
	for _, c := range counts {
		sum += (float64(c) - e) * (float64(c) - e) / e
	}
	df := float64(len(counts) - 1)
	return (sum - df) / math.Sqrt(2*df)
}

// First draws of keys that differ in one argument are uniform, in each byte.
func TestKeysAreUniform(t *testing.T) {
	const n = 1 << 16
	for name, key := range map[string]func(i int) uint64{
		"seed":   func(i int) uint64 { return Key(uint64(i), "a", 0, 0) },
		"stream": func(i int) uint64 { return Key(1, fmt.Sprint(i), 0, 0) },
		"epoch":  func(i int) uint64 { return Key(1, "a", i, 0) },
		"index":  func(i int) uint64 { return Key(1, "a", 0, i) },
	} {
		for shift := 0; shift < 64; shift += 8 {
			keys, first := make([]int, 256), make([]int, 256)
			for i := range n {
				k := key(i)
				keys[k>>shift&255]++
				first[New(k).Uint64()>>shift&255]++
			}
			if d := chi2(keys); math.Abs(d) > 5 {
				t.Errorf("%s: byte %d of the keys: chi² is %.1f deviations off", name, shift/8, d)
			}
			if d := chi2(first); math.Abs(d) > 5 {
				t.Errorf("%s: byte %d of the first draws: chi² is %.1f deviations off", name, shift/8, d)
			}
		}
	}
}

// Arguments do not stand in for one another, and streams are not correlated.
func TestStreamsAreIndependent(t *testing.T) {
	seen := map[uint64]string{}
	for _, stream := range []string{"", "a", "b", "aa", "order", "mask"} {
		for seed := range 10 {
			for epoch := range 20 {
				for index := range 20 {
					k, at := Key(uint64(seed), stream, epoch, index), fmt.Sprint(stream, seed, epoch, index)
					if other, dup := seen[k]; dup {
						t.Fatalf("%s and %s have one key", at, other)
					}
					seen[k] = at
				}
			}
		}
	}
	const n = 200_000
	sum := 0.0
	for i := range n {
		sum += (New(Key(1, "a", 0, i)).Float64() - 0.5) * (New(Key(1, "b", 0, i)).Float64() - 0.5)
	}
	if corr := sum / n * 12; math.Abs(corr) > 5/math.Sqrt(n) {
		t.Errorf("correlation of two streams: %g", corr)
	}
}

func TestMoments(t *testing.T) {
	const n = 400_000
	r := New(7)
	var u32, u64, n1, n2, n3, n4 float64
	tail := 0
	for range n {
		a, b, z := float64(r.Float32()), r.Float64(), r.Norm()
		if a < 0 || a >= 1 || b < 0 || b >= 1 {
			t.Fatalf("uniform draws %g, %g outside [0, 1)", a, b)
		}
		u32, u64 = u32+a, u64+b
		n1, n2, n3, n4 = n1+z, n2+z*z, n3+z*z*z, n4+z*z*z*z
		if math.Abs(z) > zigTail {
			tail++
		}
	}
	for _, c := range []struct {
		what            string
		got, want, varr float64
	}{
		{"mean of Float32", u32 / n, 0.5, 1. / 12},
		{"mean of Float64", u64 / n, 0.5, 1. / 12},
		{"first moment of Norm", n1 / n, 0, 1},
		{"second moment", n2 / n, 1, 2},
		{"third moment", n3 / n, 0, 15},
		{"fourth moment", n4 / n, 3, 96},
		{"mass of the tail", float64(tail) / n, math.Erfc(zigTail / math.Sqrt2), math.Erfc(zigTail / math.Sqrt2)},
	} {
		if math.Abs(c.got-c.want) > 5*math.Sqrt(c.varr/n) {
			t.Errorf("%s = %g, want %g ± %g", c.what, c.got, c.want, 5*math.Sqrt(c.varr/n))
		}
	}
	// The distribution function at places inside several boxes.
	counts := make([]int, 20)
	for range n {
		counts[int(20*0.5*math.Erfc(-r.Norm()/math.Sqrt2))]++
	}
	if d := chi2(counts); math.Abs(d) > 5 {
		t.Errorf("Norm: chi² over its quantiles is %.1f deviations off", d)
	}
}

func TestIntN(t *testing.T) {
	r := New(3)
	for _, n := range []int{1, 2, 3, 7, 100} {
		counts := make([]int, n)
		for range 20_000 {
			counts[r.IntN(n)]++
		}
		if n > 1 && math.Abs(chi2(counts)) > 5 {
			t.Errorf("IntN(%d): %v", n, counts)
		}
	}
	if got := r.IntN(math.MaxInt); got < 0 {
		t.Errorf("IntN(MaxInt) = %d", got)
	}
}

func TestPermIsABijection(t *testing.T) {
	for n := 1; n <= 2000; n++ {
		p := NewPerm(Key(uint64(n), "order", 0, 0), n)
		seen := make([]bool, n)
		for i := range n {
			x := p.At(i)
			if x < 0 || x >= n || seen[x] {
				t.Fatalf("n = %d: At(%d) = %d is outside or there twice", n, i, x)
			}
			seen[x] = true
		}
	}
	for _, n := range []int{1<<20 + 1, 1 << 40, math.MaxInt} {
		p := NewPerm(1, n)
		seen := map[int]int{}
		for i := range 20_000 {
			at := i * (n / 20_000)
			x := p.At(at)
			if x < 0 || x >= n {
				t.Fatalf("n = %d: At(%d) = %d", n, at, x)
			}
			if other, dup := seen[x]; dup {
				t.Fatalf("n = %d: At(%d) = At(%d) = %d", n, at, other, x)
			}
			seen[x] = at
		}
	}
}

// Over many keys every order is as likely as any other (all of them counted
// for n up to 5), and every item is equally often at every place.
func TestPermIsUniform(t *testing.T) {
	for n, orders := range map[int]int{2: 2, 3: 6, 4: 24, 5: 120} {
		counts := map[string]int{}
		for k := range 400 * orders {
			p := NewPerm(Key(uint64(k), "p", 0, 0), n)
			order := make([]int, n)
			for i := range order {
				order[i] = p.At(i)
			}
			counts[fmt.Sprint(order)]++
		}
		var flat []int
		for _, c := range counts {
			flat = append(flat, c)
		}
		if len(counts) != orders || math.Abs(chi2(flat)) > 5 {
			t.Errorf("n = %d: %d of %d orders, chi² %.1f deviations off", n, len(counts), orders, chi2(flat))
		}
	}
	for _, n := range []int{16, 37, 100} {
		counts := make([]int, n*n)
		for k := range 100 * n {
			p := NewPerm(Key(uint64(k), "p", 0, 0), n)
			for i := range n {
				counts[i*n+p.At(i)]++
			}
		}
		if d := chi2(counts); math.Abs(d) > 6 {
			t.Errorf("n = %d: chi² of places is %.1f deviations off", n, d)
		}
	}
	// Neighbours in the order are not neighbours in the data.
	p, near := NewPerm(5, 60000), 0
	for i := range 59999 {
		if d := p.At(i+1) - p.At(i); d > -100 && d < 100 {
			near++
		}
	}
	if near < 120 || near > 280 { // 199 expected, deviation 14
		t.Errorf("%d of 60000 neighbours are within 100 of each other, want about 199", near)
	}
}

func TestPanicsSayWhat(t *testing.T) {
	for name, f := range map[string]func(){
		"IntN":    func() { New(1).IntN(0) },
		"NewPerm": func() { NewPerm(1, -1) },
		"At":      func() { NewPerm(1, 3).At(3) },
		"At < 0":  func() { NewPerm(1, 3).At(-1) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			f()
		}()
	}
}

func TestNoAllocations(t *testing.T) {
	p := NewPerm(1, 1000)
	sum := 0.0
	if n := testing.AllocsPerRun(100, func() {
		r := New(Key(1, "mask", 2, 3))
		sum += r.Norm() + r.Float64() + float64(p.At(5))
	}); n != 0 {
		t.Errorf("%g allocations a draw", n)
	}
}

var sink uint64

func BenchmarkKey(b *testing.B) {
	for i := range b.N {
		sink += Key(1, "order", 3, i)
	}
}

func BenchmarkPermAt(b *testing.B) {
	p := NewPerm(1, 60000)
	for i := range b.N {
		sink += uint64(p.At(i % 60000))
	}
}

func BenchmarkNorm(b *testing.B) {
	r := New(1)
	for range b.N {
		sink += uint64(r.Norm())
	}
}
