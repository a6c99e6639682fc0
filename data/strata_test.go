package data

import (
	"slices"
	"testing"
)

func TestDrawn(t *testing.T) {
	labels := make([]int, 300)
	for i := range labels {
		labels[i] = i%4 - 1 // a quarter has none
	}
	labels[1] = 7 // a class of one
	of := func(n int) func(int) int { return func(int) int { return n } }
	few, more := Drawn(labels, 1, of(5)), Drawn(labels, 1, of(20))
	counts := map[int]int{}
	for _, i := range few {
		counts[labels[i]]++
		if !slices.Contains(more, i) {
			t.Errorf("example %d is in the small part and not in the large one", i)
		}
	}
	if counts[0] != 5 || counts[1] != 5 || counts[2] != 5 || counts[7] != 1 || len(counts) != 4 || !slices.IsSorted(few) {
		t.Errorf("drawn are %v of each class: %v", counts, few)
	}
	if other := Drawn(labels, 2, of(5)); slices.Equal(few, other) {
		t.Error("two seeds draw the same")
	}
	if all := Drawn(labels, 1, of(1000)); len(all) != 225 {
		t.Errorf("all are %d", len(all))
	}
	if n := len(Drawn(labels, 1, ShareOf(0.1))); n != 7+8+8+1 {
		t.Errorf("a tenth is %d", n)
	}
	rest := Others(more, len(labels))
	if both := append(slices.Clone(rest), more...); len(both) != 300 || !slices.IsSorted(rest) {
		t.Errorf("%d others of %d", len(rest), len(more))
	} else if slices.Sort(both); both[0] != 0 || both[299] != 299 || len(slices.Compact(both)) != 300 {
		t.Error("a part and the others are not all")
	}
}
