package optim

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// A Schedule is the learning rate as a pure function of the step: the section
// [schedule] of a run file with its durations turned into steps. ScheduleKeys
// says which settings a type takes.
//
// Steps count from 0. During the first Warmup steps the rate is
// Base·(step+1)/Warmup, whatever the type. Then, with s the step, w = Warmup,
// T = Total and x = (s − w)/(T − w):
//
//	constant      Base
//	step          Base·Gamma^⌊s/StepSize⌋
//	multistep     Base·Gamma^(milestones that are ≤ s)
//	linear        Base + (MinLR − Base)·x
//	cosine        MinLR + (Base − MinLR)·½(1 + cos πx)   (Loshchilov and Hutter 2017, arXiv:1608.03983, eq. 5)
//	polynomial    MinLR + (Base − MinLR)·(1 − x)^Power
//	inverse-sqrt  Base·√(max(w, 1)/(s + 1))              (Vaswani et al. 2017, arXiv:1706.03762, eq. 3)
//	onecycle      up to Base and down again              (torch.optim.lr_scheduler.OneCycleLR; arXiv:1708.07120)
//
// After Total steps the rate stays that of the end. step, multistep and
// inverse-sqrt never fall below MinLR.
type Schedule struct {
	// Type is one of ScheduleNames.
	Type string `toml:"type"`
	// Base is the optimizer's learning rate, the highest of the schedule; > 0.
	Base float64 `toml:"-"`
	// Total is the number of steps of the whole run; ≥ 1.
	Total int `toml:"-"`
	// Warmup is the number of steps to reach Base; ≥ 0 and less than Total.
	Warmup int `toml:"warmup"`
	// MinLR is where the rate ends; from 0 to Base.
	MinLR float64 `toml:"min_lr"`
	// StepSize is the number of steps between two falls; ≥ 1.
	StepSize int `toml:"step_size"`
	// Gamma is what the rate is multiplied by at a fall; in (0, 1].
	Gamma float64 `toml:"gamma"`
	// Milestones are the steps at which the rate falls, in their order; at a step that is
	// there twice it falls twice.
	Milestones []int `toml:"milestones"`
	// Power of the polynomial; > 0.
	Power float64 `toml:"power"`
	// PctStart is the share of the cycle in which the rate rises; in (0, 1).
	PctStart float64 `toml:"pct_start"`
	// DivFactor is Base over the rate at the start; ≥ 1.
	DivFactor float64 `toml:"div_factor"`
	// FinalDivFactor is the rate at the start over that at the end; > 0.
	FinalDivFactor float64 `toml:"final_div_factor"`
	// Anneal is the form of the cycle's slopes: cos or linear.
	Anneal string `toml:"anneal_strategy"`
	// ThreePhase lets the rate fall to the rate at the start as fast as it rose,
	// and only then to its end.
	ThreePhase bool `toml:"three_phase"`
}

// A course is one type of schedule.
type course struct {
	name     string
	defaults Schedule
	keys     []string // beside type
	// rate of a step after the warm-up
	rate func(s *Schedule, step int) float64
}

// courses are the schedules, with PyTorch's default values.
var courses = []course{
	{"constant", Schedule{}, []string{"warmup"}, func(s *Schedule, _ int) float64 { return s.Base }},
	{"step", Schedule{Gamma: 0.1}, []string{"warmup", "min_lr", "step_size", "gamma"}, (*Schedule).stepwise},
	{"multistep", Schedule{Gamma: 0.1}, []string{"warmup", "min_lr", "milestones", "gamma"}, (*Schedule).multistep},
	{"linear", Schedule{}, []string{"warmup", "min_lr"}, (*Schedule).linear},
	{"cosine", Schedule{}, []string{"warmup", "min_lr"}, (*Schedule).cosine},
	{"polynomial", Schedule{Power: 1}, []string{"warmup", "min_lr", "power"}, (*Schedule).polynomial},
	{"inverse-sqrt", Schedule{}, []string{"warmup", "min_lr"}, (*Schedule).inverseSqrt},
	{"onecycle", Schedule{PctStart: 0.3, DivFactor: 25, FinalDivFactor: 1e4, Anneal: "cos"},
		[]string{"pct_start", "div_factor", "final_div_factor", "anneal_strategy", "three_phase"}, (*Schedule).oneCycle},
}

// ScheduleNames lists the types of schedules.
func ScheduleNames() []string {
	var names []string
	for _, c := range courses {
		names = append(names, c.name)
	}
	return names
}

// DefaultSchedule gives the settings of a type where nothing else is said; Base,
// Total and, for step and multistep, when the rate falls are still to be set.
func DefaultSchedule(name string) (Schedule, error) {
	c, err := findCourse(name)
	if err != nil {
		return Schedule{}, err
	}
	s := c.defaults
	s.Type = c.name
	return s, nil
}

// ScheduleKeys lists the settings that a type takes, by their names in a run file;
// it is nil where there is no such type.
func ScheduleKeys(name string) []string {
	c, err := findCourse(name)
	if err != nil {
		return nil
	}
	return append([]string{"type"}, c.keys...)
}

func findCourse(name string) (*course, error) {
	for i := range courses {
		if courses[i].name == name {
			return &courses[i], nil
		}
	}
	return nil, unknown("schedule.type", name, ScheduleNames())
}

// Validate says everything that is wrong with the settings, each with its key and
// what is accepted.
func (s Schedule) Validate() error {
	c, err := findCourse(s.Type)
	if err != nil {
		return err
	}
	f := faults{section: "schedule"}
	if s.Total < 1 {
		return errors.New("schedule: the run has no steps; it must have at least 1")
	}
	baseFits := s.Base > 0 && s.Base <= math.MaxFloat64
	if !baseFits {
		f.errs = append(f.errs, fmt.Errorf("schedule: starts from optimizer.lr, which is %g, want a number above 0", s.Base))
	}
	takes := func(key string) bool { return slices.Contains(c.keys, key) }
	if takes("warmup") && (s.Warmup < 0 || s.Warmup >= s.Total) {
		f.add("warmup", "is %d steps, want at least 0 and less than the run's %d", s.Warmup, s.Total)
	}
	if takes("min_lr") && baseFits {
		f.within("min_lr", s.MinLR, 0, s.Base, false)
	}
	if takes("step_size") && s.StepSize < 1 {
		f.add("step_size", "is %d steps, want at least 1", s.StepSize)
	}
	if takes("gamma") && !(s.Gamma > 0 && s.Gamma <= 1) {
		f.add("gamma", "is %g, want above 0 and at most 1", s.Gamma)
	}
	if takes("milestones") {
		s.checkMilestones(&f)
	}
	if takes("power") {
		f.positive("power", s.Power)
	}
	if s.Type == "onecycle" {
		s.checkCycle(&f)
	}
	return errors.Join(f.errs...)
}

func (s *Schedule) checkMilestones(f *faults) {
	if len(s.Milestones) == 0 {
		f.add("milestones", "is empty, want the steps at which the rate falls")
	}
	for i, m := range s.Milestones {
		if m < 1 || i > 0 && m < s.Milestones[i-1] {
			f.add("milestones", "is %v, want steps of at least 1 in their order", s.Milestones)
			return
		}
	}
}

func (s *Schedule) checkCycle(f *faults) {
	switch {
	case !(s.PctStart > 0 && s.PctStart < 1):
		f.add("pct_start", "is %g, want above 0 and less than 1", s.PctStart)
	case s.ThreePhase && s.PctStart > 0.5:
		f.add("pct_start", "is %g, want at most 0.5 with three phases", s.PctStart)
	case s.PctStart*float64(s.Total) <= 1:
		f.add("pct_start", "is %g, which leaves no whole step to rise in a run of %d; want more than %g", s.PctStart, s.Total, 1/float64(s.Total))
	}
	if !(s.DivFactor >= 1 && s.DivFactor <= math.MaxFloat64) {
		f.add("div_factor", "is %g, want a number of at least 1", s.DivFactor)
	}
	f.positive("final_div_factor", s.FinalDivFactor)
	if s.Anneal != "cos" && s.Anneal != "linear" {
		f.errs = append(f.errs, unknown("schedule.anneal_strategy", s.Anneal, []string{"cos", "linear"}))
	}
}

// LR is the learning rate of a step, from 0, of a schedule that is valid.
func (s Schedule) LR(step int) float64 {
	if step < s.Warmup {
		return s.Base * float64(step+1) / float64(s.Warmup)
	}
	c, err := findCourse(s.Type)
	if err != nil {
		panic(err) // Validate was not called
	}
	return c.rate(&s, step)
}

// progress is how much of the run after the warm-up is over, from 0 to 1.
func (s *Schedule) progress(step int) float64 {
	return min(1, float64(step-s.Warmup)/float64(s.Total-s.Warmup))
}

func (s *Schedule) stepwise(step int) float64 {
	return max(s.MinLR, s.Base*math.Pow(s.Gamma, float64(min(step, s.Total-1)/s.StepSize)))
}

func (s *Schedule) multistep(step int) float64 {
	falls, _ := slices.BinarySearch(s.Milestones, min(step, s.Total-1)+1)
	return max(s.MinLR, s.Base*math.Pow(s.Gamma, float64(falls)))
}

func (s *Schedule) linear(step int) float64 {
	return s.Base + (s.MinLR-s.Base)*s.progress(step)
}

func (s *Schedule) cosine(step int) float64 {
	return s.MinLR + (s.Base-s.MinLR)*0.5*(1+math.Cos(math.Pi*s.progress(step)))
}

func (s *Schedule) polynomial(step int) float64 {
	return s.MinLR + (s.Base-s.MinLR)*math.Pow(1-s.progress(step), s.Power)
}

func (s *Schedule) inverseSqrt(step int) float64 {
	return max(s.MinLR, s.Base*math.Sqrt(float64(max(s.Warmup, 1))/float64(min(step, s.Total-1)+1)))
}

// oneCycle is OneCycleLR without its cycle of the momentum.
func (s *Schedule) oneCycle(step int) float64 {
	low := s.Base / s.DivFactor
	end := low / s.FinalDivFactor
	last := float64(s.Total - 1)
	rise := s.PctStart*float64(s.Total) - 1
	at := min(float64(step), last)
	switch {
	case at <= rise:
		return s.anneal(low, s.Base, at/rise)
	case !s.ThreePhase:
		return s.anneal(s.Base, end, (at-rise)/(last-rise))
	}
	fall := 2*s.PctStart*float64(s.Total) - 2
	if at <= fall {
		return s.anneal(s.Base, low, (at-rise)/(fall-rise))
	}
	return s.anneal(low, end, (at-fall)/(last-fall))
}

// anneal goes from one rate to another; x is from 0 to 1.
func (s *Schedule) anneal(from, to, x float64) float64 {
	if s.Anneal == "linear" {
		return from + (to-from)*x
	}
	return to + (from-to)/2*(1+math.Cos(math.Pi*x))
}
