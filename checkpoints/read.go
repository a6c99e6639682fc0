package checkpoints

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A Damage is a fault of one file of a checkpoint.
type Damage struct {
	Step    int
	Folder  string // of the checkpoint
	File    string // in it
	Problem string // missing, of another size, of another checksum, unreadable
}

func (d Damage) Error() string { return filepath.Join(d.Folder, d.File) + ": " + d.Problem }

// ReadFolder reads and verifies the checkpoint in a folder, wherever that is.
// Every faulty file is named; the errors are Damages or a *VersionError.
func ReadFolder(folder string) (*Snapshot, error) {
	m, err := readManifest(folder)
	if err != nil {
		return nil, err
	}
	s := new(Snapshot)
	var extra *File
	// The files are read side by side: their checksums take most of the time.
	err = eachFile(folder, m, func(name string, r io.Reader, size int64) error {
		switch name {
		case StateFile:
			var err error
			s.State, err = readState(r, m.Step)
			return err
		case WeightsFile:
			f, err := DecodeSafetensors(r, size)
			if err == nil {
				s.Weights, s.Meta = f.Arrays, f.Meta
			}
			return err
		case OptimizerFile:
			f, err := DecodeSafetensors(r, size)
			if err == nil {
				s.Optimizer = f.Arrays
			}
			return err
		default: // ExtraFile
			var err error
			extra, err = DecodeSafetensors(r, size)
			return err
		}
	})
	if err != nil {
		return nil, err
	}
	if extra != nil {
		s.Extra = make(map[string][]Array)
		for _, a := range extra.Arrays {
			section, name, ok := strings.Cut(a.Name, "/")
			if !ok {
				return nil, Damage{m.Step, folder, ExtraFile, fmt.Sprintf("array %q belongs to no section", a.Name)}
			}
			a.Name = name
			s.Extra[section] = append(s.Extra[section], a)
		}
	}
	return s, nil
}

// verifyFolder reads everything and keeps nothing.
func verifyFolder(folder string) error {
	m, err := readManifest(folder)
	if err != nil {
		return err
	}
	return eachFile(folder, m, func(name string, r io.Reader, size int64) error {
		if name == StateFile {
			_, err := readState(r, m.Step)
			return err
		}
		_, _, err := readLayout(r, size)
		return err
	})
}

// readState reads state.json, which must be of the step that the manifest says.
func readState(r io.Reader, step int) (State, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return State{}, err
	}
	state, err := decodeState(b)
	if err == nil && state.Step != step {
		err = fmt.Errorf("is of step %d, the manifest of step %d", state.Step, step)
	}
	return state, err
}

// readManifest reads the manifest of a folder; the error is a Damage or a
// *VersionError.
func readManifest(folder string) (*manifest, error) {
	step, _ := parseStep(filepath.Base(folder))
	damage := func(problem string) error { return Damage{step, folder, ManifestFile, problem} }
	f, size, err := openRegular(filepath.Join(folder, ManifestFile))
	if err != nil {
		return nil, damage(unreadable(err))
	}
	defer f.Close()
	if size > maxManifest {
		return nil, damage(fmt.Sprintf("has %d bytes, want at most %d", size, maxManifest))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return nil, damage(unreadable(err))
	}
	m, err := decodeManifest(b)
	var newer *VersionError
	switch {
	case errors.As(err, &newer):
		newer.File = filepath.Join(folder, ManifestFile)
		return nil, newer
	case err != nil:
		return nil, damage(err.Error())
	}
	return m, nil
}

// eachFile calls decode with the content of every file that the manifest lists,
// side by side, and compares sizes and checksums in the same pass. All faults
// are joined, in the order of the manifest.
func eachFile(folder string, m *manifest, decode func(name string, r io.Reader, size int64) error) error {
	errs := make([]error, len(m.Files))
	var wg sync.WaitGroup
	for i, entry := range m.Files {
		wg.Go(func() {
			err := checkedFile(filepath.Join(folder, entry.Name), entry, decode)
			var newer *VersionError
			switch {
			case errors.As(err, &newer):
				newer.File = filepath.Join(folder, entry.Name)
				errs[i] = newer
			case err != nil:
				errs[i] = Damage{m.Step, folder, entry.Name, err.Error()}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func checkedFile(path string, entry manifestFile, decode func(name string, r io.Reader, size int64) error) error {
	f, size, err := openRegular(path)
	if err != nil {
		return errors.New(unreadable(err))
	}
	defer f.Close()
	if size != entry.Size {
		return fmt.Errorf("has %d bytes, want %d", size, entry.Size)
	}
	hash := sha256.New()
	// No more is read than was announced, should the file grow meanwhile.
	r := io.TeeReader(io.LimitReader(f, size), hash)
	decodeErr := decode(entry.Name, r, size)
	// What decode did not want is read for the checksum alone. It is looked at
	// first: where bytes were changed, what they seem to say is no news.
	// The blank Writer hides that Discard reads for itself, 8 KiB at a time.
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, blockSize)); err != nil {
		return errors.New(unreadable(err))
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != entry.SHA256 {
		return fmt.Errorf("bytes were changed after it was written: its SHA-256 is %.12s…, want %.12s…", sum, entry.SHA256)
	}
	return decodeErr
}

func unreadable(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "missing"
	}
	return "unreadable: " + cause(err).Error()
}

// gone says that a folder is there no longer: pruned while it was read.
func gone(folder string) bool {
	_, err := os.Stat(folder)
	return errors.Is(err, fs.ErrNotExist)
}

// damages are those that an error of ReadFolder or verifyFolder consists of.
func damages(err error) []Damage {
	if d, ok := err.(Damage); ok {
		return []Damage{d}
	}
	var list []Damage
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = slices.Concat(list, damages(e))
		}
	}
	return list
}
