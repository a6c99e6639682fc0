package checkpoints

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// damaged gives a store with the steps 100 and 200 of which the newer one was
// spoilt by the edit.
func damaged(t *testing.T, edit func(folder string) error) *Store {
	t.Helper()
	s := open(t, t.TempDir())
	save(t, s, 100, 200)
	if err := edit(s.folder(stepPrefix, 200)); err != nil {
		t.Fatal(err)
	}
	return open(t, s.dir) // which remembers nothing
}

func rewrite(path string, edit func([]byte) []byte) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, edit(b), 0o666)
}

func TestDamage(t *testing.T) {
	all := []string{WeightsFile, OptimizerFile, ExtraFile, StateFile, ManifestFile}
	for _, tc := range []struct {
		name  string
		files []string
		edit  func(path string) error
		want  string // the problem begins with it
		wantM string // and where it is the manifest
		look  bool   // seen without reading all
	}{
		{"missing", all, os.Remove, "missing", "missing", true},
		{"cut off", all, func(path string) error { return os.Truncate(path, 10) }, "has 10 bytes, want ", "cut off", true},
		{"empty", all, func(path string) error { return os.Truncate(path, 0) }, "has 0 bytes, want ", "cut off", true},
		{"one bit", all, func(path string) error {
			return rewrite(path, func(b []byte) []byte { b[len(b)/2] ^= 4; return b })
		}, "bytes were changed after it was written: its SHA-256 is ", "", false},
		{"longer", all, func(path string) error {
			return rewrite(path, func(b []byte) []byte { return append(b, 0) })
		}, "has ", "goes on after its end", true},
		{"a folder", all, func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o777)) }, "", "unreadable", false},
	} {
		for _, file := range tc.files {
			t.Run(tc.name+"/"+file, func(t *testing.T) {
				s := damaged(t, func(folder string) error { return tc.edit(filepath.Join(folder, file)) })
				want := tc.want
				if file == ManifestFile {
					want = tc.wantM
				}
				snap, faults, err := s.Latest()
				if err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(snap, loaded(snapshot(100, 0))) {
					t.Errorf("got %+v", snap)
				}
				if len(faults) != 1 || faults[0].File != file || faults[0].Step != 200 || !strings.HasPrefix(faults[0].Problem, want) {
					t.Errorf("damages %v, want one of %s: %q", faults, file, want)
				}
				err = s.Verify(200)
				if !reflect.DeepEqual(damages(err), faults) {
					t.Errorf("Verify: %v, want %v", err, faults)
				}
				if err := s.Verify(100); err != nil {
					t.Errorf("Verify(100): %v", err)
				}
				list, err := s.List()
				if err != nil || len(list) != 2 || list[0].Err != nil || tc.look && list[1].Err == nil {
					t.Errorf("List: %+v, %v", list, err)
				}
				// Training goes on from 100 and comes to 200 again.
				save(t, s, 200)
				if snap, faults, err := s.Latest(); err != nil || len(faults) > 0 || snap.State.Step != 200 {
					t.Errorf("after saving again: %v, %v", faults, err)
				}
			})
		}
	}
}

// No bit of a checkpoint can change unnoticed.
func TestDamageEveryByte(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, 1)
	folder := s.folder(stepPrefix, 1)
	for _, name := range []string{WeightsFile, OptimizerFile, ExtraFile, StateFile, ManifestFile} {
		path := filepath.Join(folder, name)
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i, b := range whole {
			if _, err := f.WriteAt([]byte{b ^ 1<<(i%8)}, int64(i)); err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(1); err == nil {
				t.Errorf("%s: bit %d of byte %d was changed unnoticed", name, i%8, i)
			}
			if _, err := f.WriteAt([]byte{b}, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Verify(1); err != nil {
		t.Error(err)
	}
}

func TestVerifyNamesAll(t *testing.T) {
	s := damaged(t, func(folder string) error {
		return errors.Join(
			os.Truncate(filepath.Join(folder, WeightsFile), 3),
			os.Remove(filepath.Join(folder, StateFile)),
			os.Remove(filepath.Join(folder, ExtraFile)),
		)
	})
	var files []string
	for _, d := range damages(s.Verify(200)) {
		files = append(files, d.File)
	}
	slices.Sort(files)
	if !slices.Equal(files, []string{ExtraFile, StateFile, WeightsFile}) {
		t.Errorf("faults in %v", files)
	}
}

func TestNoneWhole(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, 1, 2)
	for _, step := range []int{1, 2} {
		if err := os.Remove(filepath.Join(s.folder(stepPrefix, step), StateFile)); err != nil {
			t.Fatal(err)
		}
	}
	snap, faults, err := s.Latest()
	if snap != nil || len(faults) != 2 || err == nil || errors.Is(err, ErrNone) ||
		!strings.Contains(err.Error(), "none of 2 checkpoints is whole") || strings.Count(err.Error(), "state.json: missing") != 2 {
		t.Errorf("got %v, %v, %v", snap, faults, err)
	}
}

func TestRenamedFolder(t *testing.T) {
	s := damaged(t, func(folder string) error {
		return os.Rename(folder, filepath.Join(filepath.Dir(folder), "step-00000300"))
	})
	snap, faults, err := s.Latest()
	if err != nil || snap.State.Step != 100 || len(faults) != 1 || faults[0].Problem != "is of step 200; was the folder renamed?" {
		t.Errorf("%v, %v", faults, err)
	}
	if err := s.Verify(300); err == nil {
		t.Error("Verify finds nothing")
	}
}

// What is not the name of a checkpoint is let alone.
func TestOtherFiles(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, 1)
	names := []string{"step-7", "step-000000a8", "step-+0000009", "step-", "notes", ".tmp-mine", ".old-mine", "step-99999999999999999999"}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Join(s.dir, name, "x"), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.dir, "step-00000012"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	save(t, s, 2)
	if _, err := s.Prune(Policy{Last: 1}); err != nil {
		t.Fatal(err)
	}
	if got := steps(t, s); !slices.Equal(got, []int{2}) {
		t.Errorf("steps %v, want [2]", got)
	}
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(s.dir, name, "x")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewerVersion(t *testing.T) {
	newer := fmt.Sprintf(`{"version": %d, "program": "x2vec\u001b 9.1", "more": [1]}`, Version+1)
	s := damaged(t, func(folder string) error {
		return os.WriteFile(filepath.Join(folder, ManifestFile), []byte(newer), 0o666)
	})
	snap, _, err := s.Latest()
	var v *VersionError
	if snap != nil || !errors.As(err, &v) {
		t.Fatalf("Latest: %v, %v; want a VersionError", snap, err)
	}
	want := filepath.Join(s.dir, "step-00000200", "manifest.json") + ": format version 2, written by x2vec 9.1; this program reads versions 1 to 1: use a newer one"
	if err.Error() != want {
		t.Errorf("error %q\nwant  %q", err, want)
	}
	if err := s.Verify(200); !errors.As(err, &v) {
		t.Errorf("Verify: %v", err)
	}
	// Nor is it pruned: what it holds is worth as much as any.
	save(t, s, 300, 400)
	if removed, err := s.Prune(Policy{Last: 1}); err != nil || !slices.Equal(removed, []int{100, 300}) {
		t.Errorf("Prune: %v, %v", removed, err)
	}

	for _, version := range []string{"0", "-1", `"1"`, "1.5"} {
		s := damaged(t, func(folder string) error {
			return os.WriteFile(filepath.Join(folder, ManifestFile), []byte(`{"version": `+version+`}`), 0o666)
		})
		if snap, faults, err := s.Latest(); err != nil || snap.State.Step != 100 || len(faults) != 1 {
			t.Errorf("version %s: %v, %v", version, faults, err)
		}
	}
}

// Interrupted while a step was being replaced: the one before stands aside.
func TestAside(t *testing.T) {
	s := open(t, t.TempDir())
	save(t, s, 100, 200)
	aside := s.folder(asidePrefix, 200)
	if err := os.Rename(s.folder(stepPrefix, 200), aside); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.folder(besidePrefix, 200), 0o777); err != nil {
		t.Fatal(err)
	}
	if snap, faults, err := s.Latest(); err != nil || len(faults) > 0 || snap.State.Step != 200 {
		t.Fatalf("Latest: %v, %v", faults, err)
	}
	save(t, s, 300) // puts it back
	if _, err := os.Stat(aside); err == nil {
		t.Error("still aside")
	}
	if got := steps(t, s); !slices.Equal(got, []int{100, 200, 300}) {
		t.Errorf("steps %v", got)
	}
	// Both are there: the new one counts, the other goes.
	if err := os.CopyFS(aside, os.DirFS(s.folder(stepPrefix, 100))); err != nil {
		t.Fatal(err)
	}
	if snap, err := s.Load(200); err != nil || snap.State.Step != 200 {
		t.Errorf("Load: %v", err)
	}
	save(t, s, 400)
	if list, err := filepath.Glob(filepath.Join(s.dir, ".*")); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

func FuzzManifest(f *testing.F) {
	m := manifest{Version: Version, Program: "x2vec", Metrics: map[string]Float{"loss": Float(math.NaN())}, Files: []manifestFile{
		{WeightsFile, 10, "00"}, {StateFile, 20, "11"},
	}}
	good, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	m.Files = append(m.Files, manifestFile{"../../etc/passwd", 1, ""})
	bad, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(bad)
	f.Add([]byte(`{"version":99,"program":"\u001b[31m"}`))
	f.Add([]byte(`{"version":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeManifest(b)
		if err != nil {
			return
		}
		for _, f := range m.Files {
			if f.Name != filepath.Base(f.Name) || f.Size < 0 {
				t.Fatalf("file %+v", f)
			}
		}
		again, err := m.encode()
		if err != nil || string(again) != string(b) {
			t.Fatalf("encodes as %q, %v", again, err)
		}
	})
}

func FuzzState(f *testing.F) {
	good, err := snapshot(12, 0).State.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"version":1,"step":1,"best":{"metric":"x","value":"NaN","step":3}}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":1,"step":-1}`))
	f.Add([]byte(`{"version":1,"sections":{"a":null,"b":[1, 2]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err != nil {
			return
		}
		text, err := s.encode()
		if err != nil {
			t.Fatalf("does not write what it read: %v", err)
		}
		again, err := decodeState(text)
		if err != nil {
			t.Fatalf("does not read what it wrote: %v", err)
		}
		if again.Step != s.Step || again.Seed != s.Seed || len(again.Sections) != len(s.Sections) ||
			!slices.Equal(slices.Sorted(maps.Keys(again.Metrics)), slices.Sorted(maps.Keys(s.Metrics))) {
			t.Fatalf("%+v became %+v", s, again)
		}
	})
}
