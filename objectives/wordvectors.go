package objectives

import (
	"fmt"

	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/graph/ops"
)

// WordVectors are those of all words of a task's vocabulary, (V, D), that an encoder
// with the parameters ps has.
func WordVectors(t Task, ps *graph.Params) (x []float32, d int, err error) {
	v := t.Spec.Words
	if v == nil {
		return nil, 0, fmt.Errorf("the examples of %s are no words", t.Spec.Name)
	}
	if p := ps.Get("encoder/" + nets.TokenTable); p != nil {
		d = p.Shape[1]
		return p.Data[:v.Len()*d], d, nil
	}
	p := ps.Get("encoder/weight")
	enc, ok := t.Encoder.(nets.Lexical)
	if !ok || p == nil || len(p.Shape) != 2 {
		return nil, 0, fmt.Errorf("%s has no vectors of words", nets.NameOf(t.Encoder))
	}
	d = p.Shape[1]
	if p.Shape[0] == v.Len() {
		return p.Data, d, nil
	}
	x = make([]float32, v.Len()*d)
	for i, w := range v.Words {
		ops.SumBag(x[i*d:(i+1)*d], p.Data, append([]int32{int32(i)}, enc.Parts(w, v)...))
	}
	return x, d, nil
}

// UnseenWord is the vector of a word that is not in the vocabulary, made of its parts;
// nil where the encoder knows none of them.
func UnseenWord(t Task, ps *graph.Params, word string) []float32 {
	p := ps.Get("encoder/weight")
	enc, ok := t.Encoder.(nets.Lexical)
	if !ok || p == nil || t.Spec.Words == nil {
		return nil
	}
	parts := enc.Parts(word, t.Spec.Words)
	if len(parts) == 0 {
		return nil
	}
	x := make([]float32, p.Shape[1])
	ops.SumBag(x, p.Data, parts)
	return x
}
