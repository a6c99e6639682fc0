package readers

import (
	"errors"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"x2vec/data"
)

// listed is a folder of four pictures with a file of labels.
func listed(t *testing.T, name, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i, file := range []string{"a.png", "b.png", "in/c.png", "d.png"} {
		img := image.NewGray(image.Rect(0, 0, 4, 4))
		for p := range img.Pix {
			img.Pix[p] = byte(40*i + p)
		}
		img.Set(0, 0, color.Gray{byte(i)})
		path := filepath.Join(dir, file)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(png.Encode(f, img), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTableOfClasses(t *testing.T) {
	for name, text := range map[string]string{
		"labels.csv": "a.png,10,train\nb.png,9,train\nin/c.png,10,val\nd.png,,train\n",
		"labels.tsv": "image\tlabel\tsplit\na.png\t10\ttrain\nb.png\t9\ttrain\nin/c.png\t10\ttest\nd.png\t\ttrain\n",
	} {
		dir := listed(t, name, text)
		train, err := Open(Options{Name: "folder", Path: dir, Labels: name, Channels: 1})
		if err != nil {
			t.Fatal(err)
		}
		test, err := Open(Options{Name: "folder", Path: dir, Labels: filepath.Join(dir, name), Split: "test", Channels: 1})
		if err != nil {
			t.Fatal(err)
		}
		labels, err := data.LabelsOf(train)
		if err != nil || !slices.Equal(labels, []int{1, 0, -1}) || !slices.Equal(train.Spec().Classes, []string{"9", "10"}) {
			t.Errorf("%s: labels %v of %v, %v", name, labels, train.Spec().Classes, err)
		}
		e := data.Example{Pixels: make([]byte, 16)}
		if err := test.Read(0, &e); err != nil || test.Len() != 1 || e.Label != 1 || e.Pixels[0] != 2 {
			t.Errorf("%s: the test picture is %v, %v", name, e, err)
		}
		only, err := Open(Options{Name: "folder", Path: dir, Labels: name, Classes: []string{"10"}, Channels: 1})
		if err != nil || only.Len() != 1 || len(only.Spec().Classes) != 1 {
			t.Errorf("%s: one class: %v", name, err)
		}
	}
}

func TestTableOfLabelsAndNumbers(t *testing.T) {
	dir := listed(t, "t.csv", "file,label,age,split\na.png,dog; cat,2,train\nb.png,,4,train\nin/c.png,cat,,train\nd.png,dog,100,test\n")
	src, err := Open(Options{Name: "folder", Path: dir, Labels: "t.csv"})
	if err != nil {
		t.Fatal(err)
	}
	f := src.Spec().Factors
	if len(f) != 3 || f[0].Name != "age" || f[0].Mean != 3 || f[0].Std != 1 || f[1].Name != "cat" || f[2].Name != "dog" || f[2].Values != 2 {
		t.Fatalf("factors are %+v", f)
	}
	var got [][]float32
	for i := range src.Len() {
		e := data.Example{Pixels: make([]byte, src.Spec().Size()), Factors: make([]float32, 3)}
		if err := src.Read(i, &e); err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Factors)
	}
	if !slices.Equal(got[0], []float32{2, 1, 1}) || !slices.Equal(got[1], []float32{4, 0, 0}) || !math.IsNaN(float64(got[2][0])) || got[2][1] != 1 {
		t.Errorf("factors are %v", got)
	}
}

// Labels that are numbers can be asked for as such; with fractions they are no classes.
func TestTableOfNumbers(t *testing.T) {
	for text, classes := range map[string]int{
		"file,label,split\na.png,1.5,train\nb.png,2.5,train\nin/c.png,,train\nd.png,9,test\n": 0,
		"file,label,split\na.png,1,train\nb.png,2,train\nin/c.png,,train\nd.png,2,test\n":     2,
	} {
		src, err := Open(Options{Name: "folder", Path: listed(t, "t.csv", text), Labels: "t.csv"})
		if err != nil {
			t.Fatal(err)
		}
		spec := src.Spec()
		if len(spec.Classes) != classes || len(spec.Factors) != 1 || spec.Factors[0].Name != "label" || spec.Factors[0].Std != 0.5 {
			t.Errorf("%q: classes %v, factors %+v", text, spec.Classes, spec.Factors)
		}
		if labels, err := data.LabelsOf(src); err != nil || labels[0] != min(0, classes-1) {
			t.Errorf("%q: labels %v, %v", text, labels, err)
		}
	}
}

func TestTableFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "is empty",
		"a.png\n":                           "has 1 columns without names",
		"../a.png,1\n":                      `line 1: "../a.png" is no file within the folder`,
		"a.png,1,later\n":                   `line 1: split is "later", want train or test`,
		"file,label,age\na.png,1,old\n":     `line 2: age is "old", want a number or nothing`,
		"file,label,age\na.png,1,Inf\n":     `age is "Inf", want a number or nothing`,
		"a.png,1\nb.png\n":                  "wrong number of fields",
		"e.png,1\nf.png,2\ng.png,1\nh,2\n":  "which is not in",
		"file,label,split\na.png,1,train\n": "lists no picture of the test split",
	} {
		dir := listed(t, "t.csv", text)
		var got error
		for _, split := range []string{"train", "test"} {
			_, err := Open(Options{Name: "folder", Path: dir, Labels: "t.csv", Split: split})
			got = errors.Join(got, err)
		}
		if got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("%q: %v, want %q", text, got, want)
		}
		if strings.HasPrefix(want, "lists no") && !errors.Is(got, fs.ErrNotExist) {
			t.Errorf("%q: %v is not that of a missing split", text, got)
		}
	}
	if err := (Options{Name: "mnist", Labels: "x.csv"}).Check(); err == nil {
		t.Error("mnist takes a file of labels")
	}
}

func FuzzTable(f *testing.F) {
	f.Add([]byte("a.png,1\nb.png,2;3\n"), false)
	f.Add([]byte("file\tlabel\tx\na\t1\t2\n"), true)
	f.Fuzz(func(t *testing.T, text []byte, tabs bool) {
		comma := ','
		if tabs {
			comma = '\t'
		}
		got, err := parseTable(text, comma, false)
		if err != nil {
			return
		}
		for _, row := range got.rows {
			if row.label >= len(got.classes) || len(row.factors) != len(got.factors) || !filepath.IsLocal(row.file) {
				t.Fatalf("%+v of %+v", row, got)
			}
		}
	})
}
