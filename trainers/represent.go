package trainers

import (
	"context"
	"fmt"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers/eval"
)

// RepresentOptions say by what codes are measured.
type RepresentOptions struct {
	Tap    string
	Whole  bool // see Extraction
	Target *data.Target
	// Made are examples whose factors are known, for training and testing; nil = none.
	MadeTrain, MadeTest data.Source
	Baselines           bool   // the same net untrained, raw pixels and PCA beside the encoder
	Cache               string // folder in which codes are kept
	Say                 func(format string, args ...any)
}

// A Representation is what was measured of codes: how compact they are, whether they
// are sufficient, how far they are disentangled.
type Representation struct {
	Data       string        `json:"data"`
	Made       string        `json:"factors_of"` // the data whose factors are known
	Layer      string        `json:"layer"`
	Score      string        `json:"score"`
	Train      int           `json:"train"`
	Test       int           `json:"test"`
	Pretrained bool          `json:"pretrained"`
	SHA256     string        `json:"encoder_sha256"`
	Columns    []Represented `json:"columns"`
	Skipped    []string      `json:"skipped,omitempty"`
}

// Represented is what was measured of one kind of codes; what is nil was not.
type Represented struct {
	Name           string            `json:"name"` // "encoder", "untrained", "pixels", "pca"
	Compact        *eval.Compactness `json:"compactness,omitempty"`
	Linear         *float64          `json:"linear_probe,omitempty"`
	Reconstruction *float64          `json:"linear_reconstruction,omitempty"`
	Factors        *Disentangled     `json:"disentanglement,omitempty"`
}

// Disentangled is how far the factors of examples stand apart in their codes.
type Disentangled struct {
	MIG     float64    `json:"mig"`
	MIGGaps []eval.Gap `json:"mig_by_factor"`
	SAP     float64    `json:"sap"`
	SAPGaps []eval.Gap `json:"sap_by_factor"`
	eval.DCI
}

// The examples whose factors are known, as many as in Locatello et al. 2019
// (arXiv:1811.12359).
const (
	madeTrain = 10_000
	madeTest  = 5_000
)

// represent is a measuring at work.
type represent struct {
	RepresentOptions
	ctx         context.Context
	task        objectives.Task
	train, test data.Source
	r           *Representation
}

// Represent measures the codes of a frozen encoder. No training example whose bytes are
// in the test set takes part.
func Represent(ctx context.Context, task objectives.Task, ps *graph.Params, train, test data.Source, o RepresentOptions) (*Representation, error) {
	r := &Representation{Data: train.Spec().Name, Layer: o.Tap, Test: test.Len(), SHA256: HashOf(ps)}
	var err error
	if train, err = data.Unseen(train, test); err != nil {
		return nil, err
	}
	r.Train = train.Len()
	if r.Pretrained, err = Pretrained(task, ps); err != nil {
		return nil, err
	}
	if o.Target != nil {
		r.Score = eval.ScoreName(o.Target.Kind)
	}
	m := &represent{RepresentOptions: o, ctx: ctx, task: task, train: train, test: test, r: r}
	if o.MadeTrain != nil {
		r.Made = o.MadeTrain.Spec().Name
		if m.MadeTrain, err = data.Limit(o.MadeTrain, madeTrain, 0); err != nil {
			return nil, err
		}
		if m.MadeTest, err = data.Limit(o.MadeTest, madeTest, 0); err != nil {
			return nil, err
		}
	}
	size, err := m.column("encoder", ps)
	if err != nil {
		return nil, err
	}
	if !o.Baselines {
		return r, nil
	}
	fresh, err := Untrained(task, task.Seed+1)
	if err != nil {
		return nil, err
	}
	if _, err := m.column("untrained", fresh); err != nil {
		return nil, err
	}
	return r, m.pixels(size)
}

func (m *represent) extraction(ps *graph.Params) Extraction {
	e := Extraction{Task: m.task, Params: ps, Tap: m.Tap, Whole: m.Whole, Target: data.Target{Kind: data.Class}, Dir: m.Cache}
	if m.Target != nil {
		e.Target = *m.Target
	}
	return e
}

func (m *represent) both(ps *graph.Params) (train, test eval.Features, err error) {
	a, b, err := m.extraction(ps).both(m.ctx, m.train, m.test)
	if err != nil {
		return train, test, err
	}
	return a.Features, b.Features, nil
}

func (m *represent) skip(what string, err error) {
	m.r.Skipped = append(m.r.Skipped, fmt.Sprintf("%s: %v", what, err))
}

// column measures the codes that one set of weights makes, and gives their size.
func (m *represent) column(name string, ps *graph.Params) (int, error) {
	c := Represented{Name: name}
	m.Say("%s: taking codes", name)
	train, test, err := m.both(ps)
	if err != nil {
		return 0, err
	}
	if c.Compact, err = eval.CompactnessOf(test); err != nil {
		m.skip("compactness of "+name, err)
	}
	if pixels, testPixels, ok, err := m.raw(); err != nil {
		return 0, err
	} else if ok {
		share, err := eval.Reconstruction(train, pixels, test, testPixels)
		if err != nil {
			m.skip("reconstruction by "+name, err)
		} else {
			c.Reconstruction = &share
		}
	}
	if err := m.linear(&c, train, test); err != nil {
		return 0, err
	}
	if m.MadeTrain != nil {
		m.Say("%s: factors of %s", name, m.r.Made)
		if err := m.factors(&c, ps); err != nil {
			return 0, err
		}
	}
	m.r.Columns = append(m.r.Columns, c)
	return train.D, nil
}

// linear probes codes, which are standardised by it.
func (m *represent) linear(c *Represented, train, test eval.Features) error {
	if m.Target == nil {
		return nil
	}
	if err := eval.Standardize(train, test); err != nil {
		return err
	}
	got, err := eval.Probe{Kind: m.Target.Kind, HeldOut: heldOut}.Run(m.ctx, train, test)
	if m.ctx.Err() != nil {
		return context.Cause(m.ctx)
	}
	if err != nil {
		m.skip("linear probe of "+c.Name, err)
		return nil
	}
	c.Linear = &got.Score
	return nil
}

// raw are the pixels of both sets, where they are not too many.
func (m *represent) raw() (train, test eval.Features, ok bool, err error) {
	spec := m.train.Spec()
	if spec.Tokens() || spec.Size() > maxPCA || int64(spec.Size())*int64(m.train.Len()+m.test.Len())*4 > maxPixels {
		return train, test, false, nil
	}
	train, test, err = m.both(nil)
	return train, test, err == nil, err
}

// pixels measures raw pixels, and as many principal components as a code has values.
func (m *represent) pixels(size int) error {
	train, test, ok, err := m.raw()
	if err != nil || !ok {
		switch spec := m.train.Spec(); {
		case err != nil:
		case spec.Tokens():
			m.skip("raw pixels and PCA", errNoValues)
		default:
			m.skip("raw pixels and PCA", fmt.Errorf("%d examples of %d values are too many", m.train.Len(), spec.Size()))
		}
		return err
	}
	pca := Represented{Name: "pca"}
	a, b, err := pcaOf(train, test, size)
	if err != nil {
		return err
	}
	share, err := eval.Reconstruction(a, train, b, test)
	if err != nil {
		m.skip("reconstruction by pca", err)
	} else {
		pca.Reconstruction = &share
	}
	if pca.Compact, err = eval.CompactnessOf(b); err != nil {
		m.skip("compactness of pca", err)
	}
	if err := m.linear(&pca, a, b); err != nil {
		return err
	}
	raw := Represented{Name: "pixels"}
	if err := m.linear(&raw, train, test); err != nil {
		return err
	}
	m.r.Columns = append(m.r.Columns, pca, raw)
	return nil
}

// factors measures how far what examples were made from stands apart in their codes.
func (m *represent) factors(c *Represented, ps *graph.Params) error {
	train, err := m.factored(ps, m.MadeTrain)
	if err != nil {
		return err
	}
	test, err := m.factored(ps, m.MadeTest)
	if err != nil {
		return err
	}
	var d Disentangled
	var dci *eval.DCI
	if d.MIG, d.MIGGaps, err = eval.MIG(m.ctx, train); err == nil {
		d.SAP, d.SAPGaps, err = eval.SAP(m.ctx, train, test)
	}
	if err == nil {
		dci, err = eval.DCIOf(m.ctx, train, test)
	}
	switch {
	case m.ctx.Err() != nil:
		return context.Cause(m.ctx)
	case err != nil:
		m.skip("disentanglement of "+c.Name, err)
	default:
		d.DCI, c.Factors = *dci, &d
	}
	return nil
}

// factored are the codes of a source with what its examples were made from.
func (m *represent) factored(ps *graph.Params, src data.Source) (eval.Factored, error) {
	e := m.extraction(ps)
	e.Target = data.Target{Kind: data.Class}
	codes, err := e.Take(m.ctx, src)
	if err != nil {
		return eval.Factored{}, err
	}
	f := eval.Factored{Features: codes.Features}
	known := src.Spec().Factors
	for _, k := range known {
		f.Factors = append(f.Factors, eval.Cause{Name: k.Name, Values: k.Values, Of: make([]float64, src.Len())})
	}
	for b, err := range data.Sequential(src, 256) {
		if err != nil {
			return f, err
		}
		for i, at := range b.Index {
			for k := range known {
				f.Factors[k].Of[at] = float64(b.Factors[i*len(known)+k])
			}
		}
	}
	return f, nil
}
