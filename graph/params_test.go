package graph

import (
	"strings"
	"testing"
)

// A model has at most maxValues values: an array that brings it above them is refused
// before it is made, also where its size is no number that an int holds.
func TestTooManyValues(t *testing.T) {
	for _, c := range []struct {
		before int
		shape  []int
		want   string
	}{
		{0, []int{1 << 33}, "has shape [8589934592], which is too large: the parameters made before it have 0 values, and those of a model are at most 4294967296"},
		{0, []int{1 << 20, 1 << 13}, "has shape [1048576 8192], which is too large"},
		{0, []int{1 << 31, 1 << 31, 1 << 31}, "is too large"},
		{0, []int{1 << 32, 1 << 32, 1}, "is too large"}, // a product of 0
		{maxValues - 10, []int{11}, "the parameters made before it have 4294967286 values"},
		{maxValues - 10, []int{5, 2}, ""},
		{maxValues, []int{1}, "the parameters made before it have 4294967296 values"},
	} {
		ps := NewParams(1)
		ps.values = c.before
		p, err := ps.obtain("w", Constant(1), false, c.shape)
		switch {
		case c.want == "" && (err != nil || len(p.Data) != 10 || ps.values != maxValues):
			t.Errorf("%v after %d: %v", c.shape, c.before, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || ps.Get("w") != nil || ps.values != c.before):
			t.Errorf("%v after %d: %v, want %q", c.shape, c.before, err, c.want)
		}
	}
}
