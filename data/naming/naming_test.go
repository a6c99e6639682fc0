package naming

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestMeant(t *testing.T) {
	known := []string{"mnist", "fashion-mnist", "l1", "checkpoint", "a"}
	for given, want := range map[string]string{
		"minst": "mnist", "MNIST": "mnist", "fashon_minst": "fashion-mnist", "chekpiont": "checkpoint",
		"l": "l1", "cifar10": "", "": "", "b": "",
	} {
		if got := Meant(given, known); got != want {
			t.Errorf("%q: %q is meant, want %q", given, got, want)
		}
	}
	if got := Hint("minst", known); got != `; did you mean "mnist"?` {
		t.Errorf("hint %q", got)
	}
}

func TestRegistry(t *testing.T) {
	r := NewRegistry[int]("number")
	r.Register("two", func() int { return 2 })
	r.Register("one", func() int { return 1 })
	if n, err := r.New("two"); n != 2 || err != nil {
		t.Errorf("two is %d, %v", n, err)
	}
	if !slices.Equal(r.Names(), []string{"one", "two"}) {
		t.Errorf("names %v", r.Names())
	}
	if _, err := r.New("onr"); err == nil || !strings.Contains(err.Error(), `no number "onr"; there are one, two; did you mean "one"?`) {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a name that is taken is taken again")
		}
	}()
	r.Register("one", func() int { return 3 })
}

func TestNameOf(t *testing.T) {
	r := NewRegistry[fmt.Stringer]("thing")
	r.Register("a", func() fmt.Stringer { return new(letter) })
	if got := r.NameOf(new(letter)); got != "a" {
		t.Errorf("what is known is called %q", got)
	}
	if got := r.NameOf(letter{}); got != "naming.letter" {
		t.Errorf("what is not known is called %q", got)
	}
}

type letter struct{}

func (letter) String() string { return "" }
