package nets

import (
	"fmt"

	G "gorgonia.org/gorgonia"

	"x2vec/graph"
)

// Stacked is an encoder on top of the code of another, Base, whose weights are kept
// as they are: k-means or principal components of what was learnt before. The
// parameters of Base stand in the scope "base".
type Stacked struct {
	Base Encoder
	Top  Encoder
}

// String gives the settings of both, as %+v gives those of one.
func (e *Stacked) String() string {
	return fmt.Sprintf("%T%+v over %T%+v", e.Top, e.Top, e.Base, e.Base)
}

// Check implements Encoder.
func (e *Stacked) Check(shape []int) error {
	if err := e.Base.Check(shape); err != nil {
		return err
	}
	return e.Top.Check([]int{e.Base.CodeSize(shape)})
}

// CodeSize implements Encoder.
func (e *Stacked) CodeSize(shape []int) int { return e.Top.CodeSize([]int{e.Base.CodeSize(shape)}) }

// Under is the code of Base, (B, D).
func (e *Stacked) Under(s *graph.Scope, x *G.Node) *G.Node { return e.Base.Encode(s.In("base"), x) }

// Encode implements Encoder.
func (e *Stacked) Encode(s *graph.Scope, x *G.Node) *G.Node { return e.Top.Encode(s, e.Under(s, x)) }

var _ Encoder = (*Stacked)(nil)
