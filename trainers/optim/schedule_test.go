package optim

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSchedules(t *testing.T) {
	base := Schedule{Base: 2, Total: 8}
	set := func(f func(s *Schedule)) Schedule { s := base; f(&s); return s }
	h := math.Sqrt(0.5)
	for name, c := range map[string]struct {
		s    Schedule
		want []float64 // from step 0 on
	}{
		"constant":         {set(func(s *Schedule) { s.Type = "constant" }), []float64{2, 2, 2, 2, 2, 2, 2, 2, 2}},
		"constant, warmup": {set(func(s *Schedule) { s.Type, s.Warmup = "constant", 4 }), []float64{0.5, 1, 1.5, 2, 2, 2, 2, 2, 2}},
		"step": {set(func(s *Schedule) { s.Type, s.StepSize, s.Gamma = "step", 3, 0.5 }),
			[]float64{2, 2, 2, 1, 1, 1, 0.5, 0.5, 0.5, 0.5}},
		"step, floor": {set(func(s *Schedule) { s.Type, s.StepSize, s.Gamma, s.MinLR = "step", 3, 0.5, 0.75 }),
			[]float64{2, 2, 2, 1, 1, 1, 0.75, 0.75}},
		"multistep": {set(func(s *Schedule) { s.Type, s.Milestones, s.Gamma = "multistep", []int{2, 5}, 0.1 }),
			[]float64{2, 2, 0.2, 0.2, 0.2, 0.02, 0.02, 0.02, 0.02}},
		"linear": {set(func(s *Schedule) { s.Type, s.MinLR = "linear", 0.4 }),
			[]float64{2, 1.8, 1.6, 1.4, 1.2, 1, 0.8, 0.6, 0.4, 0.4}},
		"linear, warmup": {set(func(s *Schedule) { s.Type, s.Warmup = "linear", 4 }),
			[]float64{0.5, 1, 1.5, 2, 2, 1.5, 1, 0.5, 0, 0}},
		"cosine": {set(func(s *Schedule) { s.Type, s.MinLR = "cosine", 1 }),
			[]float64{2, 1.5 + math.Cos(math.Pi/8)/2, 1.5 + h/2, 1.5 + math.Cos(3*math.Pi/8)/2, 1.5, 1.5 + math.Cos(5*math.Pi/8)/2, 1.5 - h/2, 1.5 + math.Cos(7*math.Pi/8)/2, 1, 1}},
		"polynomial": {set(func(s *Schedule) { s.Type, s.Power = "polynomial", 2 }),
			[]float64{2, 2 * 49. / 64, 2 * 36. / 64, 2 * 25. / 64, 0.5, 2 * 9. / 64, 2 * 4. / 64, 2 * 1. / 64, 0, 0}},
		"inverse-sqrt": {set(func(s *Schedule) { s.Type, s.Warmup = "inverse-sqrt", 4 }),
			[]float64{0.5, 1, 1.5, 2, 2 * math.Sqrt(4./5), 2 * math.Sqrt(4./6), 2 * math.Sqrt(4./7), 2 * h, 2 * h}},
		// By hand from the phases of OneCycleLR: up over steps 0..3 from 0.5, down
		// over 3..7 to 0.05.
		"onecycle, linear": {set(func(s *Schedule) {
			s.Type, s.PctStart, s.DivFactor, s.FinalDivFactor, s.Anneal = "onecycle", 0.5, 4, 10, "linear"
		}), []float64{0.5, 1, 1.5, 2, 1.5125, 1.025, 0.5375, 0.05, 0.05}},
		"onecycle, cos": {set(func(s *Schedule) {
			s.Type, s.PctStart, s.DivFactor, s.FinalDivFactor, s.Anneal = "onecycle", 0.5, 4, 10, "cos"
		}), []float64{0.5, 0.875, 1.625, 2, 0.05 + 0.975*(1+h), 1.025, 0.05 + 0.975*(1-h), 0.05, 0.05}},
		"onecycle, three phases": {set(func(s *Schedule) {
			s.Type, s.PctStart, s.DivFactor, s.FinalDivFactor, s.Anneal, s.ThreePhase = "onecycle", 0.375, 4, 10, "linear", true
		}), []float64{0.5, 1.25, 2, 1.25, 0.5, 0.35, 0.2, 0.05, 0.05}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := c.s.Validate(); err != nil {
				t.Fatal(err)
			}
			for step, want := range c.want {
				if got := c.s.LR(step); math.Abs(got-want) > 1e-12 {
					t.Errorf("lr(%d) = %.15g, want %.15g", step, got, want)
				}
			}
			if got := c.s.LR(1 << 40); got != c.s.LR(c.s.Total) {
				t.Errorf("long after the end lr is %v, at the end it is %v", got, c.s.LR(c.s.Total))
			}
		})
	}
}

// Whatever is valid gives rates from 0 to Base at every step.
func TestSchedulesStayInRange(t *testing.T) {
	for _, name := range ScheduleNames() {
		for total := 1; total < 40; total++ {
			for _, warmup := range []int{0, 1, 2, total - 1} {
				s, err := DefaultSchedule(name)
				if err != nil {
					t.Fatal(err)
				}
				s.Base, s.Total, s.StepSize, s.Milestones = 0.1, total, 3, []int{2, 7}
				if slices.Contains(ScheduleKeys(name), "warmup") {
					s.Warmup = warmup
				}
				if s.Validate() != nil {
					continue
				}
				for step := range total + 3 {
					if lr := s.LR(step); !(lr >= 0 && lr <= 0.1+1e-15) {
						t.Fatalf("%s, warmup %d of %d: lr(%d) = %v", name, warmup, total, step, lr)
					}
				}
			}
		}
	}
}

func TestScheduleFaults(t *testing.T) {
	for name, c := range map[string]struct {
		s    Schedule
		want []string
	}{
		"type":  {Schedule{Type: "cosin"}, []string{`schedule.type: is "cosin", want constant, step, multistep, linear, cosine, polynomial, inverse-sqrt or onecycle; is cosine meant?`}},
		"total": {Schedule{Type: "cosine", Base: 1}, []string{"schedule: the run has no steps"}},
		"base":  {Schedule{Type: "cosine", Total: 5, MinLR: 1}, []string{"schedule: starts from optimizer.lr, which is 0, want a number above 0"}},
		"several": {Schedule{Type: "step", Base: 1, Total: 10, Warmup: 20, MinLR: 2, Gamma: 1.5},
			[]string{
				"schedule.warmup: is 20 steps, want at least 0 and less than the run's 10",
				"schedule.min_lr: is 2, want 0 to 1",
				"schedule.step_size: is 0 steps, want at least 1",
				"schedule.gamma: is 1.5, want above 0 and at most 1",
			}},
		"no milestones": {Schedule{Type: "multistep", Base: 1, Total: 9, Gamma: 0.1}, []string{"schedule.milestones: is empty"}},
		"milestones": {Schedule{Type: "multistep", Base: 1, Total: 9, Gamma: 0.1, Milestones: []int{5, 4}},
			[]string{"schedule.milestones: is [5 4], want steps of at least 1 in their order"}},
		"power": {Schedule{Type: "polynomial", Base: 1, Total: 9, Power: math.NaN()}, []string{"schedule.power: is NaN, want a number above 0"}},
		"cycle": {Schedule{Type: "onecycle", Base: 1, Total: 9, PctStart: 1, DivFactor: 0.5, Anneal: "cosine"},
			[]string{
				"schedule.pct_start: is 1, want above 0 and less than 1",
				"schedule.div_factor: is 0.5, want a number of at least 1",
				"schedule.final_div_factor: is 0, want a number above 0",
				`schedule.anneal_strategy: is "cosine", want cos or linear`,
			}},
		"short cycle": {Schedule{Type: "onecycle", Base: 1, Total: 2, PctStart: 0.3, DivFactor: 25, FinalDivFactor: 1e4, Anneal: "cos"},
			[]string{"schedule.pct_start: is 0.3, which leaves no whole step to rise in a run of 2; want more than 0.5"}},
		"long rise": {Schedule{Type: "onecycle", Base: 1, Total: 20, PctStart: 0.6, DivFactor: 25, FinalDivFactor: 1e4, Anneal: "cos", ThreePhase: true},
			[]string{"schedule.pct_start: is 0.6, want at most 0.5 with three phases"}},
	} {
		t.Run(name, func(t *testing.T) { faultsAre(t, c.s.Validate(), c.want) })
	}
}

// faultsAre wants exactly these faults, in order; each may go on after what is
// wanted of it.
func faultsAre(t *testing.T, err error, want []string) {
	t.Helper()
	if err == nil {
		t.Fatal("no fault was found")
	}
	got := strings.Split(err.Error(), "\n")
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range got {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q", got[i], want[i])
		}
	}
}
