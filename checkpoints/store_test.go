package checkpoints

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

// snapshot makes a small checkpoint that is a function of step and variant alone.
func snapshot(step, variant int) *Snapshot {
	fill := func(n int, of float32) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = of + float32(step) + float32(variant)/8 + float32(i)/1024
		}
		return x
	}
	s := &Snapshot{
		State: State{
			Step: step, Epoch: step / 10, Samples: int64(step) * 128, LoaderStep: step % 10, Seed: 1<<63 + 5,
			Metrics:  map[string]Float{"test/loss": Float(1 / float64(step+1)), "broken": Float(math.Inf(1))},
			Best:     &Best{Metric: "test/loss", Value: 0.1, Step: step},
			Stopping: &Stopping{Metric: "test/loss", Value: Float(math.Inf(-1)), Waited: 2},
		},
		Weights: []Array{
			{Name: "encoder/fc0/bias", Shape: []int{4}, F32: fill(4, 1)},
			{Name: "encoder/fc0/weight", Shape: []int{4, 3}, F32: fill(12, 2)},
		},
		Optimizer: []Array{
			{Name: "step", Shape: []int{}, I64: []int64{int64(step)}},
			{Name: "m/encoder/fc0/weight", Shape: []int{4, 3}, F32: fill(12, 3)},
		},
		Extra: map[string][]Array{
			"codebook": {{Name: "usage", Shape: []int{3}, F64: []float64{0.25, 1e-300, float64(step)}}},
			"ema":      {{Name: "encoder/fc0/bias", Shape: []int{4}, F32: fill(4, 4)}},
		},
		Meta: map[string]string{"format": "pt", "objective": "autoencoder"},
	}
	if err := s.State.Put("optimizer", map[string]any{"name": "adam", "variant": variant}); err != nil {
		panic(err)
	}
	return s
}

// loaded is s as Load returns it.
func loaded(s *Snapshot) *Snapshot {
	s.State.Version = Version
	return s
}

func open(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s.disk = &testDisk{budget: endless} // no test but the last ones waits for a real disk
	return s
}

func save(t testing.TB, s *Store, steps ...int) {
	t.Helper()
	for _, step := range steps {
		if err := s.Save(snapshot(step, 0)); err != nil {
			t.Fatal(err)
		}
	}
}

func steps(t testing.TB, s *Store) []int {
	t.Helper()
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var steps []int
	for _, info := range list {
		steps = append(steps, info.Step)
	}
	return steps
}

func TestStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run", "checkpoints")
	s := open(t, dir)
	s.Program = "x2vec test"
	if _, _, err := s.Latest(); !errors.Is(err, ErrNone) {
		t.Errorf("Latest of an empty store: %v, want ErrNone", err)
	}
	if _, err := s.Load(1); !errors.Is(err, ErrNone) {
		t.Errorf("Load of an empty store: %v, want ErrNone", err)
	}
	save(t, s, 100, 7, 123456789) // not in order, and more than eight digits

	for _, step := range []int{7, 100, 123456789} {
		got, err := s.Load(step)
		if err != nil {
			t.Fatal(err)
		}
		// Arrays come in the order of the file.
		want := loaded(snapshot(step, 0))
		if !reflect.DeepEqual(got, want) {
			t.Errorf("step %d:\ngot  %+v\nwant %+v", step, got, want)
		}
		if err := s.Verify(step); err != nil {
			t.Error(err)
		}
	}
	latest, faults, err := s.Latest()
	if err != nil || len(faults) > 0 || latest.State.Step != 123456789 {
		t.Errorf("Latest: %v, %v", faults, err)
	}
	list, err := s.List()
	if err != nil || len(list) != 3 {
		t.Fatalf("List: %v, %v", list, err)
	}
	info := list[1]
	if info.Step != 100 || info.Program != "x2vec test" || info.Err != nil || info.Metrics["test/loss"] != Float(1/101.0) ||
		info.Folder != filepath.Join(dir, "step-00000100") || info.Time.IsZero() {
		t.Errorf("List: %+v", info)
	}
	var sum int64
	for _, name := range []string{WeightsFile, OptimizerFile, ExtraFile, StateFile} {
		stat, err := os.Stat(filepath.Join(info.Folder, name))
		if err != nil {
			t.Fatal(err)
		}
		sum += stat.Size()
	}
	if info.Bytes != sum {
		t.Errorf("%d bytes, want %d", info.Bytes, sum)
	}

	if _, err := s.Load(8); err == nil || !strings.HasSuffix(err.Error(), "no checkpoint of step 8; there are 7, 100, 123456789") {
		t.Errorf("Load(8): %v", err)
	}

	// Other tools read the weights as they are, without the manifest.
	f, err := ReadSafetensors(filepath.Join(info.Folder, WeightsFile))
	if err != nil || !slices.Equal(f.Names(), []string{"encoder/fc0/bias", "encoder/fc0/weight"}) || f.Meta["objective"] != "autoencoder" {
		t.Errorf("weights: %v, %v", f, err)
	}
	// A checkpoint is itself wherever it is copied.
	copied := filepath.Join(t.TempDir(), "encoder")
	if err := os.CopyFS(copied, os.DirFS(info.Folder)); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadFolder(copied); err != nil || !reflect.DeepEqual(got, loaded(snapshot(100, 0))) {
		t.Errorf("ReadFolder: %+v, %v", got, err)
	}
}

func TestSaveOnlyWeights(t *testing.T) {
	s := open(t, t.TempDir())
	want := &Snapshot{State: State{Step: 3}, Weights: snapshot(3, 0).Weights, Meta: map[string]string{"format": "pt"}}
	given := *want
	given.Extra = map[string][]Array{"ema": nil}
	given.Meta = nil
	if err := s.Save(&given); err != nil {
		t.Fatal(err)
	}
	got, err := s.Load(3)
	if err != nil || !reflect.DeepEqual(got, loaded(want)) {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, name := range []string{OptimizerFile, ExtraFile} {
		if _, err := os.Stat(filepath.Join(s.folder(stepPrefix, 3), name)); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

// The same state gives the same bytes in every file but the manifest.
func TestSaveDeterministic(t *testing.T) {
	a, b := open(t, t.TempDir()), open(t, t.TempDir())
	save(t, a, 5)
	for range 3 { // written anew as well
		save(t, b, 5)
	}
	for _, name := range []string{WeightsFile, OptimizerFile, ExtraFile, StateFile} {
		x, errX := os.ReadFile(filepath.Join(a.folder(stepPrefix, 5), name))
		y, errY := os.ReadFile(filepath.Join(b.folder(stepPrefix, 5), name))
		if errX != nil || errY != nil || string(x) != string(y) {
			t.Errorf("%s differs (%v, %v)", name, errX, errY)
		}
	}
}

func TestSaveErrors(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(*Snapshot)
		want string
	}{
		{"negative step", func(s *Snapshot) { s.State.Step = -1 }, "state.json: step -1"},
		{"bad section", func(s *Snapshot) { s.State.Sections["x"] = []byte("{") }, `state.json: section "x" is not JSON`},
		{"array", func(s *Snapshot) { s.Weights[0].Shape = []int{5} }, "weights.safetensors: array \"encoder/fc0/bias\": shape [5] has 5"},
		{"optimizer", func(s *Snapshot) { s.Optimizer = append(s.Optimizer, s.Optimizer[0]) }, "optimizer.safetensors: array \"step\": there are two"},
		{"section name", func(s *Snapshot) { s.Extra["a/b"] = s.Extra["ema"] }, `extra.safetensors: section "a/b"`},
		{"large state", func(s *Snapshot) { s.State.Put("x", strings.Repeat("x", maxState)) }, "belong into arrays"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			save(t, s, 1)
			snap := snapshot(2, 0)
			tc.edit(snap)
			err := s.Save(snap)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "the newest there, of step 1, is untouched") {
				t.Errorf("error %v\nwant one with %q", err, tc.want)
			}
			if list, err := os.ReadDir(s.dir); err != nil || len(list) != 1 {
				t.Errorf("left: %v, %v", list, err)
			}
		})
	}
	if err := new(State).Put("x", math.NaN()); err == nil {
		t.Error("NaN was put into a section")
	}
}

func TestOpenFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "is a file") {
		t.Errorf("error %v", err)
	}
}

func TestStateSections(t *testing.T) {
	var s State
	type section struct{ A, B int }
	if ok, err := s.Get("x", &section{}); ok || err != nil {
		t.Errorf("Get of nothing: %v, %v", ok, err)
	}
	if err := s.Put("x", section{1, 2}); err != nil {
		t.Fatal(err)
	}
	var got section
	if ok, err := s.Get("x", &got); !ok || err != nil || got != (section{1, 2}) {
		t.Errorf("Get: %v, %v, %v", got, ok, err)
	}
	var other struct{ A int }
	if _, err := s.Get("x", &other); err == nil || !strings.Contains(err.Error(), `state of x: is not as this program writes it: unknown field "B"`) {
		t.Errorf("error %v", err)
	}
}

// One saves and prunes, others read without any lock: they see whole states only.
func TestConcurrentReaders(t *testing.T) {
	dir := t.TempDir()
	writer := open(t, dir)
	save(t, writer, 0)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			reader, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			for last := 0; ; {
				select {
				case <-done:
					return
				default:
				}
				snap, faults, err := reader.Latest()
				if err != nil || len(faults) > 0 {
					t.Errorf("after step %d: %v, %v", last, faults, err)
					return
				}
				if snap.State.Step < last || !reflect.DeepEqual(snap, loaded(snapshot(snap.State.Step, 0))) {
					t.Errorf("step %d after %d: %+v", snap.State.Step, last, snap)
					return
				}
				last = snap.State.Step
				if list, err := reader.List(); err != nil || slices.ContainsFunc(list, func(i Info) bool { return i.Err != nil }) {
					t.Errorf("List: %+v, %v", list, err)
					return
				}
				runtime.Gosched()
			}
		})
	}
	for step := 1; step <= 100; step++ {
		save(t, writer, step)
		// Step 0 stays, a milestone: whoever finds the newest gone must not take it.
		if _, err := writer.Prune(Policy{Last: 1, Every: 1000}); err != nil {
			t.Error(err)
		}
	}
	close(done)
	wg.Wait()
}
