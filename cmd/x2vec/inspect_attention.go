package main

import (
	"fmt"
	"image"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/trainers"
	"x2vec/trainers/inspect"
)

func inspectAttentionCommand() *cobra.Command {
	var o lookFlags
	var list string
	block := -1
	c := &cobra.Command{
		Use:   "attention RUN",
		Short: "draw what a vision transformer looks at",
		Long: `Draw what a vision transformer looks at in pictures: what reaches its top from each
patch (attention rollout), and what each head of a block looks at. It is what the class
token looks at, or the mean over all patches where there is none.`,
		Example: "  x2vec inspect attention runs/mae\n  x2vec inspect attention runs/mae --block 2 --stimuli 3,17,40",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := o.start(c, args[0])
			if err != nil {
				return err
			}
			defer l.done()
			e, ok := l.kept.Task.Encoder.(nets.Attentive)
			if !ok {
				return fmt.Errorf(`%s: its encoder has no attention over patches; want a run with encoder.type = "vit"`, l.run)
			}
			blocks, heads := e.Attends()
			if block < 0 {
				block = blocks - 1
			}
			if block >= blocks {
				return badRequest(fmt.Errorf("--block is %d, want 0 to %d", block, blocks-1))
			}
			if list != "" {
				if err := l.choose("--stimuli", list); err != nil {
					return err
				}
			}
			if l.src.Len() > 64 {
				return badRequest(fmt.Errorf("%d pictures are too many for one sheet, want at most 64", l.src.Len()))
			}
			a, err := l.attention(e, block, blocks, heads)
			if err != nil {
				return err
			}
			side := shownSide(l.all.Spec().Shape) * 3 / 2
			img, err := a.Draw(func(i int) (image.Image, error) { return inspect.Example(l.all, i) }, side)
			if err != nil {
				return err
			}
			caption := fmt.Sprintf("Left: examples. Then what reaches the top from each patch (rollout), and what the heads of block %d look at (%s): the brighter, the more.", block, a.From)
			if err := l.draw(&a.Header, "attention", caption, img); err != nil {
				return err
			}
			return l.finish("attention", a, "")
		},
	}
	o.common(c, 8)
	c.Flags().StringVar(&list, "stimuli", "", "examples by their numbers, as in 3,17,40")
	c.Flags().IntVar(&block, "block", block, "whose heads are drawn (default: the last)")
	return c
}

func (l *look) attention(e nets.Attentive, block, blocks, heads int) (*inspect.Attention, error) {
	g, err := e.Grid(l.kept.Task.Seen())
	if err != nil {
		return nil, err
	}
	n := l.src.Len()
	qkv, tokens := make([][][]float32, n), 0 // by example and block
	for b := range blocks {
		tap := fmt.Sprintf("encoder/blocks/%d/attn/qkv", b)
		err := trainers.EachActivation(l.ctx, l.kept.Task, l.kept.Params, l.src, tap, func(b *data.Batch, v graph.View) error {
			tokens = v.Shape[1]
			each := len(v.Data) / b.N()
			for i, at := range b.Index {
				qkv[at] = append(qkv[at], append([]float32(nil), v.Data[i*each:(i+1)*each]...))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	grid := gridOf(g.Rows(), g.Cols(), tokens, l.kept.Task.Spec.Shape[1])
	a := &inspect.Attention{Header: l.header("attention"), Block: block, Heads: heads, Rows: grid.Rows, Cols: grid.Cols, From: "mean over all patches"}
	a.Tap = fmt.Sprintf("encoder/blocks/%d", block)
	if grid.Lead > 0 {
		a.From = "class token"
	}
	for i, x := range qkv {
		m := inspect.AttentionOf(x, tokens, heads, block, *grid)
		m.Index = l.index[i]
		a.Maps = append(a.Maps, m)
	}
	return a, nil
}
