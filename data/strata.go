package data

import (
	"math"
	"slices"

	"x2vec/data/draw"
)

// Drawn are positions of a part of the examples, drawn by the seed from each class on
// its own, in ascending order: of a class with so many members as many as count says.
// Which members come first depends on nothing but the seed and the class, so that a
// smaller part is in a larger one. Examples with a negative label are in no part.
func Drawn(labels []int, seed uint64, count func(members int) int) []int {
	members := map[int][]int{}
	for i, l := range labels {
		if l >= 0 {
			members[l] = append(members[l], i)
		}
	}
	var part []int
	for class, in := range members {
		order := draw.NewPerm(draw.Key(seed, "strata", 0, class), len(in))
		for i := range min(max(count(len(in)), 0), len(in)) {
			part = append(part, in[order.At(i)])
		}
	}
	slices.Sort(part)
	return part
}

// ShareOf counts a share of the members of a class, one at least.
func ShareOf(share float64) func(members int) int {
	return func(members int) int { return max(1, int(math.Round(share*float64(members)))) }
}

// Others are the positions below n that are not in part, which is ascending.
func Others(part []int, n int) []int {
	rest := make([]int, 0, n-len(part))
	for i := range n {
		if len(part) > 0 && part[0] == i {
			part = part[1:]
			continue
		}
		rest = append(rest, i)
	}
	return rest
}
