package checkpoints

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// childVariable names the run folder of a process that saves until it is killed.
const childVariable = "X2VEC_TEST_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := saveForever(dir); err != nil {
			fmt.Println("error", err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// saveForever goes on from the newest checkpoint, as a training process does, and
// tells each step that it has saved.
func saveForever(dir string) error {
	if _, err := Acquire(dir); err != nil {
		return err
	}
	s, err := Open(filepath.Join(dir, "checkpoints"))
	if err != nil {
		return err
	}
	step := 0
	switch snap, faults, err := s.Latest(); {
	case errors.Is(err, ErrNone):
	case err != nil:
		return err
	case len(faults) > 0:
		return faults[0]
	default:
		step = snap.State.Step
		if !same(snap, largeSnapshot(step)) {
			return fmt.Errorf("step %d is not what was saved", step)
		}
	}
	for variant := 0; ; variant++ {
		if variant%3 > 0 || step == 0 {
			step++ // else the same once more, which is replaced
		}
		if err := s.Save(largeSnapshot(step)); err != nil {
			return err
		}
		fmt.Println("saved", step)
		if _, err := s.Prune(Policy{Last: 2, Every: 50}); err != nil {
			return err
		}
	}
}

// largeSnapshot is large enough for a Save to take its time over the files.
func largeSnapshot(step int) *Snapshot {
	s := snapshot(step, 0)
	x := make([]float32, 200_000)
	for i := range x {
		x[i] = float32(step + i)
	}
	s.Weights = []Array{{Name: "large", Shape: []int{len(x)}, F32: x}}
	return s
}

// A process that saves is killed, again and again, at any moment. The next one
// gets the lock at once and finds the last step that was told, or the one that
// was about to be, whole.
func TestKill(t *testing.T) {
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	told := 0
	for round := range rounds {
		child := exec.Command(program)
		child.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		killed := false
		before := told
		for lines.Scan() {
			text, ok := strings.CutPrefix(lines.Text(), "saved ")
			step, err := strconv.Atoi(text)
			if !ok || err != nil {
				t.Errorf("round %d: the process says %q", round, lines.Text())
				break
			}
			if step < told {
				t.Errorf("round %d: step %d was saved and lost: the process goes on with %d", round, told, step)
			}
			told = step
			if !killed {
				killed = true
				// From the first step on it is in the middle of one Save or another.
				time.Sleep(time.Duration(random.IntN(60_000)) * time.Microsecond)
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := child.Wait(); err == nil || !killed || t.Failed() {
			t.Fatalf("round %d: the process ended by itself: %v", round, err)
		}
		s := open(t, filepath.Join(dir, "checkpoints"))
		snap, faults, err := s.Latest()
		if err != nil || len(faults) > 0 {
			t.Fatalf("round %d, from step %d to %d: %v, %v", round, before, told, faults, err)
		}
		if step := snap.State.Step; step < told || step > told+1 || !same(snap, largeSnapshot(step)) {
			t.Fatalf("round %d: step %d is there, %d was saved", round, step, told)
		}
	}
	t.Logf("%d processes killed, %d steps saved", rounds, told)
}

// Another process gets the lock's sentence.
func TestLockOtherProcess(t *testing.T) {
	dir := t.TempDir()
	lock, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command(program)
	child.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := child.Output()
	if want := fmt.Sprintf("error %s: in use by process %d since ", dir, os.Getpid()); err == nil || !strings.HasPrefix(string(out), want) {
		t.Errorf("the other process says %q, want %q", out, want)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
}
