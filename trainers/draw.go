package trainers

import (
	"context"
	"errors"
	"fmt"
	"image"

	"x2vec/data"
	"x2vec/data/transforms"
	"x2vec/objectives"
	"x2vec/trainers/eval"
)

// drawTest adds the objective's own tables and pictures of test examples, of one batch
// of them. It is spread over all, which may be in the order of their classes.
func (t *Trainer) drawTest(ctx context.Context, e *Evaluation) error {
	tabled, hasTables := t.Objective.(objectives.Tabled)
	pictured, hasPictures := t.Objective.(objectives.Pictured)
	if !hasTables && !hasPictures {
		return nil
	}
	b, err := oneBatch(t.Test, data.Spread(t.Task.Batch, t.Test.Len()))
	if err != nil {
		return err
	}
	s, err := t.test(b)
	if err != nil {
		return err
	}
	if hasTables {
		tables, err := tabled.Tables(s.task, s.p, b, s.feed)
		if err != nil {
			return err
		}
		e.Tables = append(e.Tables, tables...)
	}
	if hasPictures {
		pictures, err := pictured.Pictures(ctx, s.task, s.p, b, s.feed)
		if err != nil {
			return err
		}
		e.Pictures = append(e.Pictures, pictures...)
	}
	return nil
}

// oneBatch reads the examples of src with these numbers. The batch has the numbers, so
// that what is drawn for an example, noise or a mask, is what the test loss has of it.
func oneBatch(src data.Source, index []int) (*data.Batch, error) {
	some, err := data.Subset(src, index)
	if err != nil {
		return nil, err
	}
	for b, err := range data.Sequential(some, max(1, len(index))) {
		if err != nil {
			return nil, err
		}
		copy(b.Index, index)
		return b, nil
	}
	return nil, errors.New("there are no examples")
}

const (
	neighbourQueries = 8
	neighbourK       = 8
)

// hasNeighbours reports whether examples can be drawn beside their neighbours.
func (t *Trainer) hasNeighbours() bool { return len(t.shown()) == 3 }

// shown is the shape of an example as it is drawn, (C, H, W) of pictures.
func (t *Trainer) shown() []int {
	if t.Task.Pixels.Past > 0 { // of a clip the last frame that is seen
		return t.Task.Spec.Shape[1:]
	}
	return t.Task.Spec.Shape
}

// drawNeighbours adds a picture: test examples, each followed by the training
// examples, of known, whose codes are nearest to its own.
func (t *Trainer) drawNeighbours(ctx context.Context, e *Evaluation, known data.Source, train, test eval.Features) error {
	if !t.hasNeighbours() || train.N() < neighbourK {
		return nil
	}
	shape, last := t.shown(), max(0, t.Task.Pixels.Past-1)
	size := shape[0] * shape[1] * shape[2]
	// Spread over the test examples, which may be in the order of their classes.
	index := data.Evenly(neighbourQueries, test.N())
	queries := eval.Features{D: test.D}
	for _, i := range index {
		queries.X = append(queries.X, test.Row(i)...)
	}
	found, err := eval.NearestUntil(ctx, queries, train, neighbourK, eval.Cosine, nil)
	if err != nil {
		return err
	}
	var tiles [][]byte
	read := func(src data.Source, i int) error {
		x := data.Example{Pixels: make([]byte, t.Task.Spec.Size()), Factors: make([]float32, len(t.Task.Spec.Factors))}
		tiles = append(tiles, x.Pixels[last*size:][:size])
		return src.Read(i, &x)
	}
	for q, i := range index {
		if err := read(t.Test, i); err != nil {
			return err
		}
		tiles = append(tiles, nil)
		near, _ := found.Of(q)
		for _, i := range near {
			if err := read(known, i); err != nil {
				return err
			}
		}
	}
	var sheet image.Image
	sheet, err = transforms.Sheet(tiles, shape, neighbourK+2, max(1, 64/shape[1]))
	if err != nil {
		return err
	}
	e.Pictures = append(e.Pictures, objectives.Picture{
		Name:    "neighbours",
		Caption: fmt.Sprintf("Left: test examples. Right of each: the %d training examples whose codes are nearest to its own (cosine).", neighbourK),
		Image:   sheet,
	})
	return nil
}
