package objectives

import (
	"errors"
	"fmt"
	"math"
	"sync"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

func init() {
	Register("skipgram", func() Objective {
		return &Skipgram{Loss: "negative-sampling", Window: 5, Negatives: 5, Subsample: 1e-3, Power: 0.75, Block: 32, Shared: 64, Most: 32}
	})
}

// Skipgram asks of the vector of a word which words stand near it in a text, with a
// window of random reach, frequent words left out now and then (Mikolov et al. 2013,
// arXiv:1310.4546). A run of words is an example. How an answer is scored is Loss:
//
//	negative-sampling     the pair against others, whose words are drawn from a power of
//	                      the words' frequencies (eq. 4)
//	hierarchical-softmax  log p(context | center) by a path down a Huffman tree (eq. 3)
//	softmax               log p(context | center) over the whole vocabulary (eq. 2), for
//	                      small ones
//
// The negatives are shared by Block centers that follow each other, each counted
// Negatives/Shared times for every pair, so that the work is matrix products (Ji et
// al. 2016, arXiv:1604.04661).
//
// The first two are the sum over the pairs of a batch and not their mean, so that the
// learning rate is that of one pair, as in word2vec. All pairs of a batch move the
// vectors at once, though: with so few different words that each comes many times
// in a batch, these steps overshoot, and shorter runs or a lower rate are needed.
// At 0.025 batches of 512 words are sound for a usual text. The nodes of a tree, which
// most pairs pass, are held by Most. With softmax the loss is the mean over pairs.
//
// The vectors are encoder/weight (see nets.Embedding), those of the words as contexts,
// or of the nodes, head/weight, (V, D) or (V-1, D).
type Skipgram struct {
	Loss      string  `toml:"loss"`      // negative-sampling, hierarchical-softmax or softmax
	Window    int     `toml:"window"`    // the largest distance of a context; the reach of a center is drawn from 1 to Window
	Negatives float32 `toml:"negatives"` // per pair
	Subsample float64 `toml:"subsample"` // share of the text from which on a word is left out at times; 0 = never
	Power     float64 `toml:"power"`     // of the frequencies, for negatives; 0 to 1
	Block     int     `toml:"block"`     // centers that are taken together, and share negatives
	Shared    int     `toml:"shared"`    // negatives that they share
	Most      float32 `toml:"most"`      // pairs of a batch that a node of the tree moves for, at most; 0 = for all
	// CBOW turns the task round: the mean of the words of a window is asked for the word
	// in its middle (continuous bag of words; Mikolov et al. 2013, arXiv:1301.3781,
	// section 3.1). Rates are those of gensim's and word2vec's: 0.05 to begin with.
	CBOW bool `toml:"cbow"`

	once  sync.Once // the vocabulary of a run is one
	keep  []float32 // chance to stay, by word
	noise *draw.Alias
	tree  *ops.Tree
}

// Bounds of what a run file can ask for.
const (
	maxReach  = 1000
	maxShared = 1 << 14
	maxLogits = 1 << 28 // 1 GiB
)

const (
	negativeSampling = "negative-sampling"
	treeSoftmax      = "hierarchical-softmax"
	fullSoftmax      = "softmax"
)

// Check implements Objective.
func (o *Skipgram) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Loss != negativeSampling && o.Loss != treeSoftmax && o.Loss != fullSoftmax {
		bad("loss: is %q, want %s, %s or %s", o.Loss, negativeSampling, treeSoftmax, fullSoftmax)
	}
	if o.Window < 1 || o.Window > maxReach {
		bad("window: is %d, want 1 to %d words", o.Window, maxReach)
	}
	if !(o.Negatives > 0 && o.Negatives <= maxShared) {
		bad("negatives: is %v, want more than 0, at most %d a pair", o.Negatives, maxShared)
	}
	if !(o.Subsample >= 0 && o.Subsample <= 1) {
		bad("subsample: is %v, want 0 (keep every word) to 1", o.Subsample)
	}
	if !(o.Power >= 0 && o.Power <= 1) {
		bad("power: is %v, want 0 (all words alike) to 1 (as frequent as in the text)", o.Power)
	}
	if o.Block < 1 || o.Block > maxShared {
		bad("block: is %d, want 1 to %d", o.Block, maxShared)
	}
	if o.Shared < 1 || o.Shared > maxShared {
		bad("shared: is %d, want 1 to %d", o.Shared, maxShared)
	}
	if !(o.Most >= 0) {
		bad("most: is %v, want 0 (no bound) or more", o.Most)
	}
	if t.Spec.Words == nil {
		bad("skipgram learns from text, and an example of %s has shape %v", t.Spec.Name, t.Spec.Shape)
	} else if _, ok := t.Encoder.(nets.Lexical); !ok {
		bad("encoder: skipgram trains word vectors; give encoder.type = \"embedding\"")
	} else if err := t.Encoder.Check(t.Spec.Shape); err != nil {
		errs = append(errs, err)
	}
	if v := t.Spec.Words; len(errs) == 0 && v != nil && o.Loss == fullSoftmax {
		if n := t.Batch * t.Spec.Size() * v.Len(); n > maxLogits {
			bad("loss: a softmax over %d words for the %d words of a batch takes %d values, want at most %d; a smaller vocabulary or batch, shorter examples, or %s",
				v.Len(), t.Batch*t.Spec.Size(), n, maxLogits, negativeSampling)
		}
	}
	return errors.Join(errs...)
}

// tables readies what depends on the vocabulary alone.
func (o *Skipgram) tables(v *data.Vocabulary) {
	o.once.Do(func() {
		o.keep = make([]float32, v.Len())
		weights := make([]float64, v.Len())
		for i, n := range v.Counts {
			// √(s/f) + s/f, as word2vec's program has it; the paper's eq. 5 lacks the
			// second term.
			r := math.Inf(1)
			if o.Subsample > 0 {
				r = o.Subsample * float64(v.Total) / float64(n)
			}
			o.keep[i] = float32(min(1, math.Sqrt(r)+r))
			weights[i] = math.Pow(float64(n), o.Power)
		}
		o.noise = draw.NewAlias(weights)
		if o.Loss == treeSoftmax {
			o.tree = ops.NewHuffman(v.Counts)
		}
	})
}

// blocks is how many blocks a run of words has at most.
func (o *Skipgram) blocks(t Task) int { return (t.Spec.Size() + o.Block - 1) / o.Block }

// Prepare implements Objective. It leaves frequent words out, so that those left
// stand nearer to each other, and draws windows and negatives.
func (o *Skipgram) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	o.tables(b.Spec.Words)
	if len(into.I["clean"]) > 0 {
		for i, w := range b.Tokens {
			into.I["clean"][i] = int(w)
		}
	}
	size := t.Spec.Size()
	words, reach := make([]int, 0, size), make([]int, 0, size)
	var r draw.Rand
	for i, index := range b.Index {
		r.Seed(draw.Key(t.Seed, "skipgram", b.Epoch, index))
		words, reach = words[:0], reach[:0]
		for _, w := range b.Tokens[i*size : (i+1)*size] {
			if w < 0 {
				break
			}
			if k := o.keep[w]; k >= 1 || r.Float32() < k {
				words = append(words, int(w))
				reach = append(reach, 1+r.IntN(o.Window))
			}
		}
		end := i*size + len(words)
		copy(into.I["words"][i*size:], words)
		copy(into.I["reach"][i*size:], reach)
		for j := end; j < (i+1)*size; j++ {
			into.I["words"][j], into.I["reach"][j] = -1, 0
		}
		if o.Loss != negativeSampling {
			continue
		}
		per := o.blocks(t) * o.Shared
		shared := into.I["negatives"][i*per : (i+1)*per]
		used := (len(words) + o.Block - 1) / o.Block * o.Shared
		for j := range used {
			shared[j] = o.noise.Draw(&r)
		}
		clear(shared[used:])
	}
	return nil
}

// Build implements Objective.
func (o *Skipgram) Build(t Task, s *graph.Scope) *G.Node {
	v, size := t.Spec.Words, t.Spec.Size()
	enc, ok := t.Encoder.(nets.Lexical)
	if !ok {
		s.Fail("%T has no word vectors", t.Encoder)
	}
	o.tables(v)
	if !s.Training() {
		enc.EncodeWords(s.In("encoder"), s.Ints("clean", t.Batch, size), v) // (B, D)
	}
	in, bags := enc.Vectors(s.In("encoder"), v) // (V, D), or more rows with bags
	d := in.Shape()[1]
	head := func(rows int) *G.Node { return s.In(headScope).Param("weight", graph.Constant(0), rows, d) }
	words := s.Ints("words", t.Batch, size) // (B, T)
	reach := s.Ints("reach", t.Batch, size) // (B, T)
	pairs := ops.Windows{Block: o.Block, Window: o.Window, CBOW: o.CBOW, Bags: bags}
	switch o.Loss {
	case fullSoftmax:
		pairs.Mean = true
		return s.Apply(&ops.FullSoftmax{Windows: pairs}, in, head(v.Len()), words, reach) // ()
	case treeSoftmax:
		k := &ops.HierarchicalSoftmax{Windows: pairs, Tree: o.tree, Most: o.Most}
		return s.Apply(k, in, head(v.Len()-1), words, reach) // ()
	}
	negatives := s.Ints("negatives", t.Batch*o.blocks(t), o.Shared) // (B·⌈T/Block⌉, N)
	k := &ops.NegativeSampling{Windows: pairs, K: o.Negatives}
	return s.Apply(k, in, head(v.Len()), words, reach, negatives) // ()
}
