package trainers

import (
	"context"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers/eval"
)

// A Finetune says how training goes on from weights that are there already.
type Finetune struct {
	// Weights to begin with, by the paths of the model; nil = those that the seed draws.
	Weights []checkpoints.Array
	// MinLoaded is the least share of the encoder's trained values that must come from
	// Weights.
	MinLoaded float64
	// Freeze are patterns of paths that are not trained: encoder/blocks/[0-3], or encoder
	// for all of it.
	Freeze []string
	// Unfreeze is the step from which they are trained after all; 0 = never.
	Unfreeze int
	// LayerDecay multiplies the rate once for each layer that lies between a parameter
	// and the head; 1 = all alike.
	LayerDecay float64
	// HeadRate multiplies the rate of all that is not in the encoder.
	HeadRate float64
	// ProbeHead begins with a head that is the linear probe of the codes at the start,
	// so that training does not first pull the encoder towards a head drawn by chance
	// (Kumar et al. 2022, "Fine-tuning can distort pretrained features", arXiv:2202.10054).
	ProbeHead bool
	// Loaded is set by New: what became of Weights.
	Loaded *Loaded
}

// Loaded is what became of the arrays of another model.
type Loaded struct {
	Taken []LoadedArray // parameters that came from it
	New   []LoadedArray // parameters that keep the values of the start
	Left  []LoadedArray // arrays that were not used
	Share float64       // of the encoder's trained values that came from it
}

// LoadedArray is one array by its path in the model.
type LoadedArray struct {
	Path  string
	Shape []int
	Note  string // how it was made to fit, or why it was not
}

// encoderPath begins the paths of the encoder's parameters.
const encoderPath = "encoder/"

// load fills the encoder's parameters from arrays. What has another shape is made to
// fit where the encoder knows how; all else stays new.
func load(ps *graph.Params, enc nets.Encoder, shape []int, from []checkpoints.Array) *Loaded {
	l := &Loaded{}
	have := map[string]checkpoints.Array{}
	for _, a := range from {
		have[a.Name] = a
	}
	used := map[string]bool{}
	var taken, all float64
	for _, p := range ps.All() {
		inside, encoder := strings.CutPrefix(p.Path, encoderPath)
		entry := LoadedArray{Path: p.Path, Shape: p.Shape}
		a, ok := have[p.Path]
		if encoder && !p.Buffer {
			all += float64(len(p.Data))
		}
		if !encoder || !ok {
			l.New = append(l.New, entry)
			continue
		}
		values := a.F32
		if !slices.Equal(a.Shape, p.Shape) {
			values = nil
			entry.Note = fmt.Sprintf("is %v there", a.Shape)
			if r, ok := enc.(nets.Refitter); ok {
				var how string
				if values, how = r.Refit(inside, a.F32, a.Shape, p.Shape, shape); how != "" {
					entry.Note = how
				}
			}
		}
		if len(values) != len(p.Data) {
			l.New = append(l.New, entry)
			used[p.Path] = entry.Note != "" && values == nil && p.Buffer
			continue
		}
		copy(p.Data, values)
		used[p.Path] = true
		l.Taken = append(l.Taken, entry)
		if !p.Buffer {
			taken += float64(len(p.Data))
		}
	}
	for _, a := range from {
		if !used[a.Name] {
			l.Left = append(l.Left, LoadedArray{Path: a.Name, Shape: a.Shape})
		}
	}
	l.Share = taken / math.Max(all, 1)
	return l
}

// String lists all arrays with their shapes, one a line.
func (l *Loaded) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.1f %% of the encoder's values are loaded; %d arrays loaded, %d new, %d left over", 100*l.Share, len(l.Taken), len(l.New), len(l.Left))
	for _, part := range []struct {
		title string
		list  []LoadedArray
	}{{"loaded", l.Taken}, {"new", l.New}, {"left over", l.Left}} {
		for _, a := range part.list {
			fmt.Fprintf(&b, "\n  %-9s  %-40s %v", part.title, a.Path, a.Shape)
			if a.Note != "" {
				fmt.Fprintf(&b, "  (%s)", a.Note)
			}
		}
	}
	return b.String()
}

// prepare makes the parameters of the model, fills them and freezes what is to be
// frozen. The error is of the settings.
func (f *Finetune) prepare(ps *graph.Params, enc nets.Encoder, shape []int) error {
	if f.Weights != nil {
		f.Loaded = load(ps, enc, shape, f.Weights)
		if f.Loaded.Share < f.MinLoaded {
			return &NotLoaded{f.Loaded, f.MinLoaded}
		}
	}
	for _, pattern := range f.Freeze {
		found := false
		for _, p := range ps.All() {
			if under(pattern, p.Path) {
				p.Frozen, found = true, true
			}
		}
		if !found {
			return &FinetuneError{fmt.Errorf("freeze: %q is the path of no parameter; there are %s", pattern, strings.Join(stems(ps), ", "))}
		}
	}
	if f.LayerDecay != 1 {
		if _, ok := enc.(nets.Layered); !ok {
			return &FinetuneError{fmt.Errorf("layer_decay: is %g, and %s has no order of layers; want 1", f.LayerDecay, nets.NameOf(enc))}
		}
	}
	return nil
}

// probeHead makes the head the linear probe of the training codes.
func (t *Trainer) probeHead(ctx context.Context) error {
	headed, ok := t.Objective.(objectives.Headed)
	if !ok {
		return &FinetuneError{fmt.Errorf(`head: is "probe", and %s has no linear head; want "random"`, objectives.NameOf(t.Objective))}
	}
	target, err := headed.Asked(t.Task.Spec)
	if err != nil {
		return err
	}
	codes, err := Extraction{Task: t.Task, Params: t.Params, Tap: CodeTap, Target: target}.Take(ctx, t.Train)
	if err != nil {
		return err
	}
	scale := codes.Scale()
	scale.Apply(codes.Features)
	m, err := eval.Probe{Kind: target.Kind, HeldOut: heldOut, Seed: t.Task.Seed}.Fit(ctx, codes.Features, target.Width())
	if err != nil {
		return err
	}
	m.Unscale(scale)
	return headed.SetHead(t.Params, m.W, m.B)
}

// under reports whether a pattern is that of a path, or of a part of the model that the
// path is in.
func under(pattern, p string) bool {
	names := strings.Split(p, "/")
	for n := range names {
		if ok, err := path.Match(pattern, strings.Join(names[:n+1], "/")); ok && err == nil {
			return true
		}
	}
	return false
}

// stems are the paths of a model up to their second name, each once.
func stems(ps *graph.Params) []string {
	var list []string
	for _, p := range ps.All() {
		names := strings.SplitN(p.Path, "/", 3)
		stem := strings.Join(names[:min(2, len(names))], "/")
		if !slices.Contains(list, stem) {
			list = append(list, stem)
		}
	}
	return list
}

// rate is the factor of the learning rate of a parameter.
func (f *Finetune) rate(enc nets.Encoder, p string) float32 {
	inside, ok := strings.CutPrefix(p, encoderPath)
	if !ok {
		return float32(f.HeadRate)
	}
	if l, ok := enc.(nets.Layered); ok && f.LayerDecay != 1 {
		layer, layers := l.Layer(inside)
		return float32(math.Pow(f.LayerDecay, float64(layers-layer)))
	}
	return 1
}

// NotLoaded says that too little of an encoder came from another model.
type NotLoaded struct {
	Loaded *Loaded
	Want   float64
}

func (e *NotLoaded) Error() string {
	return fmt.Sprintf("only %.1f %% of the encoder's values are loaded, want %.1f %% at least; --allow-partial begins all the same\n%v", 100*e.Loaded.Share, 100*e.Want, e.Loaded)
}

// FinetuneError is a fault of the settings that only the model can tell. Err begins with
// the name of the setting.
type FinetuneError struct{ Err error }

func (e *FinetuneError) Error() string { return "finetune." + e.Err.Error() }
