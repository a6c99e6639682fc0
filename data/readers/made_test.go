package readers

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
	"x2vec/data/fetch"
)

func TestMadeSources(t *testing.T) {
	for _, o := range []Options{
		{Name: "shapes", Count: 300, Size: 24, Seed: 3},
		{Name: "shapes", Count: 300, Size: 9, Channels: 1, Split: "test"},
		{Name: "shapes"},
		{Name: "synthetic", Size: 5, Channels: 1, Count: 100},
		{Name: "synthetic", Split: "test"},
		{Name: "planar"},
		{Name: "planar", Variant: "moons", Count: 50, Split: "test"},
		{Name: "planar", Variant: "rings", Limit: 70},
		{Name: "planar", Variant: "blobs", Seed: 4},
		{Name: "builtin"},
		{Name: "builtin", Split: "test"},
		{Name: "builtin", Limit: 100, Seed: 7},
	} {
		t.Run(fmt.Sprintf("%s %s %d", o.Name, o.Split, o.Size), func(t *testing.T) {
			datatest.Run(t, func() (data.Source, error) { return Open(o) })
		})
	}
}

func TestBuiltin(t *testing.T) {
	for split, want := range map[string]int{"train": 9000, "test": 2000} {
		src, err := Open(Options{Split: split}) // the default name
		if err != nil {
			t.Fatal(err)
		}
		counts := make([]int, 10)
		for _, l := range src.(*memory).labels {
			counts[l]++
		}
		if src.Len() != want || fmt.Sprint(src.Spec().Shape) != "[1 28 28]" || slices.Min(counts) < want/12 {
			t.Errorf("%s: %d examples, classes %v", split, src.Len(), counts)
		}
	}
	// The first label of the original is 9, an ankle boot (the set's README).
	src, _ := Open(Options{})
	if e := read(t, src, 0); src.Spec().Classes[e.Label] != "Ankle boot" {
		t.Errorf("the first example is a %s", src.Spec().Classes[e.Label])
	}
}

// A shape is where its factors say: its centre of mass is the given one, its
// farthest pixel at the given radius, its colour that of its name.
func TestShapesFactors(t *testing.T) {
	const size = 64
	src, err := Open(Options{Name: "shapes", Size: size, Count: 400})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[int]int{}
	for i := range src.Len() {
		e := read(t, src, i)
		kind, colour := int(e.Factors[0]), int(e.Factors[1])
		x, y, radius := float64(e.Factors[2]), float64(e.Factors[3]), float64(e.Factors[4])
		if e.Label != kind {
			t.Fatalf("label %d, shape %d", e.Label, kind)
		}
		kinds[kind]++
		var mass, mx, my, far float64
		for p := range size * size {
			v := float64(e.Pixels[p]) + float64(e.Pixels[size*size+p]) + float64(e.Pixels[2*size*size+p])
			px, py := (float64(p%size)+0.5)/size, (float64(p/size)+0.5)/size
			mass, mx, my = mass+v, mx+v*px, my+v*py
			if v > 0 {
				far = max(far, math.Hypot(px-x, py-y))
			}
		}
		if math.Hypot(mx/mass-x, my/mass-y) > 0.01 {
			t.Errorf("example %d (%s): centre %.3f, %.3f, factors say %.3f, %.3f", i, forms[kind].name, mx/mass, my/mass, x, y)
		}
		if math.Abs(far-radius) > 1.5/size {
			t.Errorf("example %d (%s): radius %.3f, factor says %.3f", i, forms[kind].name, far, radius)
		}
		centre := int(y*size)*size + int(x*size)
		got := [3]byte{e.Pixels[centre], e.Pixels[size*size+centre], e.Pixels[2*size*size+centre]}
		if c := colours[colour]; got != [3]byte{byte(c.r), byte(c.g), byte(c.b)} {
			t.Errorf("example %d: colour %v is not %s", i, got, c.name)
		}
	}
	if len(kinds) != len(forms) {
		t.Errorf("kinds %v", kinds)
	}
}

// Rotation by a shape's symmetry gives the same picture; the area of each form is
// the polygon's.
func TestForms(t *testing.T) {
	for _, f := range forms {
		a, b := make([]byte, 64*64), make([]byte, 64*64)
		paintForm([][]byte{a}, []float64{255}, 64, f, 0.5, 0.5, 0.4, 0.3)
		paintForm([][]byte{b}, []float64{255}, 64, f, 0.5, 0.5, 0.4, 0.3+2*math.Pi/float64(f.symmetry))
		sum := 0.0
		for i := range a {
			if d := int(a[i]) - int(b[i]); d < -1 || d > 1 {
				t.Fatalf("%s: a turn by its symmetry changes pixel %d from %d to %d", f.name, i, a[i], b[i])
			}
			sum += float64(a[i]) / 255
		}
		want := math.Pi
		if len(f.corners) > 0 {
			want = 0
			for i, p := range f.corners {
				q := f.corners[(i+1)%len(f.corners)]
				want += (p[0]*q[1] - q[0]*p[1]) / 2
			}
		}
		want = math.Abs(want) * 0.4 * 0.4 * 64 * 64
		if math.Abs(sum-want) > 0.02*want {
			t.Errorf("%s: area %.1f pixels, want %.1f", f.name, sum, want)
		}
	}
}

func TestSplitsAndSeedsDiffer(t *testing.T) {
	for _, name := range []string{"shapes", "synthetic", "bouncing-shapes", "bouncing-digits"} {
		first := func(split string, seed uint64) string {
			src, err := Open(Options{Name: name, Split: split, Seed: seed, Count: 10})
			if err != nil {
				t.Fatal(err)
			}
			sum, err := src.(data.Checksummer).Checksum()
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(sum, read(t, src, 3))
		}
		a := first("train", 1)
		if a == first("test", 1) || a == first("train", 2) || a != first("train", 1) {
			t.Errorf("%s: examples depend on the seed and the split", name)
		}
	}
}

func TestOptionsCheck(t *testing.T) {
	err := Options{Name: "minst", Split: "dev", Limit: -1, Size: 5000, Channels: 2, Resize: "fill", OnDamaged: "ignore", TestShare: 1, Count: -2, Variant: "x"}.Check()
	if err == nil {
		t.Fatal("is accepted")
	}
	for _, want := range []string{
		`name: is "minst", want one of builtin, shapes, bouncing-shapes, bouncing-digits, planar, synthetic, mnist`, `did you mean "mnist"?`, `split: is "dev"`, "limit: is -1",
		"size: is 5000, want 1 to 4096", "channels: is 2", `resize: is "fill"`, `damaged: is "ignore"`, "test share: is 1", "count: is -2", "variant: ",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %q in it", err, want)
		}
	}
	if err := (Options{}).Check(); err != nil {
		t.Errorf("the zero options: %v", err)
	}
	if err := (Options{TestShare: math.NaN()}).Check(); err == nil {
		t.Error("a share that is not a number")
	}
}

func TestPlaces(t *testing.T) {
	home, cache := t.TempDir(), t.TempDir()
	t.Setenv("X2VEC_DATA", home)
	t.Setenv("X2VEC_CACHE", cache)
	refuses(t, "nowhere", Options{Name: "mnist"}, "mnist is not here; looked in ", filepath.Join(home, "mnist"), filepath.Join(cache, "data", "mnist"), "`x2vec data get mnist` downloads it")
	refuses(t, "a path", Options{Name: "kmnist", Path: filepath.Join(home, "x")}, "no such file or folder; `x2vec data get kmnist`")
	files := map[string][]byte{"data/mnist/train-images-idx3-ubyte": idx(ramp(4), 1, 2, 2), "data/mnist/train-labels-idx1-ubyte": idx([]byte{1}, 1)}
	t.Setenv("X2VEC_CACHE", write(t, files))
	if _, err := Open(Options{Name: "mnist"}); err != nil {
		t.Errorf("in the cache: %v", err)
	}
	file := filepath.Join(write(t, map[string][]byte{"f": nil}), "f")
	refuses(t, "a file", Options{Name: "mnist", Path: file}, "is a file, want the folder")
}

func TestDetect(t *testing.T) {
	images, labels := idx(ramp(4), 1, 2, 2), idx([]byte{1}, 1)
	for want, files := range map[string]map[string][]byte{
		"fashion-mnist": {"Fashion_MNIST/raw/x": nil, "FashionMNIST/raw/train-images-idx3-ubyte": images, "FashionMNIST/raw/train-labels-idx1-ubyte": labels},
		"idx":           {"train-images-idx3-ubyte": images, "train-labels-idx1-ubyte": labels},
		"emnist":        {"emnist-letters-train-images-idx3-ubyte": images, "emnist-letters-train-labels-idx1-ubyte": labels},
		"cifar10":       {"data_batch_4.bin": nil},
		"cifar100":      {"cifar-100-binary.tar.gz": nil},
		"folder":        {"cats/a.png": nil, "notes.txt": nil},
		"text":          {"a/one.txt": nil, "two.txt.gz": nil, "README.md": nil},
	} {
		found, err := Detect(write(t, files))
		if err != nil || len(found) != 1 || found[0].Options.Name != want || found[0].What == "" {
			t.Errorf("%s: %+v, %v", want, found, err)
		}
	}
	link := filepath.Join(t.TempDir(), "link")
	classes := filepath.Join(t.TempDir(), "classes")
	for at, to := range map[string]string{
		link:                           write(t, map[string][]byte{"cats/a.png": nil}),
		filepath.Join(classes, "cats"): write(t, map[string][]byte{"a.png": nil}),
	} {
		os.MkdirAll(filepath.Dir(at), 0o777)
		if err := os.Symlink(to, at); err != nil {
			t.Skip("no links here: ", err)
		}
	}
	for _, path := range []string{link, classes} {
		if found, err := Detect(path); err != nil || found[0].Options.Name != "folder" {
			t.Errorf("%s, a link: %+v, %v", path, found, err)
		}
	}
	for want, path := range map[string]string{
		"is empty":             t.TempDir(),
		"there is notes.md":    write(t, map[string][]byte{"notes.md": nil}),
		"no such file":         filepath.Join(t.TempDir(), "x"),
		"is a file, want a fo": filepath.Join(write(t, map[string][]byte{"a.zip": nil}), "a.zip"),
	} {
		if _, err := Detect(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestKinds(t *testing.T) {
	for _, k := range Kinds() {
		if k.Name == "" || k.About == "" {
			t.Errorf("%+v", k)
		}
		o := Options{Name: k.Name, Path: filepath.Join(t.TempDir(), "none"), Count: 5}
		if k.Name == "bouncing-digits" { // which takes files, but needs none
			o.Path = ""
		}
		_, err := Open(o)
		if k.Files != (err != nil) {
			t.Errorf("%s: needs files: %v, but without them: %v", k.Name, k.Files, err)
		}
	}
}

func BenchmarkShapes(b *testing.B) {
	src, err := Open(Options{Name: "shapes"})
	if err != nil {
		b.Fatal(err)
	}
	e := data.Example{Pixels: make([]byte, src.Spec().Size()), Factors: make([]float32, 6)}
	for i := range b.N {
		if err := src.Read(i%src.Len(), &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenBuiltin(b *testing.B) {
	for range b.N {
		if _, err := Open(Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// What an error offers to download can be downloaded.
func TestFetched(t *testing.T) {
	for _, name := range fetched {
		if _, err := fetch.Find(name); err != nil {
			t.Error(err)
		}
	}
}

// The built-in images are the first of the original, where that is at hand.
func TestBuiltinIsOriginal(t *testing.T) {
	dir := filepath.Join(os.Getenv("X2VEC_DATA"), "fashion-mnist")
	if os.Getenv("X2VEC_DATA") == "" || !exists(dir) {
		t.Skip("no fashion-mnist under X2VEC_DATA")
	}
	for _, split := range []string{"train", "test"} {
		part, err := Open(Options{Split: split})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := Open(Options{Name: "fashion-mnist", Path: dir, Split: split})
		if err != nil {
			t.Fatal(err)
		}
		a, b := part.(*memory), whole.(*memory)
		if !bytes.Equal(a.pixels, b.pixels[:len(a.pixels)]) || !bytes.Equal(a.labels, b.labels[:len(a.labels)]) {
			t.Errorf("%s: the built-in examples are not the first of the original", split)
		}
	}
}
