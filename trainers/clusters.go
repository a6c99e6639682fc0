package trainers

import (
	"context"
	"fmt"
	"math"

	"x2vec/data"
	"x2vec/data/transforms"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers/eval"
)

// NearestTap is the number of each example's cluster, in encoders that have clusters
// of examples.
const NearestTap = "encoder/nearest"

// Of the picture of clusters: how many are drawn, and how many members of each.
const (
	clustersDrawn = 20
	membersDrawn  = 10
)

// evaluateClusters compares the clusters of examples with their classes where those
// are known, and draws clusters of pictures: their mean, and some of their members.
func (t *Trainer) evaluateClusters(ctx context.Context, e *Evaluation) error {
	if _, ok := top(t.Task.Encoder).(*nets.Clusters); !ok {
		return nil
	}
	for _, src := range []data.Source{t.Train, t.Test} {
		w := &clusterWalk{size: t.Task.Spec.Size(), draws: src == t.Train && t.Task.Spec.Image(), means: map[int][]float64{}, members: map[int][][]byte{}}
		if err := EachFeature(ctx, t.Task, t.Params, src, NearestTap, w.add); err != nil {
			return err
		}
		split := src.Spec().Split
		loss := e.TestLoss
		if src == t.Train {
			var err error
			if loss, err = t.Loss(ctx, src, nil); err != nil {
				return err
			}
		}
		e.Figures = append(e.Figures, eval.Figure{Name: split + " inertia", Value: eval.Number(t.inertia(loss, src.Len())), Better: "lower",
			Note: fmt.Sprintf("sum over %d examples of the squared distance from the nearest center", src.Len())})
		if a, err := eval.AgreementOf(w.clusters, w.classes); err == nil {
			note := fmt.Sprintf("of clusters and classes, %d %s examples in %d clusters", a.N, split, a.Used)
			for _, f := range []eval.Figure{{Name: "NMI", Value: eval.Number(a.NMI)}, {Name: "ARI", Value: eval.Number(a.ARI)}, {Name: "purity", Value: eval.Number(a.Purity)}} {
				f.Name, f.Better, f.Note = split+" "+f.Name, "higher", note
				e.Figures = append(e.Figures, f)
			}
		}
		if w.draws && len(w.means) > 0 {
			p, err := w.picture(t.Task.Spec.Shape)
			if err != nil {
				return err
			}
			e.Pictures = append(e.Pictures, p)
		}
	}
	return nil
}

// inertia is the sum of the squared distances of n points from their centers, of which the
// loss is the mean over points and values.
func (t *Trainer) inertia(loss float64, n int) float64 {
	values := t.Task.Spec.Size()
	if s, ok := t.Task.Encoder.(*nets.Stacked); ok {
		values = s.Base.CodeSize(t.Task.Seen())
	}
	return loss * float64(n) * float64(values)
}

// top is the encoder that stands on others, if it does.
func top(e nets.Encoder) nets.Encoder {
	if s, ok := e.(*nets.Stacked); ok {
		return s.Top
	}
	return e
}

// clusterWalk goes through the examples of a source with their clusters.
type clusterWalk struct {
	size              int
	draws             bool
	clusters, classes []int
	means             map[int][]float64 // sums of the bytes of all members, of the first clusters
	members           map[int][][]byte  // the first of each
}

func (w *clusterWalk) add(b *data.Batch, x []float32, _ int) error {
	for i, v := range x {
		c := int(v)
		w.clusters = append(w.clusters, c)
		w.classes = append(w.classes, b.Labels[i])
		if !w.draws || c >= clustersDrawn {
			continue
		}
		pixels := b.Pixels[i*w.size : (i+1)*w.size]
		if w.means[c] == nil {
			w.means[c] = make([]float64, w.size)
		}
		for j, p := range pixels {
			w.means[c][j] += float64(p)
		}
		if len(w.members[c]) < membersDrawn {
			w.members[c] = append(w.members[c], append([]byte(nil), pixels...))
		}
	}
	return nil
}

// picture has a row for each of the first clusters.
func (w *clusterWalk) picture(shape []int) (objectives.Picture, error) {
	sizes := map[int]int{}
	for _, c := range w.clusters {
		sizes[c]++
	}
	var tiles [][]byte
	rows := 0
	for c := range clustersDrawn {
		if sizes[c] == 0 {
			continue
		}
		rows++
		mean := make([]byte, w.size)
		for j, sum := range w.means[c] {
			mean[j] = byte(math.Round(sum / float64(sizes[c])))
		}
		tiles = append(append(tiles, mean, nil), w.members[c]...)
		for range membersDrawn - len(w.members[c]) {
			tiles = append(tiles, nil)
		}
	}
	sheet, err := transforms.Sheet(tiles, shape, membersDrawn+2, max(1, 48/shape[1]))
	return objectives.Picture{
		Name:    "clusters",
		Caption: fmt.Sprintf("Each row is a cluster, %d of them. Left: the mean of its training examples. Right of it: the first %d of those.", rows, membersDrawn),
		Image:   sheet,
	}, err
}
