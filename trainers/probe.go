package trainers

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/ops/blas"
	"x2vec/objectives"
	"x2vec/trainers/eval"
)

// ProbeOptions say how an encoder is probed.
type ProbeOptions struct {
	Tap       string
	Whole     bool // see Extraction
	Target    data.Target
	Labels    LabelCount
	Seeds     int // the protocol is gone through with seeds 0 to Seeds-1
	KNN       eval.KNN
	SGD       bool   // fit the linear model by gradient steps, as the papers do
	Baselines bool   // raw pixels, PCA and an untrained net beside the encoder
	Cache     string // folder in which codes are kept
	Say       func(format string, args ...any)
}

// heldOut is the share of the training codes by which a penalty is chosen.
const heldOut = 0.2

// A ProbeRow is what one kind of code reached.
type ProbeRow struct {
	Name   string    `json:"name"`   // "encoder", "pixels", "pca", "untrained"
	Method string    `json:"method"` // "linear" or "knn"
	Size   int       `json:"size"`   // values of a code
	Scores []float64 `json:"scores"` // by seed
	Mean   float64   `json:"mean"`
	Half   float64   `json:"half_of_95"` // half the width of the 95 % interval over seeds; 0 for one seed
	L2     []float64 `json:"l2,omitempty"`
	// Unconverged counts the fits that ended by their number of iterations.
	Unconverged int `json:"unconverged,omitempty"`
}

// A ProbeReport is what a probe found, and how.
type ProbeReport struct {
	Data       string     `json:"data"`
	Layer      string     `json:"layer"`
	Score      string     `json:"score"`
	Classes    []string   `json:"classes"`
	Labels     string     `json:"labels"`
	Train      int        `json:"train"` // examples whose labels were used
	Test       int        `json:"test"`
	Seeds      int        `json:"seeds"`
	Pretrained bool       `json:"pretrained"` // false where the weights are those of the start
	Before     string     `json:"encoder_sha256_before"`
	After      string     `json:"encoder_sha256_after"`
	Doubles    int        `json:"train_examples_left_out"` // as they are test examples too
	Rows       []ProbeRow `json:"rows"`
	Skipped    []string   `json:"skipped,omitempty"`
	Protocol   []string   `json:"protocol"`
}

// Probe judges a frozen encoder by what simple methods read out of its codes of
// examples that it was not asked about before: a linear model, whose penalty is chosen
// on held-out training examples, and nearest neighbours. No example of the test set
// takes part in training: those that are in both sets are left out of it.
func Probe(ctx context.Context, task objectives.Task, ps *graph.Params, train, test data.Source, o ProbeOptions) (*ProbeReport, error) {
	p := &prober{ProbeOptions: o, ctx: ctx, task: task, train: train, test: test}
	r := &ProbeReport{Data: train.Spec().Name, Layer: o.Tap, Score: eval.ScoreName(o.Target.Kind), Classes: o.Target.Names,
		Labels: o.Labels.String(), Seeds: o.Seeds, Before: HashOf(ps)}
	var err error
	if r.Pretrained, err = Pretrained(task, ps); err != nil {
		return nil, err
	}
	p.r = r
	if err := p.encoder(ps); err != nil {
		return nil, err
	}
	if o.Baselines {
		if err := p.pixels(); err != nil {
			return nil, err
		}
		if err := p.untrained(); err != nil {
			return nil, err
		}
	}
	if r.After = HashOf(ps); r.After != r.Before {
		return nil, fmt.Errorf("the encoder changed while it was probed: its SHA-256 was %.12s… and is %.12s…", r.Before, r.After)
	}
	r.Protocol = p.protocol()
	return r, nil
}

type prober struct {
	ProbeOptions
	ctx         context.Context
	task        objectives.Task
	train, test data.Source
	r           *ProbeReport

	size  int     // values of a code of the encoder
	clean []int   // training examples that are not in the test set
	parts [][]int // of clean, by seed: those whose labels are used
}

func (p *prober) extraction(ps *graph.Params) Extraction {
	return Extraction{Task: p.task, Params: ps, Tap: p.Tap, Whole: p.Whole, Target: p.Target, Dir: p.Cache}
}

// both takes the codes of both sets, those of the training set without doubles.
func (p *prober) both(e Extraction) (train, test eval.Features, err error) {
	a, b, err := e.both(p.ctx, p.train, p.test)
	if err != nil {
		return train, test, err
	}
	if p.clean == nil {
		if err := p.split(a, b); err != nil {
			return train, test, err
		}
	}
	if len(p.clean) == a.N() {
		return a.Features, b.Features, nil
	}
	return a.Pick(p.clean), b.Features, nil
}

// split finds the examples that may be trained on, and draws those whose labels are.
func (p *prober) split(train, test *Codes) error {
	var labels []int
	if p.clean, labels = unseen(p.task, train, test); len(p.clean) == 0 {
		return data.ErrAllSeen
	}
	p.r.Doubles = train.N() - len(p.clean)
	for seed := range p.Seeds {
		part := p.Labels.Part(uint64(seed)).Draw(labels)
		if len(part) == 0 {
			return errors.New("no training example has a label")
		}
		p.parts = append(p.parts, part)
	}
	p.r.Train, p.r.Test = len(p.parts[0]), test.N()
	if test.Labels != nil {
		p.r.Test = test.Features.Labelled().N()
	}
	return nil
}

// unseen are the training examples whose bytes are not in the test set, which may be
// trained on, and the labels that they are drawn by: all one where no class is asked for.
func unseen(task objectives.Task, train, test *Codes) (clean, labels []int) {
	in := map[uint64]bool{}
	if !task.Spec.Tokens() || task.Spec.Texts {
		for _, s := range test.Sums {
			in[s] = s != 0
		}
	}
	for i, s := range train.Sums {
		if in[s] {
			continue
		}
		label := 0
		if train.Labels != nil {
			label = train.Labels[i]
		}
		clean, labels = append(clean, i), append(labels, label)
	}
	return clean, labels
}

// use is the part of the training codes of a seed.
func (p *prober) use(train eval.Features, seed int) eval.Features {
	if len(p.parts[seed]) == train.N() {
		return train
	}
	return train.Pick(p.parts[seed])
}

// linear goes through the protocol with codes that are standardised.
func (p *prober) linear(row *ProbeRow, train, test eval.Features, seed int) error {
	if err := p.ctx.Err(); err != nil {
		return context.Cause(p.ctx)
	}
	got, err := p.probe(seed).Run(p.ctx, p.use(train, seed), test)
	if err != nil {
		return err
	}
	row.Scores = append(row.Scores, got.Score)
	if p.SGD {
		p.Say("%s, seed %d: linear %s %.4f", row.Name, seed, p.r.Score, got.Score)
		return nil
	}
	row.L2 = append(row.L2, got.L2)
	if !got.Converged {
		row.Unconverged++
	}
	p.Say("%s, seed %d: linear %s %.4f, penalty %g", row.Name, seed, p.r.Score, got.Score, got.L2)
	return nil
}

// vote scores nearest neighbours, of which there may be fewer than are asked for.
func (o ProbeOptions) vote(ctx context.Context, train, test eval.Features) (float64, error) {
	knn := o.KNN
	if o.Target.Kind == data.Class {
		train = train.Labelled()
	}
	knn.K = min(knn.K, train.N())
	return knn.Score(ctx, o.Target.Kind, train, test)
}

// probe is the linear model of a seed.
func (o ProbeOptions) probe(seed int) eval.Probe {
	p := eval.Probe{Kind: o.Target.Kind, HeldOut: heldOut, Seed: uint64(seed)}
	if o.SGD {
		p.SGD = &eval.PaperSGD
	}
	return p
}

func (p *prober) add(row ProbeRow) {
	row.Mean, row.Half = eval.Interval(row.Scores)
	p.r.Rows = append(p.r.Rows, row)
}

func (p *prober) encoder(ps *graph.Params) error {
	train, test, err := p.both(p.extraction(ps))
	if err != nil {
		return err
	}
	p.size = train.D
	row := ProbeRow{Name: "encoder", Method: "knn", Size: train.D}
	for seed := range p.Seeds {
		part := p.use(train, seed)
		score, err := p.vote(p.ctx, part, test)
		if err != nil {
			return err
		}
		row.Scores = append(row.Scores, score)
		if len(part.X) == len(train.X) { // every seed would find the same
			break
		}
	}
	p.add(row)
	row = ProbeRow{Name: "encoder", Method: "linear", Size: train.D}
	if err := eval.Standardize(train, test); err != nil {
		return err
	}
	for seed := range p.Seeds {
		if err := p.linear(&row, train, test, seed); err != nil {
			return err
		}
	}
	p.add(row)
	return nil
}

// maxPixels bounds the codes that are raw pixels, in bytes.
const maxPixels = 3 << 29

func (p *prober) pixels() error {
	spec := p.train.Spec()
	if spec.Tokens() {
		p.r.Skipped = append(p.r.Skipped, fmt.Sprintf("pixels and pca: %v", errNoValues))
		return nil
	}
	if size := int64(spec.Size()) * int64(p.train.Len()) * 4; size > maxPixels {
		p.r.Skipped = append(p.r.Skipped, fmt.Sprintf("pixels and pca: %d examples of %d pixels take %d MB", p.train.Len(), spec.Size(), size>>20))
		return nil
	}
	train, test, err := p.both(p.extraction(nil))
	if err != nil {
		return err
	}
	if err := p.pca(train, test); err != nil {
		return err
	}
	if err := eval.Standardize(train, test); err != nil {
		return err
	}
	row := ProbeRow{Name: "pixels", Method: "linear", Size: train.D}
	for seed := range p.Seeds {
		if err := p.linear(&row, train, test, seed); err != nil {
			return err
		}
	}
	p.add(row)
	return nil
}

var errNoValues = errors.New("the examples are numbers of words or codes, and no values")

// pcaOf projects both sets on the first principal components of the training set, k of
// them or as many as there are.
func pcaOf(train, test eval.Features, k int) (a, b eval.Features, err error) {
	g := objectives.NewGram(train.D)
	g.Add(train.X)
	found, err := objectives.NewPrincipal(g.Mean(), g.Covariance(), min(k, train.D))
	if err != nil {
		return a, b, err
	}
	return project(train, found.Directions), project(test, found.Directions), nil
}

// maxPCA bounds the values of an example of which principal components are taken.
const maxPCA = 4096

// pca probes the principal components of the pixels, as many as a code has values.
func (p *prober) pca(train, test eval.Features) error {
	k := min(p.size, train.D)
	if train.D > maxPCA {
		p.r.Skipped = append(p.r.Skipped, fmt.Sprintf("pca: an example has %d values, more than %d", train.D, maxPCA))
		return nil
	}
	a, b, err := pcaOf(train, test, k)
	if err != nil {
		return err
	}
	if err := eval.Standardize(a, b); err != nil {
		return err
	}
	row := ProbeRow{Name: "pca", Method: "linear", Size: k}
	for seed := range p.Seeds {
		if err := p.linear(&row, a, b, seed); err != nil {
			return err
		}
	}
	p.add(row)
	return nil
}

// project gives the components of codes along the rows of directions, (K, D).
func project(f eval.Features, directions *mat.Dense) eval.Features {
	k, d := directions.Dims()
	w := make([]float32, k*d)
	for i := range k {
		for j, v := range directions.RawRowView(i) {
			w[i*d+j] = float32(v)
		}
	}
	g := f
	g.X, g.D = make([]float32, f.N()*k), k
	blas.Gemm(false, true, f.N(), k, d, f.X, d, w, d, g.X, k, false)
	return g
}

// untrained probes the same net with other weights of the start for each seed.
func (p *prober) untrained() error {
	row := ProbeRow{Name: "untrained", Method: "linear", Size: p.size}
	for seed := range p.Seeds {
		ps, err := Untrained(p.task, p.task.Seed+1+uint64(seed))
		if err != nil {
			return err
		}
		train, test, err := p.both(p.extraction(ps))
		if err != nil {
			return err
		}
		if err := eval.Standardize(train, test); err != nil {
			return err
		}
		if err := p.linear(&row, train, test, seed); err != nil {
			return err
		}
	}
	p.add(row)
	return nil
}

// DefaultKNN are the neighbours where nothing else is asked for.
var DefaultKNN = eval.KNN{K: 20, Temperature: 0.07}

// Check says what is wrong with the options.
func (o ProbeOptions) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if o.Seeds < 1 || o.Seeds > 1000 {
		bad("seeds: is %d, want 1 to 1000", o.Seeds)
	}
	if o.KNN.K < 1 {
		bad("knn-k: is %d, want at least 1", o.KNN.K)
	}
	if !(o.KNN.Temperature >= 0) || math.IsInf(o.KNN.Temperature, 0) {
		bad("knn-temperature: is %g, want 0 (one vote each) or more", o.KNN.Temperature)
	}
	return errors.Join(errs...)
}
