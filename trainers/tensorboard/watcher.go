package tensorboard

import (
	"bytes"
	"errors"
	"fmt"
	"image/png"
	"io"
	"maps"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"x2vec/checkpoints"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/runlog"
	"x2vec/trainers/runs"
)

// Dir is the folder of a run that TensorBoard reads.
const Dir = "tensorboard"

// A Watcher writes what a run measures into its folder Dir. It implements
// trainers.Watcher.
//
// A run that is resumed gets a further file, which begins by saying from which step on
// the earlier ones do not count any more; what was measured while nothing was written
// for TensorBoard is filled in from the run's own log.
type Watcher struct{ w *writer }

// Begin implements trainers.Watcher.
func (t *Watcher) Begin(r *trainers.Run) (err error) {
	var last int
	if t.w, last, err = open(filepath.Join(r.Folder, Dir), r.Step+1); err != nil {
		return err
	}
	if err := t.fill(r, min(last, r.Step)); err != nil {
		return err
	}
	return t.w.out.Flush()
}

// fill writes what the run's log has of the steps after one.
func (t *Watcher) fill(r *trainers.Run, after int) error {
	f, err := os.Open(filepath.Join(r.Folder, trainers.MetricsFile))
	if err != nil {
		return nil // there is nothing to fill in
	}
	defer f.Close()
	when := func(at float64) time.Time {
		return time.Now().Add(-max(0, r.Elapsed()-time.Duration(at*float64(time.Second))))
	}
	at := map[int]float64{}
	reader := runlog.NewReader(f)
	for {
		line, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if line.Event != nil {
			if line.Event.Event == runlog.Eval {
				at[line.Event.Step] = line.Event.Time
			}
			continue
		}
		if m := line.Metrics; m.Step > after && m.Step <= r.Step {
			if err := t.w.summary(when(m.Time), m.Step, measured(m)); err != nil {
				return err
			}
		}
	}
	results, _ := runs.Results(os.DirFS(r.Folder))
	for _, e := range results {
		if e.Step > after && e.Step <= r.Step {
			if err := t.w.summary(when(at[e.Step]), e.Step, append(figures(e.Figures), kept(r.Folder, e)...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxPicture bounds the file of a picture.
const maxPicture = 64 << 20

// kept are the pictures of an evaluation, as they lie in the run's folder.
func kept(folder string, e eval.Result) (b []byte) {
	for _, p := range e.Pictures {
		content, err := runs.ReadFile(os.DirFS(folder), p.File, maxPicture)
		if err != nil {
			continue // somebody has taken it away
		}
		size, err := png.DecodeConfig(bytes.NewReader(content))
		if err != nil {
			continue
		}
		name := strings.TrimPrefix(strings.TrimSuffix(path.Base(p.File), ".png"), fmt.Sprintf("step-%08d-", e.Step))
		b = appendValue(b, "samples/"+name, picture(content, size.Width, size.Height))
	}
	return b
}

// Progress implements trainers.Watcher.
func (t *Watcher) Progress(trainers.Progress) {}

// Metrics implements trainers.Watcher.
func (t *Watcher) Metrics(_ *trainers.Run, m runlog.Metrics) error {
	if err := t.w.summary(time.Now(), m.Step, measured(&m)); err != nil {
		return err
	}
	return t.w.out.Flush()
}

// measured is a line of metrics as a Summary; what is not finite is left out.
func measured(m *runlog.Metrics) (b []byte) {
	add := func(tag string, v float64) {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			b = appendValue(b, tag, scalar(v))
		}
	}
	add("train/loss", m.Loss)
	add("train/lr", m.LR)
	add("train/grad_norm", m.GradNorm)
	for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
		add("train/"+name, m.Extra[name])
	}
	add("train/epoch", m.Epoch)
	add("speed/samples_per_s", m.SamplesPerS)
	add("speed/data_wait_ms", m.DataWaitMS)
	add("speed/rss_mb", m.RSSMB)
	return b
}

func figures(list []eval.Figure) (b []byte) {
	for _, f := range list {
		if v := float64(f.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
			b = appendValue(b, "eval/"+f.Name, scalar(v))
		}
	}
	return b
}

// Evaluated implements trainers.Watcher: figures, pictures, histograms of the weights.
func (t *Watcher) Evaluated(r *trainers.Run, e *trainers.Evaluation) error {
	now := time.Now()
	if err := t.w.summary(now, r.Step, figures(e.Figures)); err != nil {
		return err
	}
	for _, p := range e.Pictures {
		if err := t.picture(now, r.Step, p); err != nil {
			return err
		}
	}
	for _, p := range r.Params.All() {
		if err := t.w.summary(now, r.Step, appendValue(nil, "weights/"+p.Path, histogram(p.Data))); err != nil {
			return err
		}
	}
	if e.Map != nil {
		if err := project(filepath.Join(r.Folder, Dir), e.Map); err != nil {
			return err
		}
	}
	return t.w.out.Flush()
}

func (t *Watcher) picture(now time.Time, step int, p objectives.Picture) error {
	var b bytes.Buffer
	if err := png.Encode(&b, p.Image); err != nil {
		return fmt.Errorf("%s: %w", p.Name, err)
	}
	size := p.Image.Bounds()
	return t.w.summary(now, step, appendValue(nil, "samples/"+p.Name, picture(b.Bytes(), size.Dx(), size.Dy())))
}

// Saved implements trainers.Watcher.
func (t *Watcher) Saved(*trainers.Run) error { return nil }

// End implements trainers.Watcher.
func (t *Watcher) End(*trainers.Run, error) error {
	if t.w == nil { // it could not begin
		return nil
	}
	return t.w.close()
}

// project writes codes with what is known of each for TensorBoard's projector.
func project(folder string, m *inspect.Map) error {
	var codes, about strings.Builder
	words := slices.ContainsFunc(m.Points, func(p inspect.Point) bool { return p.Text != "" })
	if !words {
		about.WriteString("example\tclass\n") // one column alone has no heading
	}
	for i, p := range m.Points {
		for j, v := range m.Codes.Row(i) {
			if j > 0 {
				codes.WriteByte('\t')
			}
			fmt.Fprintf(&codes, "%.6g", v)
		}
		codes.WriteByte('\n')
		if words {
			about.WriteString(strings.Map(oneCell, p.Text) + "\n")
			continue
		}
		class := "none"
		if p.Label >= 0 && p.Label < len(m.Classes) {
			class = strings.Map(oneCell, m.Classes[p.Label])
		} else if p.Label >= 0 {
			class = fmt.Sprint(p.Label)
		}
		fmt.Fprintf(&about, "%d\t%s\n", p.Index, class)
	}
	config := "embeddings {\n  tensor_name: \"codes\"\n  tensor_path: \"codes.tsv\"\n  metadata_path: \"codes-metadata.tsv\"\n"
	if sheet := m.Sheet(); sheet != nil && m.Thumbs != nil {
		var b bytes.Buffer
		if err := png.Encode(&b, sheet); err != nil {
			return err
		}
		if err := checkpoints.WriteFile(filepath.Join(folder, "codes.png"), b.Bytes()); err != nil {
			return err
		}
		config += fmt.Sprintf("  sprite {\n    image_path: \"codes.png\"\n    single_image_dim: %d\n    single_image_dim: %d\n  }\n", m.Thumbs.Width, m.Thumbs.Height)
	}
	for _, f := range []struct{ name, text string }{
		{"codes.tsv", codes.String()}, {"codes-metadata.tsv", about.String()}, {"projector_config.pbtxt", config + "}\n"},
	} {
		if err := checkpoints.WriteFile(filepath.Join(folder, f.name), []byte(f.text)); err != nil {
			return err
		}
	}
	return nil
}

// oneCell keeps a text within its cell of a table.
func oneCell(r rune) rune {
	if r < ' ' {
		return ' '
	}
	return r
}
