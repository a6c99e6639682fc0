package eval

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
)

// An Agreement says how well clusters agree with classes that nobody told them of.
type Agreement struct {
	// NMI is the mutual information of cluster and class over the mean of their
	// entropies: 1 where each tells the other, 0 where neither says anything (Strehl
	// and Ghosh 2002, with the arithmetic mean, as scikit-learn has it).
	NMI float64
	// ARI is the share of pairs that both put together or both apart, less what chance
	// gives, over what is left then (Hubert and Arabie 1985, "Comparing partitions").
	ARI float64
	// Purity is the share of examples whose class is the most frequent of their cluster.
	Purity float64
	// Used is how many clusters have an example.
	Used int
	// N is the number of examples with a class.
	N int
}

// AgreementOf compares clusters, (N), with classes, (N); an example of class -1 does
// not count.
func AgreementOf(clusters, classes []int) (Agreement, error) {
	if len(clusters) != len(classes) {
		return Agreement{}, fmt.Errorf("clusters: %d examples have a cluster and %d a class", len(clusters), len(classes))
	}
	together := map[[2]int]float64{}
	sizes, counts := map[int]float64{}, map[int]float64{}
	var a Agreement
	for i, class := range classes {
		if class < 0 {
			continue
		}
		a.N++
		together[[2]int{clusters[i], class}]++
		sizes[clusters[i]]++
		counts[class]++
	}
	if a.N == 0 {
		return a, fmt.Errorf("clusters: no example has a class")
	}
	a.Used = len(sizes)
	n := float64(a.N)
	pairs := func(m float64) float64 { return m * (m - 1) / 2 }
	var hc, hk, pc, pk float64
	for _, m := range inOrder(sizes) {
		hc -= m / n * math.Log(m/n)
		pc += pairs(m)
	}
	for _, m := range inOrder(counts) {
		hk -= m / n * math.Log(m/n)
		pk += pairs(m)
	}
	largest := map[int]float64{}
	var information, both float64
	for _, at := range slices.SortedFunc(maps.Keys(together), func(a, b [2]int) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) }) {
		m := together[at]
		information += m / n * math.Log(m*n/(sizes[at[0]]*counts[at[1]]))
		both += pairs(m)
		largest[at[0]] = max(largest[at[0]], m)
	}
	for _, m := range inOrder(largest) {
		a.Purity += m / n
	}
	switch {
	case hc == 0 && hk == 0: // one cluster and one class
		a.NMI = 1
	default:
		a.NMI = max(0, information) / ((hc + hk) / 2)
	}
	expected := 0.0
	if n > 1 {
		expected = pc * pk / pairs(n)
	}
	if most := (pc + pk) / 2; most == expected {
		a.ARI = 1 // all together in both, or all apart
	} else {
		a.ARI = (both - expected) / (most - expected)
	}
	return a, nil
}

// inOrder are the values in the order of their keys, so that sums are the same every
// time.
func inOrder(m map[int]float64) []float64 {
	var list []float64
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[k])
	}
	return list
}
