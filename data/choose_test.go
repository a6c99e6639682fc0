package data

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// lettered is a source of single bytes with three classes and some without one.
type lettered int

func (n lettered) Spec() Spec {
	return Spec{Name: "letters", Split: "train", Shape: []int{1}, Classes: []string{"a", "b", "c"}}
}
func (n lettered) Len() int { return int(n) }
func (n lettered) Read(i int, into *Example) error {
	into.Pixels[0], into.Label = byte(i), i%4-1
	return InRange(i, int(n))
}
func (n lettered) Checksum() (string, error) { return "letters", nil }

func TestOnly(t *testing.T) {
	src, err := Only(lettered(20), []string{"c", "a"})
	if err != nil {
		t.Fatal(err)
	}
	labels, err := LabelsOf(src)
	if err != nil || !slices.Equal(labels, []int{1, 0, 1, 0, 1, 0, 1, 0, 1, 0}) || !slices.Equal(src.Spec().Classes, []string{"c", "a"}) {
		t.Errorf("labels are %v of %v; %v", labels, src.Spec().Classes, err)
	}
	e := Example{Pixels: make([]byte, 1)}
	if err := src.Read(2, &e); err != nil || e.Pixels[0] != 5 {
		t.Errorf("the third example is %v, %v", e.Pixels, err)
	}
	a, errA := src.(Checksummer).Checksum()
	other, _ := Only(lettered(20), []string{"a", "c"})
	b, errB := other.(Checksummer).Checksum()
	if a == b || errA != nil || errB != nil {
		t.Errorf("other numbers of the classes have the checksum %s", a)
	}
	for want, classes := range map[string][]string{
		`has no class "d"; it has a, b, c`: {"a", "d"},
		"a is named twice":                 {"a", "b", "a"},
	} {
		if _, err := Only(lettered(20), classes); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", classes, err)
		}
	}
	few, err := Part{PerClass: 2, Seed: 3}.Of(src)
	if err != nil || few.Len() != 4 {
		t.Errorf("two of each of two classes are %v, %v", few, err)
	}
}

// fickle gives an example another label than it had when the labels were asked for.
type fickle struct {
	lettered
	label int
}

func (f fickle) Label(i int) int { return i%4 - 1 }
func (f fickle) Read(i int, into *Example) error {
	err := f.lettered.Read(i, into)
	into.Label = f.label
	return err
}

func TestOnlyOfOtherLabels(t *testing.T) {
	for _, label := range []int{-1, 1, 3} {
		src, err := Only(fickle{lettered(20), label}, []string{"c", "a"})
		if err != nil {
			t.Fatal(err)
		}
		e := Example{Pixels: make([]byte, 1)}
		if err := src.Read(0, &e); err == nil || !strings.Contains(err.Error(), "which is none of those that were chosen") {
			t.Errorf("label %d: %v", label, err)
		}
	}
}

func TestUnseen(t *testing.T) {
	test, err := Subset(lettered(20), []int{3, 4, 19})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unseen(lettered(10), test)
	if err != nil || got.Len() != 8 {
		t.Fatalf("%d examples are left of ten, want 8: %v", got.Len(), err)
	}
	for b, err := range Sequential(got, 8) {
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(b.Pixels, 3) || slices.Contains(b.Pixels, 4) {
			t.Errorf("%v are left, some of them in the test set", b.Pixels)
		}
	}
	if _, err := Unseen(test, lettered(20)); !errors.Is(err, ErrAllSeen) {
		t.Errorf("a training set within the test set: %v", err)
	}
	if same, err := Unseen(lettered(10), nil); err != nil || same.Len() != 10 {
		t.Errorf("without a test set: %d, %v", same.Len(), err)
	}
}

func TestEvenly(t *testing.T) {
	if got := Evenly(3, 10); !slices.Equal(got, []int{0, 3, 6}) {
		t.Errorf("%v", got)
	}
	if got := Evenly(8, 2); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("%v", got)
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct {
		n, of int
		want  []int
	}{
		{8, 8, []int{0, 4, 2, 6, 1, 5, 3, 7}},
		{4, 40, []int{0, 20, 10, 30}},
		{5, 10, []int{0, 8, 4, 2, 6}},
		{3, 1, []int{0}},
		{3, 0, nil},
	} {
		if got := Spread(c.n, c.of); !slices.Equal(got, c.want) {
			t.Errorf("%d of %d: %v, want %v", c.n, c.of, got, c.want)
		}
	}
	// 16 of 100 come to every tenth but one.
	seen := map[int]bool{}
	for _, i := range Spread(100, 10_000)[:16] {
		seen[i/1000] = true
	}
	if len(seen) < 9 {
		t.Errorf("the first 16 of 100 are in the tenths %v", seen)
	}
}
