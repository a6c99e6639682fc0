package data

import (
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
	few, err := PerClass(src, 2, 3)
	if err != nil || few.Len() != 4 {
		t.Errorf("two of each of two classes are %v, %v", few, err)
	}
}
