package checkpoints

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrNone says that there is no checkpoint yet.
var ErrNone = errors.New("no checkpoint")

// Names of folders; the step follows in eight digits or more.
const (
	stepPrefix   = "step-"
	besidePrefix = ".tmp-step-" // being written, or being removed
	asidePrefix  = ".old-step-" // about to be replaced by one of the same step
)

// A Store is the folder that holds the checkpoints of one run. Its methods may
// be called from several goroutines; only the process that holds the run's lock
// may call Save and Prune.
type Store struct {
	// Program is written into the manifests: name and version.
	Program string

	dir  string
	disk filesystem
	now  func() time.Time

	mu sync.Mutex
	// good holds the steps that this process has written or read whole.
	good map[int]bool
	// saved is the step of the last Save, -1 before it.
	saved int
}

// Open gives the store in a folder, usually RUN/checkpoints. The folder need not
// exist; Save makes it.
func Open(dir string) (*Store, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("%s: %w", dir, cause(err))
	case !info.IsDir():
		return nil, fmt.Errorf("%s: is a file; want a folder of checkpoints", dir)
	}
	return &Store{Program: "x2vec", dir: filepath.Clean(dir), disk: disk{}, now: time.Now, good: map[int]bool{}, saved: -1}, nil
}

// An Info describes a checkpoint without reading its arrays.
type Info struct {
	Step    int
	Folder  string
	Time    time.Time
	Program string
	Bytes   int64 // of all files
	Metrics map[string]Float
	// Err is what a look at the manifest and the sizes finds wrong: Damages or a
	// *VersionError. Checksums are compared by Verify.
	Err error
}

// List describes all checkpoints, the newest last.
func (s *Store) List() ([]Info, error) {
	entries, err := s.entries()
	if err != nil {
		return nil, err
	}
	var list []Info
	for _, e := range entries {
		info := describe(e)
		if info.Err != nil && gone(e.folder) {
			continue
		}
		list = append(list, info)
	}
	return list, nil
}

func describe(e entry) Info {
	info := Info{Step: e.step, Folder: e.folder}
	m, err := readManifest(e.folder)
	if err != nil {
		info.Err = err
		return info
	}
	info.Time, info.Program, info.Metrics = m.Time, printable(m.Program), m.Metrics
	var errs []error
	for _, f := range m.Files {
		info.Bytes += f.Size
		stat, err := os.Stat(filepath.Join(e.folder, f.Name))
		switch {
		case err != nil:
			errs = append(errs, Damage{e.step, e.folder, f.Name, unreadable(err)})
		case stat.Size() != f.Size:
			errs = append(errs, Damage{e.step, e.folder, f.Name, fmt.Sprintf("has %d bytes, want %d", stat.Size(), f.Size)})
		}
	}
	errs = append(errs, e.misnamed(m))
	info.Err = errors.Join(errs...)
	return info
}

// Load reads and verifies the checkpoint of a step.
func (s *Store) Load(step int) (*Snapshot, error) {
	e, err := s.entry(step)
	if err != nil {
		return nil, err
	}
	return s.load(e)
}

func (s *Store) load(e entry) (*Snapshot, error) {
	snap, err := ReadFolder(e.folder)
	if err != nil {
		return nil, err
	}
	if snap.State.Step != e.step {
		return nil, e.misnamed(&manifest{Step: snap.State.Step})
	}
	s.mu.Lock()
	s.good[e.step] = true
	s.mu.Unlock()
	return snap, nil
}

// Verify reads every byte of a step's checkpoint and returns all faults, joined:
// Damages or a *VersionError.
func (s *Store) Verify(step int) error {
	e, err := s.entry(step)
	if err != nil {
		return err
	}
	if err := verifyFolder(e.folder); err != nil {
		return err
	}
	m, err := readManifest(e.folder)
	if err != nil {
		return err
	}
	return e.misnamed(m)
}

// Latest reads the newest checkpoint that is whole, and names what is wrong with
// those that are newer. Without any checkpoint the error is ErrNone. One of a
// newer format is an error, a *VersionError, and none before it is used: going on
// from there would write over what the newer program did.
func (s *Store) Latest() (*Snapshot, []Damage, error) {
	// While this reads without the run's lock, the run may prune what was just
	// listed; then there is a newer one, and it is looked for again: those that are
	// older than the one that went are no answer.
	for range 100 {
		entries, err := s.entries()
		if err != nil {
			return nil, nil, err
		}
		var faults []Damage
		pruned := false
		for _, e := range slices.Backward(entries) {
			snap, err := s.load(e)
			if err == nil {
				return snap, faults, nil
			}
			if gone(e.folder) {
				pruned = true
				break
			}
			var newer *VersionError
			if errors.As(err, &newer) {
				return nil, faults, err
			}
			faults = append(faults, damages(err)...)
		}
		switch {
		case pruned:
			continue
		case len(entries) == 0:
			return nil, nil, ErrNone
		default:
			errs := []error{fmt.Errorf("%s: none of %d checkpoints is whole", s.dir, len(entries))}
			for _, d := range faults {
				errs = append(errs, d)
			}
			return nil, faults, errors.Join(errs...)
		}
	}
	return nil, nil, fmt.Errorf("%s: every checkpoint was removed while it was read", s.dir)
}

// An entry is a folder with a checkpoint.
type entry struct {
	step   int
	folder string
}

// misnamed is a Damage where the manifest is of another step than the folder.
func (e entry) misnamed(m *manifest) error {
	if m.Step == e.step {
		return nil
	}
	return Damage{e.step, e.folder, ManifestFile, fmt.Sprintf("is of step %d; was the folder renamed?", m.Step)}
}

// entries are all checkpoints, the newest last. One that stands aside counts
// where none is in its place: the program ended while it was being replaced.
func (s *Store) entries() ([]entry, error) {
	list, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.dir, cause(err))
	}
	folders := map[int]string{}
	for _, f := range list {
		name := f.Name()
		aside := strings.HasPrefix(name, asidePrefix)
		step, ok := parseStep(strings.TrimPrefix(name, ".old-"))
		if !ok || !f.IsDir() {
			continue
		}
		if folders[step] == "" || !aside {
			folders[step] = filepath.Join(s.dir, name)
		}
	}
	var entries []entry
	for step, folder := range folders {
		entries = append(entries, entry{step, folder})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.step, b.step) })
	return entries, nil
}

func (s *Store) entry(step int) (entry, error) {
	entries, err := s.entries()
	if err != nil {
		return entry{}, err
	}
	if len(entries) == 0 {
		return entry{}, fmt.Errorf("%s: %w", s.dir, ErrNone)
	}
	var steps []string
	for _, e := range entries {
		if e.step == step {
			return e, nil
		}
		steps = append(steps, strconv.Itoa(e.step))
	}
	if n := len(steps); n > 12 {
		steps = append(append(steps[:3:3], "…"), steps[n-8:]...)
	}
	return entry{}, fmt.Errorf("%s: no checkpoint of step %d; there are %s", s.dir, step, strings.Join(steps, ", "))
}

// folder is where the checkpoint of a step belongs.
func (s *Store) folder(prefix string, step int) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s%08d", prefix, step))
}

// parseStep reads the name of a checkpoint's folder.
func parseStep(name string) (int, bool) {
	digits, ok := strings.CutPrefix(name, stepPrefix)
	if !ok {
		return 0, false
	}
	step, err := strconv.Atoi(digits)
	// Only the name that folder would give: not step-7, not step-+0000007.
	return step, err == nil && fmt.Sprintf("%08d", step) == digits
}
