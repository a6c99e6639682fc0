package job

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A Unit is what a Duration counts in.
type Unit int

// The units of a Duration.
const (
	Steps Unit = iota
	Epochs
	Samples
	Percent
)

var unitNames = []string{"steps", "epochs", "samples", "%"}

// A Duration is a length of training: a number of steps, of passes over the
// data, of examples, or a share of the whole run.
type Duration struct {
	N    float64
	Unit Unit
}

// maxDuration bounds a Duration, so that no count of steps overflows.
const maxDuration = 1e15

const (
	wholeForms    = `a number of steps (500), "20 epochs", "200k samples" or "1000 steps"` // of a whole run
	durationForms = `a number of steps (500), "20 epochs", "200k samples", "1000 steps" or "10%" of the run`
)

// ParseDuration reads "500", "1000 steps", "0.5 epochs", "200k samples", "10%". The
// number may end in k (thousands) or M (millions).
func ParseDuration(s string) (Duration, error) {
	bad := fmt.Errorf("is %q, want %s", s, durationForms)
	words := strings.Fields(strings.Replace(s, "%", " %", 1))
	if len(words) == 0 || len(words) > 2 {
		return Duration{}, bad
	}
	digits, factor := words[0], 1.0
	switch {
	case strings.HasSuffix(digits, "k"):
		digits, factor = digits[:len(digits)-1], 1e3
	case strings.HasSuffix(digits, "M"):
		digits, factor = digits[:len(digits)-1], 1e6
	}
	n, err := strconv.ParseFloat(strings.ReplaceAll(digits, "_", ""), 64)
	if err != nil {
		return Duration{}, bad
	}
	d := Duration{N: n * factor}
	if len(words) == 2 {
		found := false
		for u, name := range unitNames {
			if words[1] == name || words[1]+"s" == name {
				d.Unit, found = Unit(u), true
			}
		}
		if !found {
			return Duration{}, bad
		}
	}
	return d, d.check()
}

func (d Duration) check() error {
	if !(d.N >= 0 && d.N <= maxDuration) {
		return fmt.Errorf("is %q, want a number from 0 to %g", d, maxDuration)
	}
	if d.Unit == Percent && d.N > 100 {
		return fmt.Errorf("is %q, want at most 100%%", d)
	}
	if (d.Unit == Steps || d.Unit == Samples) && d.N != math.Trunc(d.N) {
		return fmt.Errorf("is %q, want a whole number of %s", d, unitNames[d.Unit])
	}
	return nil
}

func (d Duration) String() string {
	n := strconv.FormatFloat(d.N, 'f', -1, 64)
	if d.Unit == Percent {
		return n + unitNames[Percent]
	}
	if d.N == 1 {
		return n + " " + strings.TrimSuffix(unitNames[d.Unit], "s")
	}
	return n + " " + unitNames[d.Unit]
}

// Steps is the duration in optimizer steps of batch examples each, of which one
// pass over the data has perEpoch and the run total. What is not zero is at least one
// step, and less than 100% is less than a run of several.
func (d Duration) Steps(perEpoch float64, batch, total int) int {
	n, most := d.N, math.MaxInt
	switch d.Unit {
	case Epochs:
		n *= perEpoch
	case Samples:
		n /= float64(batch)
	case Percent:
		n *= float64(total) / 100
		if d.N < 100 {
			most = max(1, total-1)
		}
	}
	if n <= 0 {
		return 0
	}
	return min(max(1, int(math.Round(n))), most)
}

func (d *Duration) fromTOML(v any) error {
	switch v := v.(type) {
	case int64:
		got := Duration{N: float64(v)}
		err := got.check()
		if err == nil {
			*d = got
		}
		return err
	case string:
		got, err := ParseDuration(v)
		if err == nil {
			*d = got
		}
		return err
	}
	return fmt.Errorf("is %s, want %s", show(v), durationForms)
}

func (d *Duration) toTOML() string {
	if d.Unit == Steps {
		return strconv.FormatFloat(d.N, 'f', -1, 64)
	}
	return quote(d.String())
}
