package objectives

import (
	"errors"
	"fmt"
	"math"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/draw"
	"x2vec/graph"
	"x2vec/graph/layers"
	"x2vec/graph/nets"
)

func init() {
	Register("mlm", func() Objective { return &MLM{Mask: 0.15, Hidden: 0.8, Random: 0.1} })
}

// MLM hides words of a text and asks for them back from those around them (masked
// language model; Devlin et al. 2019, arXiv:1810.04805, section 3.1). Of the words
// that are asked for, most are hidden, some replaced by any word of the vocabulary,
// and some left as they are. Which, is drawn anew at every epoch (Liu et al. 2019,
// arXiv:1907.11692, section 4.1).
//
// The output layer has the vectors of the tokens for weights, and a bias of its own;
// it sees the tokens that are asked for and no others.
//
// Shapes: B examples a batch, T tokens in each, of which K are asked for; V words, D
// values of a token; lead is 1 where the encoder has a class token and 0 otherwise.
type MLM struct {
	Mask       float64 `toml:"mask"`        // share of the tokens that are asked for; at least one of an example
	Hidden     float64 `toml:"hidden"`      // share of those that are hidden
	Random     float64 `toml:"random"`      // share of those that are replaced by another word
	WholeWords bool    `toml:"whole_words"` // ask for all the tokens of a word together
	// Short is the share of the examples that are cut to fewer tokens, from 2 on, in
	// training, so that sentences are understood too (section A.2); 0 to 1.
	Short float64 `toml:"short"`
}

// Check implements Objective.
func (o *MLM) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !(o.Mask > 0 && o.Mask < 1) {
		bad("objective.mask: is %g, want a share above 0 and below 1", o.Mask)
	}
	share := func(v float64) bool { return v >= 0 && v <= 1 }
	switch {
	case !share(o.Hidden):
		bad("objective.hidden: is %g, want a share of 0 to 1", o.Hidden)
	case !share(o.Random):
		bad("objective.random: is %g, want a share of 0 to 1", o.Random)
	case o.Hidden+o.Random > 1+1e-9:
		bad("objective.random: is %g and hidden %g, more than 1 together", o.Random, o.Hidden)
	}
	if !share(o.Short) {
		bad("objective.short: is %g, want a share of 0 to 1", o.Short)
	}
	if t.Spec.Words == nil {
		bad("objective.type: mlm learns from text, and an example of %s has shape %v", t.Spec.Name, t.Spec.Shape)
		return errors.Join(errs...)
	}
	if _, ok := t.Encoder.(nets.Sequenced); !ok {
		bad(`encoder.type: mlm needs an encoder with a vector for each token, and %s has none; want "transformer"`, nets.NameOf(t.Encoder))
	} else if err := t.Encoder.Check(t.Spec.Shape); err != nil {
		errs = append(errs, err)
	}
	if o.WholeWords && t.Spec.Words.Inside == nil {
		bad("objective.whole_words: is true, but each token of %s is a word already", t.Spec.Name)
	}
	return errors.Join(errs...)
}

// asked is K for a text of n tokens.
func (o *MLM) asked(n int) int { return min(n, max(1, int(math.Round(o.Mask*float64(n))))) }

// Prepare implements Objective: "tokens", (B, T), are those of the text with the
// chosen ones hidden or replaced, "places", (B, K), where those are, and "targets",
// (B, K), what they were; -1 stands for none.
func (o *MLM) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	size, k, words := t.Spec.Size(), o.asked(t.Spec.Size()), b.Spec.Words
	spans := make([]span, 0, size)
	var r draw.Rand
	for i, index := range b.Index {
		tokens := into.I["tokens"][i*size : (i+1)*size]
		n := 0 // tokens that are there
		for j, w := range b.Tokens[i*size : (i+1)*size] {
			if tokens[j] = int(w); w >= 0 {
				n = j + 1
			}
		}
		places, targets := into.I["places"][i*k:(i+1)*k], into.I["targets"][i*k:(i+1)*k]
		r.Seed(draw.Key(t.Seed, "mlm", b.Epoch, index))
		if o.Short > 0 && b.Spec.Split == "train" && n > 2 && r.Float64() < o.Short {
			n = 2 + r.IntN(n-2)
			for j := n; j < size; j++ {
				tokens[j] = -1
			}
		}
		spans = o.words(spans[:0], words, tokens[:n])
		chosen, most := 0, o.asked(n)
		// The first spans of a random order, but for those that do not fit any more.
		for j := 0; j < len(spans) && chosen < most; j++ {
			at := j + r.IntN(len(spans)-j)
			spans[j], spans[at] = spans[at], spans[j]
			s := spans[j]
			if s.to-s.from > most-chosen {
				continue
			}
			for p := s.from; p < s.to; p++ {
				places[chosen], targets[chosen] = p, tokens[p]
				chosen++
				switch u := r.Float64(); {
				case u < o.Hidden:
					tokens[p] = words.Len() // a hidden one, by nets.Sequenced
				case u < o.Hidden+o.Random:
					tokens[p] = r.IntN(words.Len())
				}
			}
		}
		for ; chosen < k; chosen++ {
			places[chosen], targets[chosen] = 0, -1
		}
	}
	return nil
}

// A span is places from to to-1: of tokens, of lines.
type span struct{ from, to int }

// words appends the tokens that are chosen together.
func (o *MLM) words(spans []span, v *data.Vocabulary, tokens []int) []span {
	for i, w := range tokens {
		if o.WholeWords && i > 0 && v.Inside[w] {
			spans[len(spans)-1].to = i + 1
		} else {
			spans = append(spans, span{i, i + 1})
		}
	}
	return spans
}

// Build implements Objective. It taps "encoder/tokens", (B, lead+T, D), what the
// encoder makes of the places that are asked for, as "asked", (B, K, D), and
// "metric/accuracy", (); in evaluation also "encoder/code", (B, D), of the tokens as
// the encoder sees them.
func (o *MLM) Build(t Task, s *graph.Scope) *G.Node {
	k := o.asked(t.Spec.Size())
	x, table, bias := o.answers(t, s, k)                                                       // (B, K, D), (V+1, D), (V+1)
	loss, right := layers.LinearCrossEntropy(s, x, table, bias, s.Ints("targets", t.Batch, k)) // (), ()
	s.Tap("metric/accuracy", right)
	return loss
}

// answers are what the encoder makes of k places of each example, and the output
// layer.
func (o *MLM) answers(t Task, s *graph.Scope, k int) (x, table, bias *G.Node) {
	net, ok := t.Encoder.(nets.Sequenced)
	if !ok {
		s.Fail("%T has no vectors of tokens", t.Encoder)
	}
	v, enc := t.Spec.Words.Len(), s.In("encoder")
	tokens := s.Ints("tokens", t.Batch, t.Spec.Size()) // (B, T)
	x, lead := net.EncodeTokens(enc, tokens, v)        // (B, lead+T, D)
	if !s.Training() {
		net.Pool(enc, x, tokens, lead) // (B, D)
	}
	x = s.Tap("asked", layers.GatherTokens(s, x, s.Ints("places", t.Batch, k), lead)) // (B, K, D)
	return x, net.Table(enc, v), s.In(headScope).Param("bias", graph.Constant(0), v+1)
}

// headScope is where the bias of the output layer stands.
const headScope = "head"

// NewSurvey implements Surveyed: the means over the words that were asked for, of
// which the last example may have fewer, and the perplexity.
func (o *MLM) NewSurvey(Task) Survey { return &mlmSurvey{} }

type mlmSurvey struct{ loss, right, words float64 }

// Add implements Survey.
func (s *mlmSurvey) Add(p *graph.Program, _ *data.Batch, fed *graph.Feed) error {
	accuracy, ok := p.Tap("metric/accuracy")
	if !ok {
		return errors.New("the program has no accuracy")
	}
	n := 0.0
	for _, t := range fed.I["targets"] {
		if t >= 0 {
			n++
		}
	}
	s.loss += n * float64(p.Loss())
	s.right += n * float64(accuracy.Data[0])
	s.words += n
	return nil
}

// Figures implements Survey.
func (s *mlmSurvey) Figures() []Figure {
	note := fmt.Sprintf("of the %.0f words of the test examples that were asked for", s.words)
	return []Figure{
		{"masked cross-entropy", s.loss / s.words, "lower", note},
		{"perplexity", math.Exp(s.loss / s.words), "lower", note},
		{"masked accuracy", s.right / s.words, "higher", note},
	}
}

var _ Surveyed = (*MLM)(nil)
