package checkpoints

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const endless = math.MaxInt

// A testDisk writes to a real folder, but stops at a chosen point: every call
// costs one of its budget, and every grain bytes of a write one more. It syncs
// nothing and knows instead what a power cut would take away.
type testDisk struct {
	mu     sync.Mutex
	budget int
	// err, where set, is what the one call beyond the budget returns; then all
	// goes on. Without it the process is dead: nothing after that point happens.
	err     error
	stopped bool

	used     int
	unsynced map[string]bool // files whose content is not on the disk
	names    []rename        // of which the folder is not on the disk, in order
}

// A rename is also the making of a file or folder (from is empty).
type rename struct{ from, to string }

var errDead = errors.New("the process is dead")

// spend takes n from the budget and gives what was left of it, up to n.
func (d *testDisk) spend(n int) (int, error) {
	d.used += n
	if d.stopped && d.err == nil {
		return 0, errDead
	}
	if d.stopped || n <= d.budget {
		d.budget -= n
		return n, nil
	}
	part := d.budget
	d.budget, d.stopped = 0, true
	if d.err != nil {
		return part, d.err
	}
	return part, errDead
}

// call runs one call of the disk, or fails before it.
func (d *testDisk) call(f func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, err := d.spend(1); err != nil {
		return err
	}
	return f()
}

func (d *testDisk) Mkdir(path string) error {
	return d.call(func() error {
		d.names = append(d.names, rename{"", path})
		return disk{}.Mkdir(path)
	})
}

func (d *testDisk) Create(path string) (f file, err error) {
	err = d.call(func() (err error) {
		f, err = disk{}.Create(path)
		if err == nil {
			if d.unsynced == nil {
				d.unsynced = map[string]bool{}
			}
			d.unsynced[path] = true
			d.names = append(d.names, rename{"", path})
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return &testFile{f, d, path}, nil
}

func (d *testDisk) Rename(from, to string) error {
	return d.call(func() error {
		d.names = append(d.names, rename{from, to})
		return disk{}.Rename(from, to)
	})
}

func (d *testDisk) RemoveAll(path string) error {
	return d.call(func() error { return disk{}.RemoveAll(path) })
}

func (d *testDisk) SyncDir(path string) error {
	return d.call(func() error {
		d.names = slices.DeleteFunc(d.names, func(r rename) bool { return filepath.Dir(r.to) == path })
		return nil
	})
}

type testFile struct {
	file
	d    *testDisk
	path string
}

func (f *testFile) Write(b []byte) (int, error) {
	f.d.mu.Lock()
	defer f.d.mu.Unlock()
	n, err := f.d.spend(1 + len(b)/grain())
	if err != nil {
		n = min(n*grain(), len(b))
	} else {
		n = len(b)
	}
	if n, e := f.file.Write(b[:n]); e != nil {
		return n, e
	}
	return n, err
}

func (f *testFile) Sync() error {
	return f.d.call(func() error {
		delete(f.d.unsynced, f.path)
		return nil
	})
}

// powerCut does to the folder what a cut of power may do: renames that were not
// synced did not happen, files that were not synced are half there, or not at all
// where their folder was not synced either.
func (d *testDisk) powerCut() error {
	var errs []error
	for _, r := range slices.Backward(d.names) {
		switch _, err := os.Stat(r.to); {
		case errors.Is(err, os.ErrNotExist): // removed, or renamed and not renamed back
		case r.from == "":
			errs = append(errs, os.RemoveAll(r.to))
		default:
			errs = append(errs, os.Rename(r.to, r.from))
		}
	}
	for path := range d.unsynced {
		if info, err := os.Stat(path); err == nil {
			errs = append(errs, os.Truncate(path, info.Size()/2))
		}
	}
	return errors.Join(errs...)
}

// scenarios are the ways in which a Save finds the store.
var scenarios = []struct {
	name   string
	before []*Snapshot
	save   *Snapshot
}{
	{"first", nil, snapshot(1, 0)},
	{"next", []*Snapshot{snapshot(1, 0)}, snapshot(2, 0)},
	{"again", []*Snapshot{snapshot(1, 0), snapshot(2, 0)}, snapshot(2, 1)},
	{"again, the only one", []*Snapshot{snapshot(2, 0)}, snapshot(2, 1)},
}

// grain is the number of bytes between the points at which a write is stopped;
// calls are stopped one by one whatever it is. X2VEC_EXHAUSTIVE=1 tries every byte,
// which takes minutes.
func grain() int {
	switch {
	case os.Getenv("X2VEC_EXHAUSTIVE") != "":
		return 1
	case testing.Short():
		return 800
	}
	return 120
}

// Wherever a Save stops, by the death of the process or a power cut, the newest
// checkpoint is then the old state or the new one, whole, without any damage; and
// the new one if Save had returned.
func TestCrash(t *testing.T) {
	for _, sc := range scenarios {
		for _, power := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/power cut %v", sc.name, power), func(t *testing.T) {
				t.Parallel()
				base := t.TempDir()
				var saw [2]int // old states, new states
				for stop := 0; ; stop++ {
					dir := filepath.Join(base, fmt.Sprint(stop), "checkpoints")
					s := open(t, dir)
					for _, snap := range sc.before {
						if err := s.Save(snap); err != nil {
							t.Fatal(err)
						}
					}
					d := &testDisk{budget: stop}
					s.disk = d
					saveErr := s.Save(sc.save)
					if power {
						if err := d.powerCut(); err != nil {
							t.Fatal(err)
						}
					}
					saw[check(t, stop, open(t, dir), sc.before, sc.save, saveErr)]++
					if t.Failed() {
						return
					}
					if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
						t.Fatal(err)
					}
					if saveErr == nil && !d.stopped {
						break
					}
				}
				if saw[0] < 10 || saw[1] < 1 {
					t.Errorf("%d old and %d new states seen", saw[0], saw[1])
				}
			})
		}
	}
}

// check says whether the store has the old state (0) or the new one (1), and
// that it can be used.
func check(t *testing.T, stop int, s *Store, before []*Snapshot, saved *Snapshot, saveErr error) (is int) {
	t.Helper()
	got, faults, err := s.Latest()
	if len(faults) > 0 {
		t.Errorf("stopped at %d: damages %v", stop, faults)
	}
	isNew := err == nil && same(got, saved)
	isOld := errors.Is(err, ErrNone) && len(before) == 0 || err == nil && len(before) > 0 && same(got, before[len(before)-1])
	switch {
	case isNew:
		is = 1
	case !isOld:
		t.Errorf("stopped at %d: neither the old nor the new state: %+v, %v", stop, got, err)
	case saveErr == nil:
		t.Errorf("stopped at %d: Save had returned, but the old state is there", stop)
	}
	for _, snap := range before { // the ones before that are there too
		if snap.State.Step == saved.State.Step {
			continue
		}
		if got, err := s.Load(snap.State.Step); err != nil || !same(got, snap) {
			t.Errorf("stopped at %d: step %d: %v", stop, snap.State.Step, err)
		}
	}
	if err := s.Save(saved); err != nil {
		t.Errorf("stopped at %d: the next Save: %v", stop, err)
	}
	if got, faults, err := s.Latest(); err != nil || len(faults) > 0 || !same(got, saved) {
		t.Errorf("stopped at %d: after the next Save: %v, %v", stop, faults, err)
	}
	if left, err := filepath.Glob(filepath.Join(s.dir, ".*")); err != nil || len(left) > 0 {
		t.Errorf("stopped at %d: the next Save left %v (%v)", stop, left, err)
	}
	return is
}

func same(got, want *Snapshot) bool {
	w := *want
	return reflect.DeepEqual(got, loaded(&w))
}

// Whichever call of a Save fails, it says so, names the step to go back to, and
// leaves the old state and nothing else.
func TestSaveFails(t *testing.T) {
	full := &os.PathError{Op: "write", Path: "/somewhere/else", Err: syscall.ENOSPC}
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			base, late := t.TempDir(), 0
			for stop := 0; ; stop++ {
				dir := filepath.Join(base, fmt.Sprint(stop), "checkpoints")
				s := open(t, dir)
				for _, snap := range sc.before {
					if err := s.Save(snap); err != nil {
						t.Fatal(err)
					}
				}
				d := &testDisk{budget: stop, err: full}
				s.disk = d
				err := s.Save(sc.save)
				if err == nil && !d.stopped {
					break
				}
				if err != nil {
					want := "there was none before it"
					list := steps(t, s)
					if len(list) > 0 {
						want = fmt.Sprintf("the newest there, of step %d, is untouched", list[len(list)-1])
					}
					// Only the sync of its name failed: what is untouched is another one.
					if got, loadErr := s.Load(sc.save.State.Step); loadErr == nil && same(got, sc.save) {
						want = fmt.Sprintf("checkpoint of step %d is written, but its name may not outlast a power cut: %s: no space left on device", sc.save.State.Step, dir)
						if len(list) > 1 {
							want += fmt.Sprintf("; the newest beside it, of step %d, is untouched", list[len(list)-2])
						}
						late++
					}
					if !errors.Is(err, syscall.ENOSPC) || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "somewhere") {
						t.Fatalf("failed at %d: %v; want %q", stop, err, want)
					}
					if left, err := filepath.Glob(filepath.Join(dir, ".tmp*")); err != nil || len(left) > 0 {
						t.Fatalf("failed at %d: left %v (%v)", stop, left, err)
					}
				}
				check(t, stop, s, sc.before, sc.save, err)
				if t.Failed() {
					return
				}
				if err := os.RemoveAll(filepath.Dir(dir)); err != nil {
					t.Fatal(err)
				}
			}
			if late != 1 {
				t.Errorf("%d failures came after the new one was in its place, want 1", late)
			}
		})
	}
}

// Wherever a Prune stops, what it was to keep is there and nothing is damaged.
func TestCrashPrune(t *testing.T) {
	base := t.TempDir()
	for stop := 0; ; stop++ {
		dir := filepath.Join(base, fmt.Sprint(stop))
		s := open(t, dir)
		save(t, s, 1, 2, 3, 4)
		d := &testDisk{budget: stop}
		s.disk = d
		_, err := s.Prune(Policy{Last: 2})
		if (err == nil) == d.stopped {
			t.Errorf("stopped at %d: Prune returned %v", stop, err)
		}
		again := open(t, dir)
		list, err := again.List()
		if err != nil || len(list) < 2 || list[len(list)-1].Step != 4 || list[len(list)-2].Step != 3 {
			t.Fatalf("stopped at %d: %v, %v", stop, list, err)
		}
		for _, info := range list {
			if err := again.Verify(info.Step); err != nil {
				t.Errorf("stopped at %d: %v", stop, err)
			}
		}
		if !d.stopped {
			break
		}
	}
}
