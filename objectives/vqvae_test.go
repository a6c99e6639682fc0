package objectives_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	G "gorgonia.org/gorgonia"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/data/transforms"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/objectives/objectivetest"
)

func smallResidual() *nets.Residual {
	return &nets.Residual{Hidden: 8, Halvings: 1, Blocks: 1, BlockHidden: 4, Dim: 5, Activation: "tanh"}
}

func vqvae(change func(o *objectives.VQVAE)) *objectives.VQVAE {
	o := &objectives.VQVAE{Codes: 12, Beta: 0.25, Codebook: "ema", Decay: 0.9, Epsilon: 1e-5, Spread: 0.1}
	if change != nil {
		change(o)
	}
	return o
}

func TestVQVAE(t *testing.T) {
	refused := map[string]objectives.Objective{}
	for want, change := range map[string]func(o *objectives.VQVAE){
		"objective.codes: is 1, want 2 to 65536":                      func(o *objectives.VQVAE) { o.Codes = 1 },
		"objective.beta: is NaN, want at least 0":                     func(o *objectives.VQVAE) { o.Beta = math.NaN() },
		`objective.codebook: is "emma", want ema or loss`:             func(o *objectives.VQVAE) { o.Codebook = "emma" },
		"objective.decay: is 1, want at least 0 and less than 1":      func(o *objectives.VQVAE) { o.Decay = 1 },
		"objective.epsilon: is 0, want a small number above 0":        func(o *objectives.VQVAE) { o.Epsilon = 0 },
		"objective.spread: is -1, want a standard deviation above 0":  func(o *objectives.VQVAE) { o.Spread = -1 },
		"objective.kmeans: is -2, want 0 (a drawn codebook)":          func(o *objectives.VQVAE) { o.KMeans = -2 },
		"objective.revive: is -1, want 0 (never)":                     func(o *objectives.VQVAE) { o.Revive = -1 },
		"decay: is 1, want at least 0 and less than 1\nobjective.eps": func(o *objectives.VQVAE) { o.Decay, o.Epsilon = 1, 2 },
	} {
		refused[want] = vqvae(change)
	}
	convolutions := &nets.Conv{Channels: []int{6, 5}, Kernel: 4, Stride: 2, Pad: 1, Activation: "tanh", Norm: "none"}
	for name, c := range map[string]struct {
		o   *objectives.VQVAE
		net nets.Encoder
	}{
		"ema":            {vqvae(nil), smallResidual()},
		"loss":           {vqvae(func(o *objectives.VQVAE) { o.Codebook, o.Revive = "loss", 0.5 }), smallResidual()},
		"kmeans, revive": {vqvae(func(o *objectives.VQVAE) { o.KMeans, o.Revive = 5, 0.5 }), smallResidual()},
		"convolutions":   {vqvae(nil), convolutions},
	} {
		t.Run(name, func(t *testing.T) {
			objectivetest.Run(t, objectivetest.Case{
				Objective: c.o,
				Task:      objectives.Task{Encoder: c.net, Batch: 8, Seed: 5},
				Source:    colours(t),
				Steps:     150, Rate: 0.05, Fall: 0.9,
				// The decoder's gradient passes straight through the codes, and the terms of
				// the codebook's loss stop each other's.
				Estimated: []string{"encoder/", "codebook/"},
				Refused:   refused,
			})
		})
	}
}

func colours(t testing.TB) data.Source {
	t.Helper()
	src, err := readers.Open(readers.Options{Name: "shapes", Split: "train", Size: 8, Channels: 3, Count: 40})
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestVQVAERefusesTasks(t *testing.T) {
	spec := colours(t).Spec()
	row, small := spec, spec
	row.Shape, small.Shape = []int{64}, []int{3, 8, 1}
	for want, task := range map[string]objectives.Task{
		`an encoder whose map can be turned back into a picture, and mlp has no such decoder; want residual, or conv with code = 0`: {Encoder: &nets.MLP{Code: 2, Activation: "relu"}, Spec: spec},
		"its code is made of that map by further weights; want code = 0":                                                            {Encoder: &nets.Conv{Channels: []int{4}, Kernel: 4, Stride: 2, Pad: 1, Code: 3, Activation: "relu", Norm: "none"}, Spec: spec},
		"vqvae needs pictures": {Encoder: smallResidual(), Spec: row},
		"halvings: is 1, and pictures of 8x1 cannot be halved so often": {Encoder: smallResidual(), Spec: small},
		"hidden: is 3, want an even number":                             {Encoder: &nets.Residual{Hidden: 3}, Spec: spec},
	} {
		if err := vqvae(nil).Check(task); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// picturesOf is a source of n pictures whose bytes are a function.
type picturesOf struct {
	data.Source
	n    int
	byte func(i, j int) byte
}

func (s picturesOf) Len() int { return s.n }

func (s picturesOf) Read(i int, into *data.Example) error {
	for j := range into.Pixels {
		into.Pixels[j] = s.byte(i, j)
	}
	return nil
}

// startedVQVAE is a small VQ-VAE's parameters after its start on src.
func startedVQVAE(t *testing.T, o *objectives.VQVAE, src data.Source) (*graph.Params, error) {
	t.Helper()
	task := objectives.Task{Encoder: smallResidual(), Spec: src.Spec(), Batch: 3, Seed: 1}
	ps := graph.NewParams(1)
	p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	return ps, o.Start(context.Background(), task, src, ps)
}

// The variance is that of all values; where there is none, or there are fewer vectors
// than codes for k-means, a sentence says so.
func TestVQVAEStart(t *testing.T) {
	src := colours(t)
	half := picturesOf{src, 10, func(i, j int) byte { return byte((i + j) % 2 * 255) }}
	ps, err := startedVQVAE(t, vqvae(nil), half)
	if err != nil {
		t.Fatal(err)
	}
	if got := ps.Get("data/variance").Data[0]; math.Abs(float64(got)-0.25) > 1e-6 {
		t.Errorf("the variance of as many zeros as ones is %v", got)
	}
	for _, v := range []byte{0, 1, 77, 255} {
		_, err := startedVQVAE(t, vqvae(nil), picturesOf{src, 10, func(i, j int) byte { return v }})
		if err == nil || !strings.Contains(err.Error(), "all values of the 10 training pictures are the same; vqvae takes its error over their variance, which is 0: want pictures that differ") {
			t.Errorf("pictures of %d: %v", v, err)
		}
	}
	if _, err := startedVQVAE(t, vqvae(nil), picturesOf{src, 9, func(i, j int) byte { return 100 + byte((i+j)%2) }}); err != nil {
		t.Errorf("pictures that hardly differ: %v", err)
	}
	if _, err := startedVQVAE(t, vqvae(nil), picturesOf{src, 9, func(i, j int) byte { return byte(7 * j) }}); err == nil || !strings.Contains(err.Error(), "all 9 training pictures are the same; there is nothing to tell apart by codes") {
		t.Errorf("one picture nine times: %v", err)
	}
	many := vqvae(func(o *objectives.VQVAE) { o.Codes, o.KMeans = 100, 3 })
	const want = "objective.codes: is 100, but the 6 training pictures have only 96 vectors, in maps of 4x4, for k-means to begin with; want at most so many codes, or kmeans = 0"
	if _, err := startedVQVAE(t, many, picturesOf{src, 6, func(i, j int) byte { return byte(i*j + j) }}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	// As many codes as vectors, and the same picture again and again but for the last.
	for _, src := range []data.Source{src, picturesOf{src, 7, func(i, j int) byte { return byte(j + i/6) }}} {
		if _, err := startedVQVAE(t, many, src); err != nil {
			t.Error(err)
		}
	}
}

// After k-means each code stands for some of the vectors, and the error of replacing
// them is smaller than that of a drawn codebook.
func TestVQVAEKMeansStart(t *testing.T) {
	src := colours(t)
	loss := func(o *objectives.VQVAE) (pull, perplexity float64) {
		ps, err := startedVQVAE(t, o, src)
		if err != nil {
			t.Fatal(err)
		}
		task := objectives.Task{Encoder: smallResidual(), Spec: src.Spec(), Batch: 40, Seed: 1}
		p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		f, _ := prepared(t, o, task, src, 0)
		if err := p.Run(f, 0); err != nil {
			t.Fatal(err)
		}
		e, _ := p.Tap("metric/error over variance")
		v, _ := p.Tap("metric/batch perplexity")
		return float64(p.Loss() - e.Data[0]), float64(v.Data[0])
	}
	drawn, few := loss(vqvae(nil))
	found, more := loss(vqvae(func(o *objectives.VQVAE) { o.KMeans = 10 }))
	if !(found < drawn/5) || !(more > few) || more < 4 {
		t.Errorf("k-means: loss %v and perplexity %v; drawn: %v and %v", found, more, drawn, few)
	}
}

// Codes that nothing is near to are moved to vectors of the batch, so that they are
// used in the next one; the others stay as the averages have them.
func TestVQVAERevive(t *testing.T) {
	src := colours(t)
	task := objectives.Task{Encoder: smallResidual(), Spec: src.Spec(), Batch: 8, Seed: 1}
	for _, book := range []string{"ema", "loss"} {
		perplexity := map[float64]float32{}
		for _, revive := range []float64{0, 1} {
			o := vqvae(func(o *objectives.VQVAE) { o.Revive, o.Codebook, o.Spread, o.Decay = revive, book, 100, 0.5 })
			ps := graph.NewParams(1)
			p, err := graph.Compile(ps, graph.Train, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			f, _ := prepared(t, o, task, src, 0)
			for step := range 4 {
				if err := p.Run(f, step); err != nil {
					t.Fatal(err)
				}
				v, _ := p.Tap("metric/batch perplexity")
				perplexity[revive] = v.Data[0]
				if err := o.AfterStep(task, p, ps); err != nil {
					t.Fatal(err)
				}
			}
		}
		if perplexity[0] > 2 || perplexity[1] < 4 {
			t.Errorf("%s: perplexity %v without revival, %v with it", book, perplexity[0], perplexity[1])
		}
	}
}

// The codes of an example, decoded, are the reconstruction of the example.
func TestVQVAECodes(t *testing.T) {
	src := colours(t)
	task := objectives.Task{Encoder: smallResidual(), Spec: src.Spec(), Batch: 5, Seed: 1}
	o := vqvae(func(o *objectives.VQVAE) { o.KMeans = 3 })
	ps, err := startedVQVAE(t, o, src)
	if err != nil {
		t.Fatal(err)
	}
	compile := func(build func(s *graph.Scope) *G.Node) *graph.Program {
		p, err := graph.Compile(ps, graph.Eval, build)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close() })
		return p
	}
	whole := compile(func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	encoder := compile(func(s *graph.Scope) *G.Node { o.EncodeCodes(task, s); return nil })
	decoder := compile(func(s *graph.Scope) *G.Node { o.DecodeCodes(task, s); return nil })
	f, b := prepared(t, o, task, src, 0)
	if err := whole.Run(f, 0); err != nil {
		t.Fatal(err)
	}
	clean := encoder.NewFeed()
	if err := objectives.PrepareClean(task, b, clean); err != nil {
		t.Fatal(err)
	}
	if err := encoder.Run(clean, 0); err != nil {
		t.Fatal(err)
	}
	h, w, k := o.CodeGrid(task)
	codes, ok := encoder.Tap(objectives.CodesTap)
	if !ok || h != 4 || w != 4 || k != 12 || len(codes.Data) != 5*h*w {
		t.Fatalf("grid %dx%d of %d, codes %v", h, w, k, codes.Shape)
	}
	given := decoder.NewFeed()
	for i, c := range codes.Data {
		given.I[objectives.CodesTap][i] = int(c)
	}
	if err := decoder.Run(given, 0); err != nil {
		t.Fatal(err)
	}
	want, _ := whole.Tap("reconstruction")
	got, _ := decoder.Tap("reconstruction")
	for i, v := range want.Data {
		if math.Abs(float64(v-got.Data[i])) > 1e-6 {
			t.Fatalf("value %d is %v from the codes, %v in the model", i, got.Data[i], v)
		}
	}
	given.I[objectives.CodesTap][7] = 12
	if err := decoder.Run(given, 0); err == nil || !strings.Contains(err.Error(), "index 7 is 12, and the table has rows 0 to 11") {
		t.Errorf("a code that there is not: %v", err)
	}
}

// The codes of all batches are drawn, in the order of how often they occur in all.
func TestVQVAESurvey(t *testing.T) {
	src := colours(t)
	task := objectives.Task{Encoder: smallResidual(), Spec: src.Spec(), Batch: 2, Seed: 1}
	o := vqvae(func(o *objectives.VQVAE) { o.Codes, o.KMeans = 24, 3 })
	ps, err := startedVQVAE(t, o, src)
	if err != nil {
		t.Fatal(err)
	}
	p, err := graph.Compile(ps, graph.Eval, func(s *graph.Scope) *G.Node { return o.Build(task, s) })
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	survey := o.NewSurvey(task).(objectives.SurveyPictures)
	counts, f := make([]int, o.Codes), p.NewFeed()
	used := func() (n int) {
		for _, c := range counts {
			n += min(c, 1)
		}
		return n
	}
	first := 0 // codes that occur in the first batch
	for b, err := range data.Sequential(src, task.Batch) {
		if err == nil {
			err = o.Prepare(task, b, f)
		}
		if err == nil {
			err = p.Run(f, 0)
		}
		if err == nil {
			err = survey.Add(p, b, f)
		}
		if err != nil {
			t.Fatal(err)
		}
		codes, _ := p.Tap(objectives.CodesTap)
		for _, c := range codes.Data {
			counts[int(c)]++
		}
		if b.Step == 0 {
			first = used()
		}
	}
	if first == used() {
		t.Fatalf("the first batch has all %d codes that there are in %d examples", first, src.Len())
	}
	pictures, err := survey.Pictures(ps)
	if err != nil {
		t.Fatal(err)
	}
	order := make([]int, o.Codes)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(counts[b], counts[a]) })
	order = order[:used()]
	if want := fmt.Sprintf("the %d of 24 codes that occur in 40 test examples, those that occur most often first: %d times to %d.",
		len(order), counts[order[0]], counts[order[len(order)-1]]); !strings.Contains(pictures[0].Caption, want) {
		t.Errorf("got %q, want %q", pictures[0].Caption, want)
	}
	pixels, shape, err := o.DrawCodes(task, ps, order)
	if err != nil {
		t.Fatal(err)
	}
	sheet, err := transforms.Sheet(slices.Collect(slices.Chunk(pixels, task.Spec.Size())), shape, 32, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(pictures[0].Image, sheet) {
		t.Error("the codes are drawn in another order")
	}
}
