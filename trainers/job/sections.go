package job

import (
	"path"
	"reflect"

	"x2vec/trainers/optim"
)

// Schedule is the section [schedule]: that of package optim with durations for
// counts of steps.
type Schedule struct {
	optim.Schedule
	Warmup     Duration
	StepSize   Duration
	Milestones []Duration
}

func (s *Schedule) fields() []field {
	fields := fieldsOf(&s.Schedule)
	for i, f := range fields {
		switch f.name {
		case "warmup":
			fields[i].value = reflect.ValueOf(&s.Warmup).Elem()
		case "step_size":
			fields[i].value = reflect.ValueOf(&s.StepSize).Elem()
		case "milestones":
			fields[i].value = reflect.ValueOf(&s.Milestones).Elem()
		}
	}
	return only(fields, optim.ScheduleKeys(s.Type))
}

// Train is the section [train].
type Train struct {
	Batch     int      `toml:"batch"`      // examples in one run of the graph
	Duration  Duration `toml:"duration"`   // of the whole training
	Workers   int      `toml:"workers"`    // goroutines that prepare batches; 0 = as the machine allows
	Prefetch  int      `toml:"prefetch"`   // batches prepared ahead; 0 = 2
	EarlyStop int      `toml:"early_stop"` // evaluations without a lower test loss before training ends; 0 = never
	MinDelta  float64  `toml:"min_delta"`  // by how much the test loss must fall to count as lower
	Mode      string   `toml:"mode"`       // one of modes
}

// modes are the ways to train: the same bytes whatever the number of threads, or
// threads that do not wait for each other.
var modes = []string{"deterministic", hogwild}

const hogwild = "hogwild"

// Finetune is the section [finetune]: training that goes on from an encoder that is
// there already, or in which a part moves slower than the rest.
type Finetune struct {
	From       string   `toml:"from"`        // folder of a run, or a safetensors file; empty: from scratch
	MinLoaded  float64  `toml:"min_loaded"`  // least share of the encoder's values that must come from it
	Freeze     []string `toml:"freeze"`      // patterns of paths that are not trained, as encoder/blocks/[0-3]
	Unfreeze   Duration `toml:"unfreeze"`    // when they are trained after all; 0 = never
	LayerDecay float64  `toml:"layer_decay"` // of the rate for each layer below the head; 1 = all alike
	HeadRate   float64  `toml:"head_rate"`   // rate of all that is not in the encoder, in units of the encoder's
	Head       string   `toml:"head"`        // how the head begins: random, or probe, a linear probe of the codes
}

// noFinetune is where nothing is said of it.
var noFinetune = Finetune{MinLoaded: 0.9, LayerDecay: 1, HeadRate: 1, Head: "random"}

// used reports whether anything is said.
func (t Finetune) used() bool {
	return t.From != "" || len(t.Freeze) > 0 || t.LayerDecay != 1 || t.HeadRate != 1 || t.Head != noFinetune.Head
}

// check says what is wrong with the settings by themselves.
func (t Finetune) check(s *source) {
	share := func(key string, v float64, zero bool) {
		if !(v > 0 && v <= 1 || zero && v == 0) {
			s.fault("finetune."+key, "is %g, want a number above 0 and at most 1", v)
		}
	}
	share("min_loaded", t.MinLoaded, true)
	share("layer_decay", t.LayerDecay, false)
	if !(t.HeadRate > 0 && t.HeadRate <= 1e6) {
		s.fault("finetune.head_rate", "is %g, want a number above 0", t.HeadRate)
	}
	if t.Head != "random" && t.Head != "probe" {
		s.fault("finetune.head", "is %q, want random or probe", t.Head)
	}
	for _, p := range t.Freeze {
		if _, err := path.Match(p, ""); err != nil {
			s.fault("finetune.freeze", "%q is no pattern; want one such as encoder/blocks/[0-3]", p)
		}
	}
	if t.Unfreeze.N > 0 && len(t.Freeze) == 0 {
		s.fault("finetune.unfreeze", "is %s, but nothing is frozen; set finetune.freeze", t.Unfreeze.toTOML())
	}
}

// Log is the section [log].
type Log struct {
	Every Duration `toml:"every"` // between two lines of metrics
}

// Eval is the section [eval]. After training everything is evaluated, whatever
// stands here.
type Eval struct {
	Every Duration `toml:"every"` // between two evaluations in training; 0 = none
	Codes bool     `toml:"codes"` // take kNN and probe of the code in these too
}

// Checkpoint is the section [checkpoint].
type Checkpoint struct {
	Every      Duration `toml:"every"`      // between two checkpoints; 0 = only at the end
	Keep       int      `toml:"keep"`       // of the newest; the best by test loss is kept beside them
	Milestones Duration `toml:"milestones"` // checkpoints at multiples of it are kept for good; 0 = none
}
