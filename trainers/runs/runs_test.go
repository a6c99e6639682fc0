package runs

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"x2vec/checkpoints"
)

func TestFind(t *testing.T) {
	file := &fstest.MapFile{}
	got, err := Find(fstest.MapFS{
		"b/run.toml": file, "a/metrics.jsonl": file, "a/inner/run.toml": file, "sweep/x/run.toml": file, "sweep/notes.txt": file,
		".hidden/run.toml": file, "1/2/3/4/run.toml": file, "1/2/3/4/5/run.toml": file, "1/2/3/x/5/run.toml": file, "folder/run.toml/x": file,
	})
	if want := []string{"1/2/3/4", "a", "b", "sweep/x"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("found %v, %v; want %v", got, err, want)
	}
	if got, err := Find(fstest.MapFS{"run.toml": file}); err != nil || !slices.Equal(got, []string{"."}) {
		t.Errorf("the folder is a run itself: found %v, %v", got, err)
	}
}

func TestFindFollowsNoLinks(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(outside, RunFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Skip(err)
	}
	if got, err := Find(os.DirFS(dir)); err != nil || len(got) != 0 {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestSettings(t *testing.T) {
	s, err := ReadSettings(fstest.MapFS{RunFile: {Data: []byte("seed = 3\n[encoder]\ntype = \"mlp\"\nhidden = [512, 256]\n[optimizer]\nlr = 1e-3\n[resolved]\nversion = \"v1\"\n")}})
	if err != nil || !slices.Equal(s.Keys, []string{"seed", "encoder.type", "encoder.hidden", "optimizer.lr"}) {
		t.Fatalf("%v, %v", s.Keys, err)
	}
	if s.Values["encoder.hidden"] != "[512, 256]" || s.Values["encoder.type"] != "mlp" || s.Resolved["version"] != "v1" || s.What() != "encoder mlp" {
		t.Errorf("%+v", s)
	}
	if s, err := ReadSettings(fstest.MapFS{RunFile: {Data: []byte("[[\xff")}}); err == nil || s.Text != "[[\uFFFD" {
		t.Errorf("%q, %v", s.Text, err)
	}
}

func settings(pairs ...string) Settings {
	s := Settings{Values: map[string]string{}}
	for _, p := range pairs {
		k, v, _ := strings.Cut(p, "=")
		s.Keys = append(s.Keys, k)
		s.Values[k] = v
	}
	return s
}

func TestDiffer(t *testing.T) {
	a, b, c := settings("seed=1", "x=1", "z=1"), settings("seed=1", "x=1", "y=", "z=2"), settings("seed=2", "x=1", "z=1")
	if got := Differ([]Settings{a, b}); !slices.Equal(got, []string{"y", "z"}) {
		t.Errorf("differ: %v", got)
	}
	if got := fmt.Sprint(Repeats([]Settings{a, b, c, {}, {}})); got != "[[0 2] [1] [3] [4]]" {
		t.Errorf("repeats: %v", got)
	}
}

func TestMean(t *testing.T) {
	// Student's t of two degrees of freedom is 4.30265 at 97.5 % (any table).
	mean, half := Mean([]float64{1, 2, 3})
	if mean != 2 || math.Abs(half-4.30265/math.Sqrt(3)) > 1e-5 {
		t.Errorf("%g ± %g", mean, half)
	}
	if mean, half := Mean([]float64{7}); mean != 7 || !math.IsNaN(half) {
		t.Errorf("%g ± %g", mean, half)
	}
}

// logged is a run whose log holds those lines.
func logged(lines ...string) fstest.MapFS {
	return fstest.MapFS{MetricsFile: {Data: []byte(strings.Join(lines, "\n") + "\n"), ModTime: time.Now().Add(-time.Hour)}}
}

func line(step int) string {
	return fmt.Sprintf(`{"step":%d,"samples":%d,"epoch":1,"time":%g,"loss":0.5,"lr":1,"grad_norm":1,"samples_per_s":100,"data_wait_ms":0,"rss_mb":1}`, step, step, float64(step)/10)
}

func holder(t *testing.T, h checkpoints.Holder) *fstest.MapFile {
	t.Helper()
	text, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	return &fstest.MapFile{Data: append([]byte(" "), text...)}
}

func TestStates(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	const start = `{"event":"start","step":0,"time":0,"steps":200}`
	stop := func(rest string) string { return `{"event":"stop","step":100,"time":10,` + rest + `}` }
	me := checkpoints.Holder{PID: os.Getpid(), Host: host, Since: time.Now()}
	gone, reused, elsewhere := me, me, me
	gone.PID = 1 << 30
	reused.Since = time.Now().Add(-100 * 24 * time.Hour)
	elsewhere.Host = "another"
	for name, c := range map[string]struct {
		files fstest.MapFS
		lock  *checkpoints.Holder
		want  State
	}{
		"nothing":             {fstest.MapFS{}, nil, New},
		"waiting":             {fstest.MapFS{}, &me, Running},
		"at work":             {logged(start, line(10)), &me, Running},
		"killed":              {logged(start, line(10)), &gone, Lost},
		"number used again":   {logged(start, line(10)), &reused, Lost},
		"no lock":             {logged(start, line(10)), nil, Lost},
		"no start":            {logged(line(10)), nil, Lost},
		"elsewhere, silent":   {logged(start, line(10)), &elsewhere, Lost},
		"complete":            {logged(start, line(100), stop(`"reason":"complete"`)), nil, Complete},
		"longer now":          {logged(start, line(100), stop(`"reason":"complete"`), `{"event":"resume","step":100,"time":10,"steps":300}`), &me, Running},
		"stopped":             {logged(start, line(100), stop(`"reason":"SIGTERM","saved":true`)), nil, Stopped},
		"failed":              {logged(start, line(100), stop(`"reason":"the loss is NaN"`)), nil, Failed},
		"complete, elsewhere": {logged(start, line(100), stop(`"reason":"complete"`)), &elsewhere, Complete},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "number used again" {
				if _, err := os.Stat("/proc/self/stat"); err != nil {
					t.Skip("this system does not say when a process began")
				}
			}
			if c.lock != nil {
				c.files[checkpoints.LockFile] = holder(t, *c.lock)
			}
			if s := Summarize(Folder{"a", c.files}); s.State != c.want {
				t.Errorf("is %q, want %q", s.State, c.want)
			}
		})
	}
	busy := logged(start, line(10))
	busy[MetricsFile].ModTime = time.Now()
	busy[checkpoints.LockFile] = holder(t, elsewhere)
	if s := Summarize(Folder{"a", busy}); s.State != Running {
		t.Errorf("a run of another machine that writes is %q", s.State)
	}
}

// Of a long log only the ends are read, and they tell the same as the whole.
func TestSummaryOfLongLog(t *testing.T) {
	lines := []string{`{"event":"start","step":0,"time":0,"steps":40000}`}
	for step := 10; step <= 30000; step += 10 {
		lines = append(lines, line(step))
	}
	lines = append(lines, `{"event":"checkpoint","step":30000,"time":3000,"steps":60000}`)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, MetricsFile), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lock, err := checkpoints.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := Summarize(f)
	if s.State != Running || s.Step != 30000 || s.Steps != 60000 || s.Left != 3000*time.Second || s.Done() != 0.5 {
		t.Errorf("%+v", s)
	}
	if err := lock.Release(); err != nil {
		t.Fatal(err)
	}
	if s := Summarize(f); s.State != Lost || s.Left != 0 {
		t.Errorf("without its process: %+v", s)
	}
}

func TestTags(t *testing.T) {
	files := fstest.MapFS{TagsFile: {Data: []byte("good\n  paper \n\ngood\ntwo words\n" + strings.Repeat("x", 65) + "\n")}}
	if got := Tags(files); !slices.Equal(got, []string{"good", "paper"}) {
		t.Errorf("tags %q", got)
	}
}

// Nothing that lies in a folder makes reading it fail.
func FuzzSummarize(f *testing.F) {
	f.Add("seed = 1", line(3)+"\n", `{"step":1,"figures":[{"name":"a","value":1}]}`, ` {"pid":1,"host":"a"}`)
	f.Fuzz(func(t *testing.T, settings, log, result, lock string) {
		files := fstest.MapFS{RunFile: {Data: []byte(settings)}, MetricsFile: {Data: []byte(log)}, "evals/a.json": {Data: []byte(result)}, checkpoints.LockFile: {Data: []byte(lock)}}
		s := Summarize(Folder{"a", files})
		if d := s.Done(); d > 1 || d < -1 {
			t.Errorf("done %g", d)
		}
	})
}
