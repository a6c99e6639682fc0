package data_test

import (
	"strings"
	"testing"

	"x2vec/data"
	"x2vec/data/datatest"
	"x2vec/data/readers"
)

func TestGrids(t *testing.T) {
	from, err := readers.Open(readers.Options{Name: "shapes", Count: 40, Size: 8})
	if err != nil {
		t.Fatal(err)
	}
	tokens := make([]int32, 40*6)
	for i := range tokens {
		tokens[i] = int32(i * 7 % 11)
	}
	grids := func() (data.Source, error) { return data.Grids(from, tokens, 2, 3, 11, "a model") }
	datatest.Run(t, grids)
	src, err := grids()
	if err != nil {
		t.Fatal(err)
	}
	e, pixels := data.Example{Tokens: make([]int32, 6)}, data.Example{Pixels: make([]byte, 3*64), Factors: make([]float32, 6)}
	for _, i := range []int{0, 39} {
		if err := src.Read(i, &e); err != nil {
			t.Fatal(err)
		}
		if err := from.Read(i, &pixels); err != nil {
			t.Fatal(err)
		}
		if e.Tokens[5] != tokens[i*6+5] || e.Label != pixels.Label {
			t.Errorf("example %d is %v with label %d", i, e.Tokens, e.Label)
		}
	}
	other, err := data.Grids(from, tokens, 2, 3, 11, "another model")
	if err != nil {
		t.Fatal(err)
	}
	a, _ := src.(data.Checksummer).Checksum()
	b, _ := other.(data.Checksummer).Checksum()
	if a == b {
		t.Error("codes of two models have one checksum")
	}
	if _, err := data.Grids(from, tokens[1:], 2, 3, 11, ""); err == nil || !strings.Contains(err.Error(), "239 codes are no 40 grids of 2x3") {
		t.Errorf("got %v", err)
	}
}
