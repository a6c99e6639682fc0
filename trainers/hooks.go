package trainers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"x2vec/checkpoints"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/runlog"
)

// Hooks run in this order: the line of metrics, the evaluation, the checkpoint,
// which holds what the evaluation found.

// logHook writes a line of metrics where one is due, and tells the progress.
type logHook struct {
	r     *Run
	steps int // since the last line
	loss  float64
	own   []float64 // sums of the method's own numbers
	wait  time.Duration
	since time.Time     // of the last line
	away  time.Duration // Run.away at the last line
	rate  float64       // samples a second, of the last line
	first int           // step at which this process began
	told  time.Time     // of the last progress

	alarmed bool // the last line said that training goes wrong
}

func newLogHook(r *Run) *logHook {
	return &logHook{r: r, since: time.Now(), away: r.away(), first: r.Step}
}

// After implements Hook.
func (h *logHook) After(_ context.Context, t *Trainer) error {
	h.steps++
	h.loss += t.Last.Loss
	if h.own == nil {
		h.own = make([]float64, len(t.Last.Metrics))
	}
	for i, v := range t.Last.Metrics {
		h.own[i] += v
	}
	h.wait += t.Last.Wait
	now := time.Now()
	due := t.Step%t.LogEvery == 0 || t.Done()
	if due || h.told.IsZero() || now.Sub(h.told) > 100*time.Millisecond {
		h.tell(now, t)
	}
	if !due {
		return nil
	}
	spent := now.Sub(h.since) - (h.r.away() - h.away)
	h.rate = float64(int64(h.steps)*t.samplesPerStep()) / max(spent.Seconds(), 1e-9)
	var own map[string]float64
	for i, name := range t.MetricNames() {
		if own == nil {
			own = map[string]float64{}
		}
		h.own[i] /= float64(h.steps)
		own[name] = h.own[i]
	}
	alarm := t.alarm(h.own)
	clear(h.own)
	if alarm != "" && !h.alarmed { // told once, until all is well again
		if err := h.r.warn(alarm); err != nil {
			return err
		}
	}
	h.alarmed = alarm != ""
	m := runlog.Metrics{
		Step: t.Step, Epoch: h.r.epoch(), Samples: t.Samples(), Time: t.Elapsed().Seconds(),
		Loss: h.loss / float64(h.steps), LR: t.Last.LR, GradNorm: t.Last.Norm,
		SamplesPerS: h.rate, DataWaitMS: h.wait.Seconds() * 1000 / float64(h.steps), RSSMB: residentMB(), Extra: own,
	}
	err := h.r.metrics.Metrics(m)
	h.r.watch(func(w Watcher) error { return w.Metrics(h.r, m) })
	h.steps, h.loss, h.wait, h.since, h.away = 0, 0, 0, now, h.r.away()
	return err
}

// away is the time in which nothing was trained.
func (r *Run) away() time.Duration { return r.paused + r.starting }

func (h *logHook) tell(now time.Time, t *Trainer) {
	h.told = now
	p := Progress{Step: t.Step, Steps: t.Steps, Epoch: h.r.epoch(), Loss: t.Last.Loss, Rate: h.rate}
	spent := t.Elapsed() - h.r.before
	done := t.Step - h.first
	if p.Rate == 0 { // before the first line of metrics
		p.Rate = float64(int64(done)*t.samplesPerStep()) / max(spent.Seconds(), 1e-9)
	}
	if done > 0 && t.Steps > 0 {
		p.Left = time.Duration(float64(spent) / float64(done) * float64(t.Steps-t.Step))
	}
	h.r.tell(p)
}

// epoch is the number of passes over the data, with its fraction.
func (r *Run) epoch() float64 { return float64(r.Step) / r.StepsPerEpoch() }

// evaluateHook evaluates where that is due and not done yet.
type evaluateHook struct{ r *Run }

// After implements Hook.
func (h evaluateHook) After(ctx context.Context, t *Trainer) error {
	if t.EvalEvery == 0 || t.Step%t.EvalEvery != 0 || t.Step == t.evaluated || t.Done() {
		return nil // the last step has the evaluation after training
	}
	return h.r.evaluate(ctx, t.EvalCodes)
}

// saveHook keeps the state where that is due: at its interval, at milestones, at
// the best evaluation so far, and at the end.
type saveHook struct{ r *Run }

// After implements Hook.
func (h saveHook) After(_ context.Context, t *Trainer) error {
	best := t.Best != nil && t.Best.Step == t.Step
	if !best && !t.Done() && !multiple(t.Step, t.CheckpointEvery) && !multiple(t.Step, t.Milestones) {
		return nil
	}
	return h.r.save()
}

func multiple(step, of int) bool { return of > 0 && step%of == 0 }

// evaluate takes an evaluation and keeps it in the run's folder.
func (r *Run) evaluate(ctx context.Context, all bool) error {
	began := time.Now()
	e, err := r.Evaluate(r.telling(ctx), all)
	if err != nil {
		return err
	}
	r.record(e)
	result := eval.Result{Step: r.Step, When: time.Now().Truncate(time.Second), Figures: e.Figures, Alarms: e.Alarms}
	for _, p := range e.Pictures {
		file := fmt.Sprintf("%s/step-%08d-%s.png", SamplesDir, r.Step, p.Name)
		if err := writePNG(filepath.Join(r.Folder, filepath.FromSlash(file)), p.Image); err != nil {
			return err
		}
		result.Pictures = append(result.Pictures, eval.Picture{File: file, Caption: p.Caption})
	}
	for _, t := range e.Tables {
		result.Tables = append(result.Tables, eval.Table(t))
	}
	if m := e.Map; m != nil {
		m.Command, m.Step = "map", r.Step
		if err := m.Write(inspect.Of(r.Folder), "map"); err != nil {
			return err
		}
	}
	dir := filepath.Join(r.Folder, EvalsDir)
	if err := makeFolder(dir); err != nil {
		return err
	}
	if err := eval.Write(filepath.Join(dir, fmt.Sprintf("step-%08d.json", r.Step)), result); err != nil {
		return err
	}
	for _, s := range e.Skipped {
		r.Log.Warn(s)
	}
	for _, s := range e.Alarms {
		if err := r.warn(s); err != nil {
			return err
		}
	}
	figures := map[string]any{}
	for _, f := range e.Figures {
		figures[f.Name] = f.Value
		r.Log.Infof("%s %.6g (%s)", f.Name, float64(f.Value), f.Note)
	}
	r.watch(func(w Watcher) error { return w.Evaluated(r, e) })
	took := time.Since(began)
	r.paused += took
	return r.event("eval", map[string]any{"figures": figures, "seconds": took.Seconds()})
}

// telling is a context under which an evaluation passes on how far it is.
func (r *Run) telling(ctx context.Context) context.Context {
	var told time.Time
	return eval.WithProgress(ctx, func(p eval.Progress) {
		if now := time.Now(); now.Sub(told) > 100*time.Millisecond {
			told = now
			r.tell(Progress{Step: r.Step, Steps: r.Steps, Epoch: r.epoch(), Loss: r.Last.Loss, Evaluation: &p})
		}
	})
}

// warn says what should be known, in the log and in the history of the run.
func (r *Run) warn(text string) error {
	r.Log.Warn(text)
	return r.event(runlog.Warning, map[string]any{"message": text})
}

// event writes a line that is no line of metrics.
func (r *Run) event(kind string, fields map[string]any) error {
	return r.metrics.Event(runlog.Event{Event: kind, Step: r.Step, Time: r.Elapsed().Seconds(), Fields: fields})
}

func writePNG(path string, img image.Image) error {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return checkpoints.WriteFile(path, b.Bytes())
}

// makeFolder makes a folder of the run where it is not there yet.
func makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
