package eval

import (
	"context"
	"errors"
	"testing"

	"x2vec/data"
)

// Whatever takes long leaves soon after its context ends, with the cause.
func TestEnds(t *testing.T) {
	why := errors.New("enough")
	train, test := clusters(1, 3000, 40, 5, 0.1), clusters(2, 3000, 40, 5, 0.1)
	made := Factored{train, []Cause{{Name: "class", Values: 5, Of: make([]float64, train.N())}}}
	for i, l := range train.Labels {
		made.Factors[0].Of[i] = float64(l)
	}
	for name, f := range map[string]func(ctx context.Context) error{
		"linear": func(ctx context.Context) error { _, err := LinearProbe.Fit(ctx, train); return err },
		"sgd":    func(ctx context.Context) error { _, err := PaperSGD.Fit(ctx, train); return err },
		"probe": func(ctx context.Context) error {
			_, err := Probe{Kind: data.Class, HeldOut: 0.2}.Run(ctx, train, test)
			return err
		},
		"knn":  func(ctx context.Context) error { _, err := KNN{K: 5}.Accuracy(ctx, train, test); return err },
		"code": func(ctx context.Context) error { _, _, err := Code(ctx, train, test); return err },
		"mig":  func(ctx context.Context) error { _, _, err := MIG(ctx, made); return err },
		"sap":  func(ctx context.Context) error { _, _, err := SAP(ctx, made, made); return err },
		"dci":  func(ctx context.Context) error { _, err := DCIOf(ctx, made, made); return err },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			told := 0
			ctx = WithProgress(ctx, func(p Progress) {
				if told++; told == 2 {
					cancel(why)
				}
				if p.Done < 0 || p.Done > p.Of {
					t.Errorf("%+v", p)
				}
			})
			if name == "mig" || name == "sap" { // short enough to say nothing
				cancel(why)
			}
			if err := f(ctx); !errors.Is(err, why) {
				t.Errorf("ends with %v after %d words, want %v", err, told, why)
			}
			if told > 4 {
				t.Errorf("went on for %d words", told)
			}
		})
	}
}
