package objectives

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/ops/blas"
)

// A ZeroShot is how well pictures are told apart by nothing but texts: the nearest of the
// answers' texts is taken.
type ZeroShot struct {
	Of     string   // what is asked: "class", or the name of a factor
	Prompt string   // the first text
	Names  []string // of the answers
	// Right and Asked count pictures by the answer that is right, and N all of them.
	Right, Asked []int
	N            int
	// Unknown are answers in whose names are words that no training caption has.
	Unknown []string
}

// Accuracy is the share of the pictures that were told right.
func (z ZeroShot) Accuracy() float64 {
	right := 0
	for _, n := range z.Right {
		right += n
	}
	return float64(right) / float64(max(1, z.N))
}

// Largest is the share of the most frequent answer, and its name: what a model reaches
// that always says the same.
func (z ZeroShot) Largest() (share float64, name string) {
	n := slices.Max(z.Asked)
	return float64(n) / float64(max(1, z.N)), z.Names[slices.Index(z.Asked, n)]
}

func (z ZeroShot) figure() Figure {
	share, name := z.Largest()
	f := Figure{Name: "zero-shot accuracy", Value: z.Accuracy(), Better: "higher",
		Note: fmt.Sprintf("%d test pictures, %d answers as %q; %.1f %% are %s", z.N, len(z.Names), z.Prompt, 100*share, name)}
	if z.Of != "class" {
		f.Name += " of " + z.Of
	}
	if n := len(z.Unknown); n > 0 {
		f.Note += fmt.Sprintf("; %d of the names have words that no training caption has", n)
	}
	return f
}

// ZeroShot asks prompts, as in the setting of that name, of all pictures of a source.
// t.Spec has the captions that the model was trained on.
func (o *CLIP) ZeroShot(ctx context.Context, t Task, ps *graph.Params, src data.Source, prompts []string) ([]ZeroShot, error) {
	questions, err := (&CLIP{Prompts: prompts}).questions(src.Spec())
	if err != nil {
		return nil, err
	}
	if len(questions) == 0 {
		return nil, errors.New("prompts: nothing is asked, as the pictures have no classes; want factors by their names in braces")
	}
	var images []float32
	right := make([][]int, len(questions))
	err = o.EachPicture(ctx, t, ps, src, func(b *data.Batch, u []float32) error {
		images = append(images, u...)
		for i := range b.N() {
			for k, q := range questions {
				right[k] = append(right[k], q.right(b, i))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var all []ZeroShot
	for i, q := range questions {
		z, err := o.zeroShot(t, ps, q, images, right[i])
		if err != nil {
			return nil, err
		}
		all = append(all, z)
	}
	return all, nil
}

// zeroShot asks a question of pictures by their projections, (N, P); right are the answers,
// (N), -1 where they are not known.
func (o *CLIP) zeroShot(t Task, ps *graph.Params, q question, images []float32, right []int) (ZeroShot, error) {
	k := len(q.names)
	z := ZeroShot{Of: q.of, Prompt: q.prompts[0][0], Names: q.names, Right: make([]int, k), Asked: make([]int, k)}
	for _, name := range q.names {
		words, err := t.Spec.Captions.Cut(name)
		if err != nil || slices.ContainsFunc(words, func(w string) bool { _, ok := t.Spec.Captions.Words.Find(w); return !ok }) {
			z.Unknown = append(z.Unknown, name)
		}
	}
	answers, err := o.answers(t, ps, q)
	if err != nil {
		return z, err
	}
	scores := make([]float32, len(right)*k) // (N, K)
	blas.Gemm(false, true, len(right), k, o.Projection, images, o.Projection, answers, o.Projection, scores, k, false)
	for i, want := range right {
		if want < 0 || want >= k {
			continue
		}
		z.N++
		z.Asked[want]++
		if largest(scores[i*k:(i+1)*k]) == want {
			z.Right[want]++
		}
	}
	return z, nil
}

// answers are the directions of the answers to a question, (K, P): the mean of the
// projections of their texts (Radford et al. 2021, section 3.1.4).
func (o *CLIP) answers(t Task, ps *graph.Params, q question) ([]float32, error) {
	answers := make([]float32, 0, len(q.names)*o.Projection)
	for _, texts := range q.prompts {
		u, err := o.EmbedTexts(t, ps, texts)
		if err != nil {
			return nil, fmt.Errorf("prompts: %w", err)
		}
		sum := make([]float32, o.Projection)
		for row := range slices.Chunk(u, o.Projection) {
			for j, v := range row {
				sum[j] += v
			}
		}
		unitLength(sum)
		answers = append(answers, sum...)
	}
	return answers, nil
}
