package checkpoints

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPrune(t *testing.T) {
	nan := math.NaN()
	for _, tc := range []struct {
		name   string
		loss   []float64 // at steps 10, 20, …
		policy Policy
		want   []int // that are kept
	}{
		{"all", []float64{3, 2, 1}, Policy{}, []int{10, 20, 30}},
		{"all, whatever else", []float64{3, 2, 1}, Policy{Metric: "loss", Every: 20}, []int{10, 20, 30}},
		{"last", []float64{3, 2, 1, 0}, Policy{Last: 2}, []int{30, 40}},
		{"fewer than last", []float64{3, 2}, Policy{Last: 5}, []int{10, 20}},
		{"smallest", []float64{3, 1, 2, 4}, Policy{Last: 1, Metric: "loss"}, []int{20, 40}},
		{"largest", []float64{3, 1, 4, 2}, Policy{Last: 1, Metric: "loss", Max: true}, []int{30, 40}},
		{"best is the newest", []float64{3, 2, 1}, Policy{Last: 1, Metric: "loss"}, []int{30}},
		{"equals", []float64{1, 1, 1}, Policy{Last: 1, Metric: "loss"}, []int{10, 30}},
		{"not a number", []float64{nan, 2, nan, 3, nan}, Policy{Last: 1, Metric: "loss"}, []int{20, 50}},
		{"infinite", []float64{math.Inf(1), math.Inf(-1), 0}, Policy{Last: 1, Metric: "loss", Max: true}, []int{10, 30}},
		{"no such metric", []float64{3, 1, 2}, Policy{Last: 1, Metric: "accuracy"}, []int{30}},
		{"milestones", []float64{6, 5, 4, 3, 2, 1}, Policy{Last: 1, Every: 20}, []int{20, 40, 60}},
		{"all rules", []float64{0, 5, 4, 3, 2, 1}, Policy{Last: 2, Metric: "loss", Every: 30}, []int{10, 30, 50, 60}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			var all []int
			for i, loss := range tc.loss {
				snap := snapshot(10*(i+1), 0)
				snap.State.Metrics = map[string]Float{"loss": Float(loss)}
				if err := s.Save(snap); err != nil {
					t.Fatal(err)
				}
				all = append(all, snap.State.Step)
			}
			s = open(t, s.dir) // which has saved nothing
			removed, err := s.Prune(tc.policy)
			if err != nil {
				t.Fatal(err)
			}
			if got := steps(t, s); !slices.Equal(got, tc.want) {
				t.Errorf("kept %v, want %v", got, tc.want)
			}
			if both := slices.Sorted(slices.Values(append(removed, tc.want...))); !slices.Equal(both, all) {
				t.Errorf("removed %v of %v", removed, all)
			}
			if left, _ := filepath.Glob(filepath.Join(s.dir, ".*")); len(left) > 0 {
				t.Errorf("left %v", left)
			}
		})
	}
}

func TestPruneDamaged(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage map[int]string // file that is spoilt, by step; of 1 to 5
		policy Policy
		want   []int
	}{
		{"newest, seen by its size", map[int]string{5: StateFile}, Policy{Last: 1}, []int{4, 5}},
		{"two newest", map[int]string{5: StateFile, 4: ManifestFile}, Policy{Last: 1}, []int{3, 4, 5}},
		{"does not count", map[int]string{4: WeightsFile}, Policy{Last: 2}, []int{3, 5}},
		{"is not the best", map[int]string{1: WeightsFile}, Policy{Last: 1, Metric: "test/loss", Max: true}, []int{2, 5}},
		{"milestone", map[int]string{2: WeightsFile}, Policy{Last: 1, Every: 2}, []int{2, 4, 5}},
		{"all", map[int]string{1: StateFile, 2: StateFile, 3: StateFile, 4: StateFile, 5: StateFile}, Policy{Last: 1}, []int{1, 2, 3, 4, 5}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			save(t, s, 1, 2, 3, 4, 5)
			for step, file := range tc.damage {
				if err := os.Truncate(filepath.Join(s.folder(stepPrefix, step), file), 5); err != nil {
					t.Fatal(err)
				}
			}
			s = open(t, s.dir)
			if _, err := s.Prune(tc.policy); err != nil {
				t.Fatal(err)
			}
			if got := steps(t, s); !slices.Equal(got, tc.want) {
				t.Errorf("kept %v, want %v", got, tc.want)
			}
		})
	}
}

// A fault that only reading shows: the newest that is whole stays all the same.
func TestPruneReadsTheNewest(t *testing.T) {
	s := damaged(t, func(folder string) error {
		return rewrite(filepath.Join(folder, WeightsFile), func(b []byte) []byte { b[len(b)-1] ^= 1; return b })
	})
	if removed, err := s.Prune(Policy{Last: 1}); err != nil || len(removed) > 0 {
		t.Errorf("removed %v, %v", removed, err)
	}
}

// Training that went back to an earlier step keeps what it saves.
func TestPruneBranch(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, 100, 200, 300, 150)
	if removed, err := s.Prune(Policy{Last: 1}); err != nil || !slices.Equal(removed, []int{100, 200}) {
		t.Errorf("removed %v, %v", removed, err)
	}
}

func TestMatch(t *testing.T) {
	array := func(name string, shape ...int) Array { return Array{Name: name, Shape: shape} }
	model := []Array{
		array("encoder/fc0/weight", 256, 784), array("encoder/fc0/bias", 256),
		array("encoder/fc1/weight", 32, 256), array("encoder/fc1/bias", 32),
	}
	if err := Match(model, model).Err(); err != nil {
		t.Errorf("equal: %v", err)
	}
	if err := Match(nil, nil).Err(); err != nil {
		t.Errorf("both empty: %v", err)
	}
	d := Match(model, []Array{
		array("encoder/fc0/weight", 128, 784), array("encoder/fc0/bias", 256),
		array("encoder/fc2/weight", 64, 256), array("encoder/out/weight", 32, 256), array("scale"),
		array("encoder/fc1/bias", 32),
	})
	want := `encoder/fc0/weight: is [128, 784] in the checkpoint, the model wants [256, 784]
encoder/fc1/weight [32, 256]: is not in the checkpoint; is encoder/fc2/weight [64, 256] meant?
encoder/fc2/weight [64, 256]: is in the checkpoint, but not in the model
encoder/out/weight [32, 256]: is in the checkpoint, but not in the model
scale []: is in the checkpoint, but not in the model`
	if err := d.Err(); err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	if len(d.Missing) != 1 || len(d.Extra) != 3 || len(d.Shapes) != 1 {
		t.Errorf("%+v", d)
	}

	// Of equally near names the one of the same shape.
	near := Match([]Array{array("fc1/weight", 2)}, []Array{array("fc0/weight", 3), array("fc2/weight", 2)})
	if err := near.Err(); err == nil || !strings.Contains(err.Error(), "is fc2/weight [2] meant?") {
		t.Errorf("%v", err)
	}
	// Nothing like it: no guess.
	far := Match([]Array{array("head/weight", 2)}, []Array{array("codebook", 2)})
	if err := far.Err(); err == nil || strings.Contains(err.Error(), "meant") {
		t.Errorf("%v", err)
	}
	// What a hostile file calls its arrays is cut and cleaned, and costs no time.
	long := strings.Repeat("\x1b", 1<<20)
	hostile := Match([]Array{array(long + "a")}, []Array{array(long + "b")})
	if err := hostile.Err(); err == nil || strings.Contains(err.Error(), "\x1b") || len(err.Error()) > 1000 {
		t.Errorf("%.100q", err)
	}
	// A whole other model is counted, not listed.
	many := make([]Array, 100)
	for i := range many {
		many[i] = array(strings.Repeat("x", i+1), i)
	}
	if err := Match(many, nil).Err(); err == nil || strings.Count(err.Error(), "\n") != maxFaults || !strings.HasSuffix(err.Error(), "and 94 more that are not in the checkpoint") {
		t.Errorf("%v", err)
	}
}
