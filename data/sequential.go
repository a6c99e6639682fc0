package data

import (
	"fmt"
	"iter"
	"runtime"
	"sync"
)

// Sequential walks once through src in its own order, for evaluation: every
// example is there exactly once, and the last batch may be smaller. The Batch
// and its memory are used again for the next one. After an error, which names
// the example, the walk ends.
func Sequential(src Source, batch int) iter.Seq2[*Batch, error] {
	return func(yield func(*Batch, error) bool) {
		if batch < 1 {
			yield(nil, fmt.Errorf("batch: is %d, want at least 1", batch))
			return
		}
		n := src.Len()
		full := newBatch(src.Spec(), min(batch, n))
		readers := make([]Example, runtime.GOMAXPROCS(0))
		errs := make([]error, len(readers))
		for at := 0; at < n; at += batch {
			b := full.first(min(batch, n-at))
			b.Step = at / batch
			for i := range b.Index {
				b.Index[i] = at + i
			}
			// Examples may have to be decoded, so every thread takes a part.
			var wg sync.WaitGroup
			part := (b.N() + len(readers) - 1) / len(readers)
			for w := range readers {
				wg.Go(func() {
					errs[w] = nil
					for i := w * part; i < min((w+1)*part, b.N()) && errs[w] == nil; i++ {
						errs[w] = b.read(src, i, &readers[w])
					}
				})
			}
			wg.Wait()
			for _, err := range errs {
				if err != nil {
					yield(nil, err)
					return
				}
			}
			if !yield(b, nil) {
				return
			}
		}
	}
}

// first is the batch cut to its first n places.
func (b *Batch) first(n int) *Batch {
	if n == b.N() {
		return b
	}
	f := &Batch{
		Spec: b.Spec, Epoch: b.Epoch, Step: b.Step,
		Index:   b.Index[:n],
		Labels:  b.Labels[:n],
		Factors: b.Factors[:n*len(b.Spec.Factors)],
	}
	if c := b.Spec.Captions; c != nil {
		f.Caption = b.Caption[:n*c.Length]
	}
	if b.Spec.Tokens() {
		f.Tokens = b.Tokens[:n*b.Spec.Size()]
	} else {
		f.Pixels = b.Pixels[:n*b.Spec.Size()]
	}
	return f
}
