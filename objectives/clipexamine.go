package objectives

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
)

// clipTest is what is known of the test examples of CLIP: their projections at unit length
// and what is alike among them. Shapes: N pictures, M different captions, P values.
type clipTest struct {
	p      int
	images []float32 // (N, P)
	texts  []float32 // (M, P)
	tokens [][]int32 // of the different captions
	says   []int     // (N) the caption of each picture
	alike  []int     // (N) the first picture with the same pixels
	right  [][]int   // the answers to each question, (N) each
}

// Examine implements Examined: retrieval of captions by pictures and of pictures by
// captions among all test examples, zero-shot classification, and pictures of both.
func (o *CLIP) Examine(ctx context.Context, t Task, ps *graph.Params, test data.Source) (*Examination, error) {
	t.Spec = test.Spec()
	questions, err := o.questions(t.Spec)
	if err != nil {
		return nil, err
	}
	c := &clipTest{p: o.Projection}
	if err := c.read(ctx, o, t, ps, test, questions); err != nil {
		return nil, err
	}
	e := &Examination{Figures: c.retrieval()}
	for i, q := range questions {
		z, err := o.zeroShot(t, ps, q, c.images, c.right[i])
		if err != nil {
			return nil, err
		}
		if z.N > 0 {
			e.Figures = append(e.Figures, z.figure())
		}
	}
	e.Pictures, err = c.pictures(t, test)
	return e, err
}

// read takes the projections of all examples.
func (c *clipTest) read(ctx context.Context, o *CLIP, t Task, ps *graph.Params, test data.Source, questions []question) error {
	c.right = make([][]int, len(questions))
	number, first := map[string]int{}, map[[sha256.Size]byte]int{}
	err := o.EachPicture(ctx, t, ps, test, func(b *data.Batch, u []float32) error {
		c.images = append(c.images, u...)
		size, length := b.Spec.Size(), b.Spec.Captions.Length
		for i := range b.N() {
			tokens := b.Caption[i*length : (i+1)*length]
			key := string(keyOf(tokens))
			at, seen := number[key]
			if !seen {
				at = len(number)
				number[key] = at
				c.tokens = append(c.tokens, slices.Clone(tokens))
			}
			n := len(c.says)
			c.says = append(c.says, at)
			hash := sha256.Sum256(b.Pixels[i*size : (i+1)*size])
			if _, seen := first[hash]; !seen {
				first[hash] = n
			}
			c.alike = append(c.alike, first[hash])
			for k, q := range questions {
				c.right[k] = append(c.right[k], q.right(b, i))
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.texts, err = o.embedTokens(t, ps, c.tokens)
	return err
}

func keyOf(tokens []int32) []byte {
	b := make([]byte, 0, 4*len(tokens))
	for _, t := range tokens {
		b = binary.LittleEndian.AppendUint32(b, uint32(t))
	}
	return b
}

// EachPicture gives the projections of all pictures of a source at unit length, a batch of
// them at a time, (n, P).
func (o *CLIP) EachPicture(ctx context.Context, t Task, ps *graph.Params, src data.Source, visit func(b *data.Batch, u []float32) error) error {
	t.Batch = max(1, min(t.Batch, src.Len()))
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { o.image(t, s); return nil })
	if err != nil {
		return err
	}
	defer p.Close()
	feed := p.NewFeed()
	for b, err := range data.Sequential(src, t.Batch) {
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		t.Pixels.Apply(feed.F["x"][:len(b.Pixels)], b.Pixels) // of a last batch that is smaller, the rest is not looked at
		if err := p.Run(feed, 0); err != nil {
			return err
		}
		u, err := unitRows(p, imageTap, b.N(), o.Projection)
		if err != nil {
			return err
		}
		if err := visit(b, u); err != nil {
			return err
		}
	}
	return nil
}

// EmbedTexts gives the projections of texts at unit length, (len(texts), P).
func (o *CLIP) EmbedTexts(t Task, ps *graph.Params, texts []string) ([]float32, error) {
	tokens := make([][]int32, len(texts))
	for i, text := range texts {
		tokens[i] = make([]int32, t.Spec.Captions.Length)
		if err := t.Spec.Captions.Encode(tokens[i], text); err != nil {
			return nil, fmt.Errorf("%q %w", text, err)
		}
	}
	return o.embedTokens(t, ps, tokens)
}

// embedTokens gives the projections of captions, (T) each, at unit length, (n, P).
func (o *CLIP) embedTokens(t Task, ps *graph.Params, captions [][]int32) ([]float32, error) {
	t.Batch = max(1, min(t.Batch, len(captions)))
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { o.text(t, s); return nil })
	if err != nil {
		return nil, err
	}
	defer p.Close()
	feed := p.NewFeed()
	in, length := feed.I["caption"], t.Spec.Captions.Length
	var out []float32
	for part := range slices.Chunk(captions, t.Batch) {
		for i := range t.Batch {
			for j, w := range part[min(i, len(part)-1)] { // of a last part that is smaller, the rest is not looked at
				in[i*length+j] = int(w)
			}
		}
		if err := p.Run(feed, 0); err != nil {
			return nil, err
		}
		u, err := unitRows(p, textTap, len(part), o.Projection)
		if err != nil {
			return nil, err
		}
		out = append(out, u...)
	}
	return out, nil
}

// unitRows are the first n rows of an activation, at unit length.
func unitRows(p *graph.Program, tap string, n, d int) ([]float32, error) {
	v, ok := p.Tap(tap)
	if !ok || len(v.Data) < n*d {
		return nil, fmt.Errorf("the program gives no %s", tap)
	}
	u := slices.Clone(v.Data[:n*d])
	for row := range slices.Chunk(u, d) {
		unitLength(row)
	}
	return u, nil
}

// unitLength brings a row to length 1; one of zeros stays.
func unitLength(row []float32) {
	if l := math.Sqrt(vec.Dot(row, row)); l > 0 {
		for i := range row {
			row[i] = float32(float64(row[i]) / l)
		}
	}
}

// recallAt are the numbers of answers that a search may give.
var recallAt = []int{1, 5}

// retrieval is the share of pictures among whose nearest captions is one of their own, and
// the same the other way. Pictures with the same pixels count as one, and so do equal
// captions: then each has all the partners that it has anywhere.
func (c *clipTest) retrieval() []Figure {
	var pictures []int // the first of each
	at := make([]int, len(c.alike))
	for i, first := range c.alike {
		if first == i {
			at[i] = len(pictures)
			pictures = append(pictures, i)
		}
	}
	n, m := len(pictures), len(c.tokens)
	ofPicture, ofText := make([][]int, n), make([][]int, m)
	images := make([]float32, 0, n*c.p)
	for _, i := range pictures {
		images = append(images, c.images[i*c.p:(i+1)*c.p]...)
	}
	for i, text := range c.says {
		picture := at[c.alike[i]]
		if !slices.Contains(ofPicture[picture], text) {
			ofPicture[picture] = append(ofPicture[picture], text)
			ofText[text] = append(ofText[text], picture)
		}
	}
	figures := recall("image to text", fmt.Sprintf("of %d test pictures, among %d different captions", n, m), images, c.texts, c.p, ofPicture)
	return append(figures, recall("text to image", fmt.Sprintf("of %d different captions, among %d test pictures", m, n), c.texts, images, c.p, ofText)...)
}

// recall is the share of the queries, (n, d), of whose own keys one is among the nearest
// ones. Of equal keys another's comes first, so that a model that tells nothing apart
// finds nothing.
func recall(name, note string, queries, keys []float32, d int, own [][]int) []Figure {
	n, m := len(queries)/d, len(keys)/d
	before := make([]int, n) // keys that come before the first of its own
	const rows = 256
	scores := make([]float32, rows*m)
	for from := 0; from < n; from += rows {
		count := min(rows, n-from)
		blas.Gemm(false, true, count, m, d, queries[from*d:], d, keys, d, scores, m, false)
		par.For(count, 8, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				row, mine := scores[i*m:(i+1)*m], own[from+i]
				best := float32(math.Inf(-1))
				for _, k := range mine {
					best = max(best, row[k])
				}
				above := 0
				for _, v := range row {
					if v >= best {
						above++
					}
				}
				for _, k := range mine {
					if row[k] >= best {
						above--
					}
				}
				before[from+i] = above
			}
		})
	}
	chance := 0.0
	for _, mine := range own {
		chance += float64(len(mine)) / float64(m) / float64(n)
	}
	var figures []Figure
	for _, k := range recallAt {
		hits := 0
		for _, b := range before {
			if b < k {
				hits++
			}
		}
		figures = append(figures, Figure{Name: fmt.Sprintf("%s recall@%d", name, k), Value: float64(hits) / float64(n), Better: "higher",
			Note: fmt.Sprintf("%s; by chance %.2g %% at 1", note, 100*chance)})
	}
	return figures
}

// nearest are the n keys with the largest products with a query, (d), the first of equal
// ones first, and these products.
func nearest(query, keys []float32, d, n int) (at []int, cosine []float32) {
	m := len(keys) / d
	scores := make([]float32, m)
	blas.Gemm(false, true, 1, m, d, query, d, keys, d, scores, m, false)
	order := make([]int, m)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(scores[b], scores[a]) })
	for _, i := range order[:min(n, m)] {
		at, cosine = append(at, i), append(cosine, scores[i])
	}
	return at, cosine
}
