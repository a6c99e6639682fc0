package inspect

import (
	"errors"
	"fmt"
	"image"

	"x2vec/data"
	"x2vec/data/plot"
	"x2vec/trainers/eval"
)

// Neighbors are queries with the examples nearest to them in the space of the codes,
// and in that of the pixels; kept as neighbors.json.
type Neighbors struct {
	Header
	Metric  string          `json:"metric"`
	Queries []NeighborQuery `json:"queries"`
	// Agreement is the share of nearest examples that are of their query's class, of
	// all examples as queries; by codes and by pixels. Nil where no class is known.
	Agreement *Shares `json:"agreement,omitempty"`
}

// Shares are those by codes and by pixels.
type Shares struct {
	Code   eval.Number `json:"code"`
	Pixels eval.Number `json:"pixels"`
}

// A NeighborQuery is one example and those nearest to it.
type NeighborQuery struct {
	Index  int    `json:"index"`
	Label  int    `json:"label"`
	Code   []Near `json:"code"`
	Pixels []Near `json:"pixels"`
}

// Near is an example at a distance.
type Near struct {
	Index    int     `json:"index"`
	Label    int     `json:"label"`
	Distance float32 `json:"distance"`
}

// FindNeighbors looks for the k examples nearest to each query among all of them, by
// codes and by pixels, both features of the same examples. queries are their numbers;
// index are those of the examples in their source.
func FindNeighbors(codes, pixels eval.Features, index, queries []int, k int, m eval.Metric) (*Neighbors, error) {
	if k < 1 || k >= codes.N() {
		return nil, fmt.Errorf("neighbours: k is %d, want 1 to %d", k, codes.N()-1)
	}
	n := &Neighbors{Metric: m.String(), Queries: make([]NeighborQuery, len(queries))}
	label := func(i int) int {
		if codes.Labels == nil {
			return -1
		}
		return codes.Labels[i]
	}
	for i, q := range queries {
		n.Queries[i] = NeighborQuery{Index: index[q], Label: label(q)}
	}
	of := func(f eval.Features, to func(q *NeighborQuery) *[]Near) error {
		found, err := eval.Nearest(f.Pick(queries), f, k, m, queries)
		if err != nil {
			return err
		}
		for i := range queries {
			list, distance := found.Of(i)
			for j, at := range list {
				near := to(&n.Queries[i])
				*near = append(*near, Near{index[at], label(at), distance[j]})
			}
		}
		return nil
	}
	if err := errors.Join(of(codes, func(q *NeighborQuery) *[]Near { return &q.Code }),
		of(pixels, func(q *NeighborQuery) *[]Near { return &q.Pixels })); err != nil {
		return nil, err
	}
	if len(codes.Labelled().Labels) == codes.N() && codes.Labels != nil {
		a, err := agreement(codes, k, m)
		if err != nil {
			return nil, err
		}
		b, err := agreement(pixels, k, m)
		if err != nil {
			return nil, err
		}
		n.Agreement = &Shares{eval.Number(a), eval.Number(b)}
	}
	return n, nil
}

// agreement is the share of the k nearest examples of every example that have its
// class.
func agreement(f eval.Features, k int, m eval.Metric) (float64, error) {
	self := make([]int, f.N())
	for i := range self {
		self[i] = i
	}
	found, err := eval.Nearest(f, f, k, m, self)
	if err != nil {
		return 0, err
	}
	same := 0
	for i := range self {
		list, _ := found.Of(i)
		for _, j := range list {
			if f.Labels[j] == f.Labels[i] {
				same++
			}
		}
	}
	return float64(same) / float64(k*f.N()), nil
}

// Draw has a row for each query: it, those nearest by codes, those nearest by pixels.
func (n *Neighbors) Draw(src data.Source, side int) (image.Image, error) {
	var rows []plot.Row
	columns := []string{"query", "", "nearest in the code"}
	for _, q := range n.Queries {
		row := plot.Row{Tiles: make([]image.Image, 0, 3+len(q.Code)+len(q.Pixels))}
		for part, list := range [][]Near{{{Index: q.Index}}, q.Code, q.Pixels} {
			if part > 0 {
				row.Tiles = append(row.Tiles, nil)
			}
			for _, near := range list {
				img, err := Example(src, near.Index)
				if err != nil {
					return nil, err
				}
				row.Tiles = append(row.Tiles, img)
			}
		}
		rows = append(rows, row)
	}
	for len(columns) < 3+len(n.Queries[0].Code) {
		columns = append(columns, "")
	}
	return plot.Sheet(append(columns, "nearest in the pixels"), rows, side)
}
