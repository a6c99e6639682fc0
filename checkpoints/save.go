package checkpoints

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Save writes a checkpoint and returns once it is on the disk under its final
// name; one of the same step is replaced. Where Save fails or is stopped, what
// was there stays as it was, and the error names the file and the checkpoint to
// go back to; where only the last sync fails, the new one is there too. The arrays are read from several goroutines and not changed.
func (s *Store) Save(snap *Snapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := snap.State.Step
	if err := s.save(snap); err != nil {
		delete(s.good, step)
		if late, ok := errors.AsType[*unsynced](err); ok {
			return fmt.Errorf("checkpoint of step %d is written, but its name may not outlast a power cut: %w%s", step, late.err, s.before(step))
		}
		return fmt.Errorf("checkpoint of step %d not saved: %w; %s", step, err, s.untouched())
	}
	s.good[step] = true
	s.saved = step
	return nil
}

// untouched says, of what a failed Save left, where a run can go on.
func (s *Store) untouched() string {
	entries, err := s.entries()
	if err != nil || len(entries) == 0 {
		return "there was none before it"
	}
	return fmt.Sprintf("the newest there, of step %d, is untouched", entries[len(entries)-1].step)
}

// unsynced is the error of a checkpoint that is in its place, and whole, but whose name
// is not known to be on the disk.
type unsynced struct{ err error }

func (u *unsynced) Error() string { return u.err.Error() }

// before says where a run can go on that has lost the checkpoint of a step.
func (s *Store) before(step int) string {
	entries, _ := s.entries()
	for _, e := range slices.Backward(entries) {
		if e.step != step {
			return fmt.Sprintf("; the newest beside it, of step %d, is untouched", e.step)
		}
	}
	return ""
}

// A part is a file of a checkpoint that is to be written.
type part struct {
	name    string
	content func(io.Writer) error
}

func (s *Store) save(snap *Snapshot) error {
	parts, err := snap.parts()
	if err != nil {
		return err
	}
	if err := s.prepare(); err != nil {
		return err
	}
	beside := s.folder(besidePrefix, snap.State.Step)
	if err := s.write(beside, parts, snap); err != nil {
		// What was written takes up room on a disk that may be full. Should this
		// fail too, the next Save removes it.
		return errors.Join(err, s.disk.RemoveAll(beside))
	}
	return s.commit(beside, snap.State.Step)
}

// parts are the files but for the manifest, the largest first.
func (s *Snapshot) parts() ([]part, error) {
	state, err := s.State.encode()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", StateFile, err)
	}
	meta := map[string]string{"format": "pt"}
	maps.Copy(meta, s.Meta)
	arrays := func(name string, list []Array, meta map[string]string) part {
		return part{name, func(w io.Writer) error { return WriteSafetensors(w, list, meta) }}
	}
	parts := []part{arrays(WeightsFile, s.Weights, meta)}
	if len(s.Optimizer) > 0 {
		parts = append(parts, arrays(OptimizerFile, s.Optimizer, nil))
	}
	var extra []Array
	for section, list := range s.Extra {
		if section == "" || strings.Contains(section, "/") {
			return nil, fmt.Errorf("%s: section %q: want a name without slash", ExtraFile, section)
		}
		for _, a := range list {
			a.Name = section + "/" + a.Name
			extra = append(extra, a)
		}
	}
	if len(extra) > 0 {
		parts = append(parts, arrays(ExtraFile, extra, nil))
	}
	return append(parts, part{StateFile, func(w io.Writer) error {
		_, err := w.Write(state)
		return err
	}}), nil
}

// prepare makes the store's folder and puts right what an earlier Save or Prune
// could not end.
func (s *Store) prepare() error {
	if err := makeDir(s.disk, s.dir); err != nil {
		return err
	}
	list, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("%s: %w", s.dir, cause(err))
	}
	for _, f := range list {
		path := filepath.Join(s.dir, f.Name())
		if strings.HasPrefix(f.Name(), besidePrefix) {
			if err := s.disk.RemoveAll(path); err != nil {
				return fmt.Errorf("%s: %w", path, cause(err))
			}
			continue
		}
		aside, ok := strings.CutPrefix(f.Name(), ".old-")
		if _, isStep := parseStep(aside); !ok || !isStep {
			continue
		}
		final := filepath.Join(s.dir, aside)
		if gone(final) {
			err = s.disk.Rename(path, final)
		} else {
			err = s.remove(path, aside)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, cause(err))
		}
	}
	return nil
}

// remove takes a checkpoint away: out of sight first, so that a removal which is
// interrupted leaves no half of it.
func (s *Store) remove(path, name string) error {
	hidden := filepath.Join(s.dir, ".tmp-"+name)
	if err := s.disk.Rename(path, hidden); err != nil {
		return err
	}
	return s.disk.RemoveAll(hidden)
}

// write fills a new folder: all parts side by side, since checksums and syncing
// take the time, and then the manifest.
func (s *Store) write(folder string, parts []part, snap *Snapshot) error {
	if err := s.disk.Mkdir(folder); err != nil {
		return fmt.Errorf("%s: %w", folder, cause(err))
	}
	m := &manifest{
		Version: Version, Program: s.Program, Time: s.now().UTC().Truncate(time.Second),
		Step: snap.State.Step, Metrics: snap.State.Metrics, Files: make([]manifestFile, len(parts)),
	}
	errs := make([]error, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() { m.Files[i], errs[i] = s.writePart(folder, p) })
	}
	wg.Wait()
	if i := slices.IndexFunc(errs, func(err error) bool { return err != nil }); i >= 0 {
		return errs[i] // on a full disk the others say the same
	}
	content, err := m.encode()
	if err != nil {
		return fmt.Errorf("%s: %w", ManifestFile, err)
	}
	_, err = s.writePart(folder, part{ManifestFile, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	}})
	if err != nil {
		return err
	}
	if err := s.disk.SyncDir(folder); err != nil {
		return fmt.Errorf("%s: %w", folder, cause(err))
	}
	return nil
}

// writePart writes, sums and syncs one file in one pass.
func (s *Store) writePart(folder string, p part) (manifestFile, error) {
	hash := sha256.New()
	var size counter
	err := writeSynced(s.disk, filepath.Join(folder, p.name), func(w io.Writer) error {
		return p.content(io.MultiWriter(w, hash, &size))
	})
	if err != nil {
		return manifestFile{}, fmt.Errorf("%s: %w", p.name, cause(err))
	}
	return manifestFile{p.name, int64(size), hex.EncodeToString(hash.Sum(nil))}, nil
}

// counter counts the bytes that are written to it.
type counter int64

func (c *counter) Write(b []byte) (int, error) {
	*c += counter(len(b))
	return len(b), nil
}

// commit gives a written folder its final name. A folder cannot be renamed over
// another one, so that one of the same step stands aside meanwhile.
func (s *Store) commit(beside string, step int) error {
	final, aside := s.folder(stepPrefix, step), s.folder(asidePrefix, step)
	replaces := !gone(final)
	if replaces {
		if err := s.disk.Rename(final, aside); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", final, cause(err)), s.disk.RemoveAll(beside))
		}
	}
	if err := s.disk.Rename(beside, final); err != nil {
		err = fmt.Errorf("%s: %w", final, cause(err))
		if replaces {
			err = errors.Join(err, s.disk.Rename(aside, final))
		}
		return errors.Join(err, s.disk.RemoveAll(beside))
	}
	if err := s.disk.SyncDir(s.dir); err != nil {
		return &unsynced{fmt.Errorf("%s: %w", s.dir, cause(err))}
	}
	if replaces {
		// The new one is in place whether or not this succeeds, and the next Save
		// tries again.
		_ = s.remove(aside, filepath.Base(final))
	}
	return nil
}
