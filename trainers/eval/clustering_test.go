package eval

import (
	"math"
	"testing"
)

func TestAgreement(t *testing.T) {
	// Values of scikit-learn 1.2.1: normalized_mutual_info_score and
	// adjusted_rand_score; purity by hand.
	for _, c := range []struct {
		name              string
		clusters, classes []int
		nmi, ari, purity  float64
	}{
		{"the same, renamed", []int{1, 1, 0, 0, 5, 5}, []int{0, 0, 1, 1, 2, 2}, 1, 1, 1},
		{"one cluster", []int{0, 0, 0, 0}, []int{0, 1, 0, 1}, 0, 0, 0.5},
		{"one cluster and one class", []int{3, 3}, []int{1, 1}, 1, 1, 1},
		{"all apart", []int{0, 1, 2, 3}, []int{0, 0, 1, 1}, 0.6666666666666666, 0, 1},
		{"crossed", []int{0, 0, 1, 1}, []int{0, 1, 0, 1}, 0, -0.5, 0.5},
		{"some noise", []int{0, 0, 1, 1, 2, 2, 0, 1, 2, 2}, []int{0, 0, 1, 1, 2, 2, 1, 2, 0, 2}, 0.4427012833460501, 0.20454545454545456, 0.7},
		{"unlabelled left out", []int{1, 7, 1, 0, 0}, []int{0, -1, 0, 1, 1}, 1, 1, 1},
	} {
		a, err := AgreementOf(c.clusters, c.classes)
		if err != nil {
			t.Fatal(err)
		}
		for what, v := range map[string][2]float64{"NMI": {a.NMI, c.nmi}, "ARI": {a.ARI, c.ari}, "purity": {a.Purity, c.purity}} {
			if math.Abs(v[0]-v[1]) > 1e-12 {
				t.Errorf("%s: %s is %.16g, want %.16g", c.name, what, v[0], v[1])
			}
		}
	}
	for want, c := range map[string][2][]int{
		"clusters: 1 examples have a cluster and 2 a class": {{1}, {1, 2}},
		"clusters: no example has a class":                  {{1}, {-1}},
	} {
		if _, err := AgreementOf(c[0], c[1]); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
