package objectives

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"

	"x2vec/data"
	"x2vec/data/transforms"
	"x2vec/graph"
)

// This file shows what a model of the next frame foresees, and how far ahead.

// rollOut has the model go on by itself from the first frames of clips: its answers stand
// for the frames that follow. It gives the answers, (F−K, B, C, H, W), and the clips,
// (B, F, C, H, W), both scaled. p is an evaluation program that has run on fed; at the end
// it has done so again.
func (o *NextFrame) rollOut(t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) (foreseen [][]float32, clips []float32, err error) {
	frames, z := t.Spec.Shape[0], t.frameScaling()
	size := t.Spec.Size() / frames
	clips = make([]float32, len(b.Pixels))
	z.Apply(clips, b.Pixels)
	ends := []float32{0, 1} // of the values of a pixel
	for i, v := range ends {
		if len(z.Mean) > 0 {
			v -= z.Mean[0]
		}
		if len(z.Std) > 0 {
			v /= z.Std[0]
		}
		ends[i] = v
	}
	feed := p.NewFeed()
	past, last := feed.F["past"], feed.F["last"]
	width := o.Past * size
	for i := range b.N() {
		copy(past[i*width:(i+1)*width], clips[i*frames*size:])
	}
	for range frames - o.Past {
		for i := range b.N() {
			copy(last[i*size:(i+1)*size], past[(i+1)*width-size:])
		}
		if err := p.Run(feed, 0); err != nil {
			return nil, nil, err
		}
		y, ok := p.Tap("prediction")
		if !ok {
			return nil, nil, errors.New("the program has no prediction")
		}
		next := make([]float32, b.N()*size)
		for i, v := range y.Data[:len(next)] {
			next[i] = min(max(v, ends[0]), ends[1])
		}
		for i := range b.N() {
			own := past[i*width : (i+1)*width]
			copy(own, own[size:])
			copy(own[width-size:], next[i*size:])
		}
		foreseen = append(foreseen, next)
	}
	return foreseen, clips, p.Run(fed, b.Step)
}

const (
	shownAnswers = 8 // clips of which one answer is drawn
	shownClips   = 4 // that are rolled out
)

// Pictures implements Pictured: single answers, and clips that the model continues.
func (o *NextFrame) Pictures(ctx context.Context, t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Picture, error) {
	y, ok := p.Tap("prediction")
	if !ok {
		return nil, errors.New("the program has no prediction to draw")
	}
	one := t
	one.Spec.Shape, one.Pixels = frame(t), t.frameScaling()
	size := one.Spec.Size()
	var tiles [][]byte
	add := func(values []float32) error {
		tile, err := tileOf(one, values)
		tiles = append(tiles, tile)
		return err
	}
	for i := range min(b.N(), shownAnswers) {
		for k := range o.Past {
			if err := add(fed.F["past"][(i*o.Past+k)*size:][:size]); err != nil {
				return nil, err
			}
		}
		tiles = append(tiles, bytes.Repeat([]byte{128}, size)) // as the sheet
		if err := errors.Join(add(y.Data[i*size:(i+1)*size]), add(fed.F["next"][i*size:(i+1)*size])); err != nil {
			return nil, err
		}
	}
	sheet := func(columns int) (image.Image, error) {
		return transforms.Sheet(tiles, one.Spec.Shape, columns, enlarge(one.Spec.Shape))
	}
	answers, err := sheet(o.Past + 3)
	if err != nil {
		return nil, err
	}

	foreseen, clips, err := o.rollOut(t, p, b, fed)
	if err != nil {
		return nil, err
	}
	tiles = nil
	frames := t.Spec.Shape[0]
	for i := range min(b.N(), shownClips) {
		own := clips[i*frames*size : (i+1)*frames*size]
		for f := range frames {
			if err := add(own[f*size : (f+1)*size]); err != nil {
				return nil, err
			}
		}
		for f := range frames {
			values := own[f*size : (f+1)*size]
			if f >= o.Past {
				values = foreseen[f-o.Past][i*size : (i+1)*size]
			}
			if err := add(values); err != nil {
				return nil, err
			}
		}
	}
	rolled, err := sheet(frames)
	if err != nil {
		return nil, err
	}
	return []Picture{
		{Name: "next-frame", Caption: fmt.Sprintf("Test clips, one a row. Left: the %d frames seen. Right: the next one as it is predicted, and as it is.", o.Past), Image: answers},
		{Name: "roll-out", Caption: fmt.Sprintf("Test clips, two rows each. Top: as they are. Bottom: the first %d frames, then what the model predicts from its own predictions.", o.Past), Image: rolled},
	}, nil
}

// Tables implements Tabled: how the error grows with the frames ahead.
func (o *NextFrame) Tables(t Task, p *graph.Program, b *data.Batch, fed *graph.Feed) ([]Table, error) {
	foreseen, clips, err := o.rollOut(t, p, b, fed)
	if err != nil {
		return nil, err
	}
	frames := t.Spec.Shape[0]
	size := t.Spec.Size() / frames
	table := Table{Name: "roll-out", Columns: []string{"frames ahead", "squared error", "of copying the last frame seen", "of an empty frame"},
		Caption: fmt.Sprintf("Mean squared error of what the model predicts from its own predictions, over %d test clips.", b.N())}
	var black float32
	if len(t.Pixels.Mean) > 0 {
		black = -t.Pixels.Mean[0]
	}
	if len(t.Pixels.Std) > 0 {
		black /= t.Pixels.Std[0]
	}
	for ahead, y := range foreseen {
		var model, copied, empty float64
		for i := range b.N() {
			clip := clips[i*frames*size:]
			truth, last := clip[(o.Past+ahead)*size:][:size], clip[(o.Past-1)*size:][:size]
			for j, v := range truth {
				model += square(y[i*size+j] - v)
				copied += square(last[j] - v)
				empty += square(black - v)
			}
		}
		n := float64(b.N() * size)
		table.Rows = append(table.Rows, []string{fmt.Sprint(ahead + 1), fmt.Sprintf("%.5f", model/n), fmt.Sprintf("%.5f", copied/n), fmt.Sprintf("%.5f", empty/n)})
	}
	return []Table{table}, nil
}

func square(v float32) float64 { return float64(v) * float64(v) }
