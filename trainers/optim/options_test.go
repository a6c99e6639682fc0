package optim

import (
	"math"
	"reflect"
	"slices"
	"testing"
)

func TestDefaultsAreValid(t *testing.T) {
	for _, name := range Names() {
		o, err := Default(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every key is a field, every field is a key of some type, and a default that is
// not zero belongs to a key that the type takes.
func TestKeysAreFields(t *testing.T) {
	check := func(what string, names []string, keys func(string) []string, defaults func(string) reflect.Value) {
		used := map[string]bool{"-": true}
		for _, name := range names {
			v, taken := defaults(name), keys(name)
			fields := map[string]bool{}
			for i := range v.NumField() {
				key := v.Type().Field(i).Tag.Get("toml")
				fields[key] = true
				if !v.Field(i).IsZero() && key != "-" && !slices.Contains(taken, key) {
					t.Errorf("%s %s: %s has a default but is not taken", what, name, key)
				}
			}
			for _, key := range taken {
				if used[key] = true; !fields[key] {
					t.Errorf("%s %s: %s is no field", what, name, key)
				}
			}
			if name == names[len(names)-1] {
				for key := range fields {
					if !used[key] {
						t.Errorf("%s: no type takes %s", what, key)
					}
				}
			}
		}
	}
	check("optimizer", Names(), Keys, func(name string) reflect.Value {
		o, err := Default(name)
		if err != nil {
			t.Fatal(err)
		}
		return reflect.ValueOf(o)
	})
	check("schedule", ScheduleNames(), ScheduleKeys, func(name string) reflect.Value {
		s, err := DefaultSchedule(name)
		if err != nil {
			t.Fatal(err)
		}
		return reflect.ValueOf(s)
	})
	if Keys("none") != nil || ScheduleKeys("none") != nil {
		t.Error("a type that does not exist has keys")
	}
}

func TestOptionFaults(t *testing.T) {
	for name, c := range map[string]struct {
		typ  string
		set  func(o *Options)
		want []string
	}{
		"type": {"adam", func(o *Options) { o.Type = "Adem" },
			[]string{`optimizer.type: is "Adem", want sgd, adam, adamw, rmsprop, adagrad or lars; is adam meant?`}},
		"everything": {"adam", func(o *Options) {
			o.LR, o.Betas, o.Eps, o.WeightDecay, o.ClipNorm, o.Accumulate, o.EMA = 0, [2]float64{-1, 1}, math.NaN(), -1, -1, 0, 1
		}, []string{
			"optimizer.lr: is 0, want a number above 0",
			"optimizer.betas[0]: is -1, want at least 0 and less than 1",
			"optimizer.betas[1]: is 1, want at least 0 and less than 1",
			"optimizer.eps: is NaN, want a number of at least 0",
			"optimizer.weight_decay: is -1, want a number of at least 0",
			"optimizer.clip_norm: is -1, want a number of at least 0",
			"optimizer.accumulate: is 0, want at least 1 batch",
			"optimizer.ema: is 1, want at least 0 and less than 1",
		}},
		"nesterov": {"sgd", func(o *Options) { o.Nesterov = true },
			[]string{"optimizer.nesterov: is true with momentum 0 and dampening 0; it wants a momentum above 0 and no dampening"}},
		"momentum": {"sgd", func(o *Options) { o.Momentum, o.Dampening = 1, 1.5 },
			[]string{"optimizer.momentum: is 1, want at least 0 and less than 1", "optimizer.dampening: is 1.5, want 0 to 1"}},
		"rmsprop": {"rmsprop", func(o *Options) { o.Alpha = 1 }, []string{"optimizer.alpha: is 1, want at least 0 and less than 1"}},
		"adagrad": {"adagrad", func(o *Options) { o.LRDecay, o.InitialAccumulator = -1, -1 },
			[]string{"optimizer.lr_decay: is -1", "optimizer.initial_accumulator_value: is -1"}},
		"lars":   {"lars", func(o *Options) { o.Trust = 0 }, []string{"optimizer.trust_coefficient: is 0, want a number above 0"}},
		"adamw":  {"adamw", func(o *Options) { o.LR, o.WeightDecay = 0.1, 20 }, []string{"optimizer.weight_decay: is 20 at lr 0.1"}},
		"warmup": {"adam", func(o *Options) { o.EMAWarmup = true }, []string{"optimizer.ema_warmup: is true, but there is no average"}},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := Default(c.typ)
			if err != nil {
				t.Fatal(err)
			}
			c.set(&o)
			faultsAre(t, o.Validate(), c.want)
			if _, err := New(o, nil); err == nil {
				t.Error("New takes it")
			}
		})
	}
}
