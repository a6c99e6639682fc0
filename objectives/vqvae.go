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
	"x2vec/graph/ops"
)

func init() {
	Register("vqvae", func() Objective {
		return &VQVAE{Codes: 512, Beta: 0.25, Codebook: "ema", Decay: 0.99, Epsilon: 1e-5, Spread: 0.1}
	})
}

// VQVAE is an autoencoder whose code is a grid of integers (van den Oord, Vinyals
// and Kavukcuoglu 2017, "Neural discrete representation learning",
// arXiv:1711.00937): each vector of the encoder's map is replaced by the nearest
// vector of a codebook before it is decoded. The loss is
//
//	|x − y|²/variance + |sg[z] − e|² + Beta·|z − sg[e]|²
//
// with means over all values, sg for values that get no gradient, and the variance of
// the training data. The gradient of the decoder's input is handed on to z. With
// Codebook "ema" the second term is left out and the codebook follows moving averages
// of the vectors that each code replaced (appendix A.1).
//
// Shapes: B pictures, a map z of (B, h, w, D), K codes e of D values.
type VQVAE struct {
	Codes    int     `toml:"codes"`    // K
	Beta     float64 `toml:"beta"`     // weight of the commitment of z to its code; ≥ 0
	Codebook string  `toml:"codebook"` // how the codes are learned: ema (moving averages) or loss
	Decay    float64 `toml:"decay"`    // of the moving averages; 0 ≤ decay < 1
	Epsilon  float64 `toml:"epsilon"`  // added to each code's average of uses, so that none is divided by 0
	Spread   float64 `toml:"spread"`   // standard deviation of the values of the first codebook

	// KMeans is the number of rounds of k-means that the first codebook is found by,
	// among what the untrained encoder gives for training pictures; 0: it is drawn.
	KMeans int `toml:"kmeans"`
	// Revive replaces a code by a vector of the batch when the moving average of its
	// uses in a batch falls below this (Dhariwal et al. 2020, "Jukebox",
	// arXiv:2005.00341, section 3.1); 0: codes that nothing uses stay.
	Revive float64 `toml:"revive"`
}

// The arrays of the codebook: the codes, (K, D); moving averages of how often each
// replaces a vector of a batch, (K), and of the sum of these vectors, (K, D); the
// number of batches seen, (1). The variance of the training data is an array too, (1).
const (
	codebookPath = "codebook/weight"
	usesPath     = "codebook/uses"
	sumsPath     = "codebook/sums"
	batchesPath  = "codebook/batches"
	variancePath = "data/variance"
)

// Taps besides CodesTap: how often each code occurs in a batch, (K); the map,
// (B, h, w, D); the sums of its vectors by code, (K, D).
const (
	countsTap = "codebook/count"
	mapTap    = "codebook/map"
	totalsTap = "codebook/total"
)

// maxCodes bounds K.
const maxCodes = 1 << 16

// Check implements Objective.
func (o *VQVAE) Check(t Task) error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("objective."+format, args...)) }
	if o.Codes < 2 || o.Codes > maxCodes {
		bad("codes: is %d, want 2 to %d", o.Codes, maxCodes)
	}
	if !(o.Beta >= 0 && o.Beta <= 1e6) { // false for NaN too
		bad("beta: is %g, want at least 0", o.Beta)
	}
	if o.Codebook != "ema" && o.Codebook != "loss" {
		bad("codebook: is %q, want ema or loss", o.Codebook)
	}
	if !(o.Decay >= 0 && o.Decay < 1) {
		bad("decay: is %g, want at least 0 and less than 1", o.Decay)
	}
	if !(o.Epsilon > 0 && o.Epsilon <= 1) {
		bad("epsilon: is %g, want a small number above 0", o.Epsilon)
	}
	if !(o.Spread > 0 && o.Spread <= 1e6) {
		bad("spread: is %g, want a standard deviation above 0", o.Spread)
	}
	if o.KMeans < 0 || o.KMeans > 1000 {
		bad("kmeans: is %d, want 0 (a drawn codebook) to 1000 rounds", o.KMeans)
	}
	if !(o.Revive >= 0 && o.Revive <= 1e6) {
		bad("revive: is %g, want 0 (never) or more uses in a batch", o.Revive)
	}
	if !t.Spec.Image() {
		bad("type: vqvae needs pictures, and an example of %s has the shape %v", t.Spec.Name, t.Spec.Shape)
		return errors.Join(errs...)
	}
	if t.Encoder == nil {
		return errors.Join(errs...)
	}
	net, ok := t.Encoder.(nets.MirroredMap)
	if !ok {
		bad(`type: vqvae needs an encoder whose map can be turned back into a picture, and %s has no such decoder; want residual, or conv with code = 0`, nets.NameOf(t.Encoder))
		return errors.Join(errs...)
	}
	if err := net.Check(t.Spec.Shape); err != nil {
		return errors.Join(append(errs, err)...)
	}
	if _, _, _, ok := net.MapSize(t.Spec.Shape); !ok {
		bad("type: vqvae replaces the vectors of the encoder's map, but its code is made of that map by further weights; want code = 0")
	}
	return errors.Join(errs...)
}

// averages reports whether the codebook, or what is known of it, follows the batches.
func (o *VQVAE) averages() bool { return o.Codebook == "ema" || o.Revive > 0 }

// Prepare implements Objective: "x" is the batch, (B, C, H, W).
func (o *VQVAE) Prepare(t Task, b *data.Batch, into *graph.Feed) error {
	t.Pixels.Apply(into.F["x"], b.Pixels)
	return nil
}

// Build implements Objective. It taps "reconstruction", (B, C, H, W), "codes",
// (B, h, w), and of the metrics the error over the variance and the perplexity of the
// batch's codes.
func (o *VQVAE) Build(t Task, s *graph.Scope) *G.Node {
	net := o.net(t, s)
	x := s.Input("x", append([]int{t.Batch}, t.Spec.Shape...)...)                             // (B, C, H, W)
	z, book, codes := o.encode(t, s, x)                                                       // (B, h, w, D), (K, D), (B, h, w)
	q := layers.Map{N: s.Apply(&ops.Quantize{}, z.N, book, codes)}                            // (B, h, w, D)
	y := s.Tap("reconstruction", net.DecodeMap(s.In("decoder"), q, t.Spec.Shape))             // (B, C, H, W)
	trained := o.Codebook == "loss"                                                           //
	pull := s.Apply(&ops.CodeLoss{Beta: float32(o.Beta), Trained: trained}, z.N, book, codes) // ()

	counts := s.Tap(countsTap, s.Apply(&ops.CountCodes{Codes: o.Codes}, codes)) // (K)
	s.Tap("metric/batch perplexity", s.Apply(&ops.Perplexity{}, counts))        // ()
	if s.Training() && o.averages() {
		s.Tap(mapTap, z.N)
		s.Tap(totalsTap, s.Apply(&ops.SumByCode{Codes: o.Codes}, z.N, codes)) // (K, D)
	}
	variance := s.Buffer(variancePath, graph.Constant(1), 1)
	e := s.Tap("metric/error over variance", s.Apply(&ops.Over{}, layers.MSE(s, y, x), variance)) // ()
	return layers.WeightedSum(s, []float32{1, 1}, e, pull)                                        // ()
}

// encode gives the map of pictures x, (B, h, w, D), the codebook, (K, D), and the
// nearest codes, (B, h, w), which it taps.
func (o *VQVAE) encode(t Task, s *graph.Scope, x *G.Node) (z layers.Map, book, codes *G.Node) {
	z = o.net(t, s).EncodeMap(s.In("encoder"), x)
	book = o.codebook(s, z.Channels())
	return z, book, s.Tap(CodesTap, s.Apply(&ops.Nearest{}, z.N, book))
}

// CodeGrid implements Discrete.
func (o *VQVAE) CodeGrid(t Task) (h, w, codes int) {
	h, w, _, _ = o.mapSize(t)
	return h, w, o.Codes
}

// EncodeCodes implements Discrete.
func (o *VQVAE) EncodeCodes(t Task, s *graph.Scope) {
	o.encode(t, s, s.Input("x", append([]int{t.Batch}, t.Spec.Shape...)...))
}

// DecodeCodes implements Discrete.
func (o *VQVAE) DecodeCodes(t Task, s *graph.Scope) {
	h, w, d, _ := o.mapSize(t)
	codes := s.Ints(CodesTap, t.Batch, h, w)                                          // (B, h, w)
	q := layers.Map{N: s.Apply(&ops.Embedding{Dense: true}, o.codebook(s, d), codes)} // (B, h, w, D)
	s.Tap("reconstruction", o.net(t, s).DecodeMap(s.In("decoder"), q, t.Spec.Shape))  // (B, C, H, W)
}

// LatentShape implements Decoding: the map before it is replaced by codes.
func (o *VQVAE) LatentShape(t Task) []int {
	h, w, d, _ := o.mapSize(t)
	return []int{h, w, d}
}

// EncodeLatent implements Decoding.
func (o *VQVAE) EncodeLatent(t Task, s *graph.Scope) {
	x := s.Input("x", append([]int{t.Batch}, t.Spec.Shape...)...) // (B, C, H, W)
	s.Tap(LatentTap, o.net(t, s).EncodeMap(s.In("encoder"), x).N) // (B, h, w, D)
}

// DecodeLatent implements Decoding: each vector of the map is replaced by its code
// first, as in training.
func (o *VQVAE) DecodeLatent(t Task, s *graph.Scope) {
	z := s.Input(LatentTap, append([]int{t.Batch}, o.LatentShape(t)...)...)          // (B, h, w, D)
	book := o.codebook(s, z.Shape()[3])                                              // (K, D)
	codes := s.Apply(&ops.Nearest{}, z, book)                                        // (B, h, w)
	q := layers.Map{N: s.Apply(&ops.Quantize{}, z, book, codes)}                     // (B, h, w, D)
	s.Tap("reconstruction", o.net(t, s).DecodeMap(s.In("decoder"), q, t.Spec.Shape)) // (B, C, H, W)
}

// mapSize is that of the encoder's map.
func (o *VQVAE) mapSize(t Task) (h, w, d int, ok bool) {
	return t.Encoder.(nets.MirroredMap).MapSize(t.Spec.Shape)
}

func (o *VQVAE) net(t Task, s *graph.Scope) nets.MirroredMap {
	net, ok := t.Encoder.(nets.MirroredMap)
	if !ok {
		s.Fail("%T has no decoder from its map", t.Encoder)
	}
	return net
}

// codebook gives the codes, (K, D), and makes what is kept about them. The averages
// begin as if each code had replaced itself once.
func (o *VQVAE) codebook(s *graph.Scope, d int) *G.Node {
	first := layers.Normal(o.Spread)
	if o.averages() {
		s.Buffer(usesPath, graph.Constant(1), o.Codes)
		s.Buffer(batchesPath, graph.Constant(0), 1)
	}
	if o.Codebook == "loss" {
		return s.Param(codebookPath, first, o.Codes, d)
	}
	book := s.Buffer(codebookPath, first, o.Codes, d)
	s.Buffer(sumsPath, copyOf(s.BufferData(codebookPath)), o.Codes, d)
	return book
}

// copyOf starts an array as another one stands.
func copyOf(from []float32) graph.Init {
	return func(_ *draw.Rand, _ []int, w []float32) { copy(w, from) }
}

// NewSurvey implements Surveyed: how many codes the test examples use, and how evenly,
// and what the decoder draws of each.
func (o *VQVAE) NewSurvey(t Task) Survey {
	return &codeSurvey{o: o, t: t, counts: make([]float64, o.Codes)}
}

// codeSurvey counts codes over an evaluation.
type codeSurvey struct {
	o      *VQVAE
	t      Task
	counts []float64
	n      int
}

// Add implements Survey.
func (v *codeSurvey) Add(p *graph.Program, b *data.Batch, _ *graph.Feed) error {
	counts, ok := p.Tap(countsTap)
	if !ok {
		return errors.New("the program counts no codes")
	}
	for i, c := range counts.Data {
		v.counts[i] += float64(c)
	}
	v.n += b.N()
	return nil
}

// Figures implements Survey.
func (v *codeSurvey) Figures() []Figure {
	used, total, entropy := 0, 0.0, 0.0
	for _, c := range v.counts {
		total += c
	}
	for _, c := range v.counts {
		if c > 0 {
			used++
			entropy -= c / total * math.Log(c/total)
		}
	}
	return []Figure{
		{"codes in use", float64(used) / float64(len(v.counts)), "higher",
			fmt.Sprintf("%d of %d occur in %d test examples", used, len(v.counts), v.n)},
		{"perplexity of the codes", math.Exp(entropy), "higher", fmt.Sprintf("over %d test examples together; %d if all occurred as often", v.n, len(v.counts))},
	}
}

var (
	_ Starter    = (*VQVAE)(nil)
	_ AfterStep  = (*VQVAE)(nil)
	_ Surveyed   = (*VQVAE)(nil)
	_ Pictured   = (*VQVAE)(nil)
	_ Discrete   = (*VQVAE)(nil)
	_ Codebooked = (*VQVAE)(nil)
	_ Decoding   = (*VQVAE)(nil)
)
