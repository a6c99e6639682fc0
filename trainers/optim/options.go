package optim

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"x2vec/data/naming"
)

// Options are the settings of an optimizer: the section [optimizer] of a run
// file. Keys says which of them a type takes; the others stay zero.
type Options struct {
	// Type is one of Names.
	Type string `toml:"type"`
	// LR is the learning rate that schedules start from; > 0.
	LR float64 `toml:"lr"`
	// Betas are the decay rates of Adam's means of the gradient and of its
	// square; each in [0, 1).
	Betas [2]float64 `toml:"betas"`
	// Eps is added to the root by which a step is divided (LARS: to the norm); ≥ 0.
	Eps float64 `toml:"eps"`
	// Alpha is the decay rate of RMSprop's mean square; in [0, 1).
	Alpha float64 `toml:"alpha"`
	// Momentum is the share of the last step in the next one; in [0, 1).
	Momentum float64 `toml:"momentum"`
	// Dampening is the share of the gradient that momentum leaves out; in [0, 1].
	Dampening float64 `toml:"dampening"`
	// Nesterov looks ahead by one step of the momentum, which must not be 0.
	Nesterov bool `toml:"nesterov"`
	// LRDecay divides Adagrad's rate by 1 + (steps before)·LRDecay; ≥ 0.
	LRDecay float64 `toml:"lr_decay"`
	// InitialAccumulator is where Adagrad's sum of squares starts; ≥ 0.
	InitialAccumulator float64 `toml:"initial_accumulator_value"`
	// Trust is LARS's coefficient η; > 0.
	Trust float64 `toml:"trust_coefficient"`
	// WeightDecay is added to the gradient, times the weight; AdamW shrinks the
	// weights instead; ≥ 0.
	WeightDecay float64 `toml:"weight_decay"`
	// DecayGains lets weight decay reach biases and the gains of norms too, as
	// PyTorch does unless told otherwise.
	DecayGains bool `toml:"decay_gains"`
	// ClipNorm is the largest norm of all gradients together; 0 = any.
	ClipNorm float64 `toml:"clip_norm"`
	// Accumulate is the number of batches whose mean gradient makes a step; ≥ 1.
	Accumulate int `toml:"accumulate"`
	// EMA is the decay rate of an average of the weights; in [0, 1), 0 = none.
	EMA float64 `toml:"ema"`
	// EMAWarmup starts that rate low and lets it rise to EMA.
	EMAWarmup bool `toml:"ema_warmup"`
}

// A method is what makes one type of optimizer.
type method struct {
	name     string
	defaults Options
	keys     []string // beside those of every optimizer
	rule     func(o Options, params int) rule
}

// methods are the optimizers, with PyTorch's default values. LARS is not in
// PyTorch; its values are those of its paper, and the rate that of SimCLR (Chen
// et al. 2020, arXiv:2002.05709, section 2.2) at a batch of 256.
var methods = []method{
	{"sgd", Options{LR: 1e-3}, []string{"momentum", "dampening", "nesterov"}, newSGD},
	{"adam", Options{LR: 1e-3, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8}, []string{"betas", "eps"}, newAdam},
	{"adamw", Options{LR: 1e-3, Betas: [2]float64{0.9, 0.999}, Eps: 1e-8, WeightDecay: 1e-2}, []string{"betas", "eps"}, newAdam},
	{"rmsprop", Options{LR: 1e-2, Alpha: 0.99, Eps: 1e-8}, []string{"alpha", "eps", "momentum"}, newRMSprop},
	{"adagrad", Options{LR: 1e-2, Eps: 1e-10}, []string{"eps", "lr_decay", "initial_accumulator_value"}, newAdagrad},
	{"lars", Options{LR: 0.3, Momentum: 0.9, Eps: 1e-8, Trust: 1e-3, WeightDecay: 5e-4}, []string{"eps", "momentum", "trust_coefficient"}, newLARS},
}

// keysOfAll are the settings that every optimizer has.
var keysOfAll = []string{"type", "lr", "weight_decay", "decay_gains", "clip_norm", "accumulate", "ema", "ema_warmup"}

// Names lists the types of optimizers.
func Names() []string {
	var names []string
	for _, m := range methods {
		names = append(names, m.name)
	}
	return names
}

// Default gives the settings of a type where nothing else is said.
func Default(name string) (Options, error) {
	m, err := find(name)
	if err != nil {
		return Options{}, err
	}
	o := m.defaults
	o.Type, o.Accumulate = m.name, 1
	return o, nil
}

// Keys lists the settings that a type takes, by their names in a run file; it is
// nil where there is no such type.
func Keys(name string) []string {
	m, err := find(name)
	if err != nil {
		return nil
	}
	return slices.Concat(keysOfAll, m.keys)
}

func find(name string) (*method, error) {
	for i := range methods {
		if methods[i].name == name {
			return &methods[i], nil
		}
	}
	return nil, unknown("optimizer.type", name, Names())
}

// unknown is the error for a name that is none of those that exist.
func unknown(key, name string, known []string) error {
	text := fmt.Sprintf("%s: is %q, want %s", key, name, listed(known))
	if near := naming.Meant(name, known); near != "" {
		text += fmt.Sprintf("; is %s meant?", near)
	}
	return errors.New(text)
}

// listed is "a, b or c".
func listed(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// faults collects what is wrong with a section of a run file.
type faults struct {
	section string
	errs    []error
}

func (f *faults) add(key, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf(f.section+"."+key+": "+format, args...))
}

// within wants a number from lo to hi, without hi itself where open is set.
func (f *faults) within(key string, v, lo, hi float64, open bool) {
	if v >= lo && (v < hi || v == hi && !open) { // false for NaN
		return
	}
	switch {
	case math.IsInf(hi, 1) || hi == math.MaxFloat64:
		f.add(key, "is %g, want a number of at least %g", v, lo)
	case open:
		f.add(key, "is %g, want at least %g and less than %g", v, lo, hi)
	default:
		f.add(key, "is %g, want %g to %g", v, lo, hi)
	}
}

// positive wants a number above 0.
func (f *faults) positive(key string, v float64) {
	if !(v > 0 && v <= math.MaxFloat64) {
		f.add(key, "is %g, want a number above 0", v)
	}
}

// Validate says everything that is wrong with the settings, each with its key and
// what is accepted.
func (o Options) Validate() error {
	m, err := find(o.Type)
	if err != nil {
		return err
	}
	f := faults{section: "optimizer"}
	f.positive("lr", o.LR)
	takes := func(key string) bool { return slices.Contains(m.keys, key) }
	if takes("betas") {
		for i, b := range o.Betas {
			f.within(fmt.Sprintf("betas[%d]", i), b, 0, 1, true)
		}
	}
	if takes("eps") {
		f.within("eps", o.Eps, 0, math.MaxFloat64, false)
	}
	if takes("alpha") {
		f.within("alpha", o.Alpha, 0, 1, true)
	}
	if takes("momentum") {
		f.within("momentum", o.Momentum, 0, 1, true)
	}
	if takes("dampening") {
		f.within("dampening", o.Dampening, 0, 1, false)
	}
	if takes("nesterov") && o.Nesterov && (o.Momentum <= 0 || o.Dampening != 0) {
		f.add("nesterov", "is true with momentum %g and dampening %g; it wants a momentum above 0 and no dampening", o.Momentum, o.Dampening)
	}
	if takes("lr_decay") {
		f.within("lr_decay", o.LRDecay, 0, math.MaxFloat64, false)
	}
	if takes("initial_accumulator_value") {
		f.within("initial_accumulator_value", o.InitialAccumulator, 0, math.MaxFloat32, false)
	}
	if takes("trust_coefficient") {
		f.positive("trust_coefficient", o.Trust)
	}
	f.within("weight_decay", o.WeightDecay, 0, math.MaxFloat64, false)
	if o.Type == "adamw" && o.LR > 0 && o.LR*o.WeightDecay > 1 {
		f.add("weight_decay", "is %g at lr %g, which turns the sign of every weight; want at most %g (1/lr)", o.WeightDecay, o.LR, 1/o.LR)
	}
	f.within("clip_norm", o.ClipNorm, 0, math.MaxFloat64, false)
	if o.Accumulate < 1 {
		f.add("accumulate", "is %d, want at least 1 batch", o.Accumulate)
	}
	f.within("ema", o.EMA, 0, 1, true)
	if o.EMAWarmup && o.EMA == 0 {
		f.add("ema_warmup", "is true, but there is no average to warm up; set ema, as in ema = 0.999")
	}
	return errors.Join(f.errs...)
}
