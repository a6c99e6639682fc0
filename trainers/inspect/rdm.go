package inspect

import (
	"fmt"
	"image"

	"x2vec/data/plot"
	"x2vec/trainers/eval"
)

// RDM is a representational dissimilarity matrix and what it was compared with; kept as
// rdm.json, and the matrix itself as rdm.npy.
type RDM struct {
	Header
	Measure string   `json:"measure"`
	Stimuli []int    `json:"stimuli"` // numbers of the examples, ordered by class
	Labels  []int    `json:"labels"`
	Classes []string `json:"classes"`
	// Within and Between are the mean dissimilarities of examples of one class and of
	// two; nil where no class is known.
	Within  *eval.Number `json:"within,omitempty"`
	Between *eval.Number `json:"between,omitempty"`
	// Against are comparisons, each with what it was with.
	Against []Against `json:"against,omitempty"`
}

// Against is one comparison.
type Against struct {
	With string `json:"with"`
	eval.Comparison
}

// Means takes the mean dissimilarity within and between classes.
func (r *RDM) Means(m eval.RDM) {
	var sum, n [2]float64
	for i := range m.N {
		for j := range i {
			if r.Labels == nil || r.Labels[i] < 0 || r.Labels[j] < 0 {
				continue
			}
			k := 0
			if r.Labels[i] != r.Labels[j] {
				k = 1
			}
			sum[k] += m.At(i, j)
			n[k]++
		}
	}
	if n[0] > 0 && n[1] > 0 {
		within, between := eval.Number(sum[0]/n[0]), eval.Number(sum[1]/n[1])
		r.Within, r.Between = &within, &between
	}
}

const rdmSide = 620 // pixels of the matrix, about

// Draw is the matrix as a picture, with lines between classes where the stimuli are in
// their order.
func (r *RDM) Draw(m eval.RDM, title string) (image.Image, error) {
	h := plot.HeatMap{Title: title, Values: m.Rows(), Cell: max(1, rdmSide/m.N)}
	for lo, hi := 0, 1; hi <= m.N && r.Labels != nil && len(r.Classes) > 0; hi++ {
		if hi < m.N && r.Labels[hi] == r.Labels[lo] {
			continue
		}
		name := "-"
		if l := r.Labels[lo]; l >= 0 {
			name = r.Classes[l]
		}
		h.Groups, h.Sizes = append(h.Groups, name), append(h.Sizes, hi-lo)
		lo = hi
	}
	if len(h.Groups) > 40 { // in no order, or too many to be told apart
		h.Groups, h.Sizes = nil, nil
	}
	return h.Draw()
}

// CKA is how alike the layers of one run are, of two, or one layer of several runs;
// kept as cka.json.
type CKA struct {
	Header
	Examples int             `json:"examples"`
	Rows     []string        `json:"rows"`
	Columns  []string        `json:"columns"`
	Values   [][]eval.Number `json:"values"` // linear CKA by the unbiased HSIC
}

// Draw is the matrix as a picture.
func (c *CKA) Draw() (image.Image, error) {
	h := plot.HeatMap{Title: fmt.Sprintf("linear CKA, %d examples", c.Examples), Rows: c.Rows, Columns: c.Columns, High: 1, Cell: 46, Write: true}
	for _, row := range c.Values {
		var values []float64
		for _, v := range row {
			values = append(values, float64(v))
		}
		h.Values = append(h.Values, values)
	}
	return h.Draw()
}
