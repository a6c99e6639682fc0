package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/runlog"
)

// exporter serves where a run stands to Prometheus, in its text format (version
// 0.0.4), and answers /healthz. It implements trainers.Watcher.
type exporter struct {
	server *http.Server
	at     net.Addr

	mu      sync.Mutex
	run     string
	data    string // the set it is trained on
	state   string
	reason  string // of a failure
	rate    float64
	left    time.Duration
	step    int
	steps   int
	moved   time.Time // when it last took a step
	metrics *runlog.Metrics
	figures []eval.Figure
	saved   int // step of the last checkpoint, -1 before it
	savedAt time.Time
}

// The states of an exporter's run.
const (
	exportWaiting  = "waiting" // nothing has begun
	exportTraining = "training"
	exportComplete = "complete"
	exportStopped  = "stopped"
	exportFailed   = "failed"
)

var exportStates = []string{exportWaiting, exportTraining, exportComplete, exportStopped, exportFailed}

// newExporter listens at an address: a port alone, or with no host, is one of this
// machine's that others cannot reach.
func newExporter(address string) (*exporter, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = "", address
	}
	if n, e := strconv.Atoi(port); e != nil || n < 0 || n > 65535 || strings.Contains(port, "+") {
		return nil, badRequest(fmt.Errorf("--metrics-addr is %q, want a port such as 9090, or an address such as 0.0.0.0:9090", address))
	}
	if host == "" {
		host = "127.0.0.1"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, badRequest(fmt.Errorf("--metrics-addr: port %s of %s is in use; give another, or 0 for one that is free", port, host))
	case err != nil:
		return nil, badRequest(fmt.Errorf("--metrics-addr: %w", err))
	}
	e := &exporter{at: l.Addr(), state: exportWaiting, saved: -1}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", e.serveMetrics)
	mux.HandleFunc("GET /healthz", e.serveHealth)
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	go e.server.Serve(l) // ends with the process, or by close
	return e, nil
}

func (e *exporter) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = e.server.Shutdown(ctx) // whoever is still asking is cut off
}

// Begin implements trainers.Watcher.
func (e *exporter) Begin(r *trainers.Run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.run, e.data, e.state, e.reason = filepath.Base(r.Folder), r.Task.Spec.Name, exportTraining, ""
	e.step, e.steps, e.metrics, e.figures, e.rate, e.left = r.Step, r.Steps, nil, nil, 0, 0
	e.moved, e.saved = time.Now(), r.LastSaved()
	if info, err := os.Stat(filepath.Join(r.Folder, trainers.CheckpointsDir, fmt.Sprintf("step-%08d", e.saved))); err == nil {
		e.savedAt = info.ModTime()
	}
	return nil
}

// Progress implements trainers.Watcher.
func (e *exporter) Progress(p trainers.Progress) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p.Step != e.step || p.Evaluation != nil {
		e.moved = time.Now()
	}
	if p.Evaluation != nil {
		return
	}
	e.step, e.steps, e.rate, e.left = p.Step, p.Steps, p.Rate, p.Left
}

// Metrics implements trainers.Watcher.
func (e *exporter) Metrics(r *trainers.Run, m runlog.Metrics) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.metrics, e.step = &m, m.Step
	return nil
}

// Evaluated implements trainers.Watcher.
func (e *exporter) Evaluated(_ *trainers.Run, found *trainers.Evaluation) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.figures = slices.Clone(found.Figures)
	return nil
}

// Saved implements trainers.Watcher.
func (e *exporter) Saved(r *trainers.Run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.saved, e.savedAt = r.LastSaved(), time.Now()
	return nil
}

// End implements trainers.Watcher.
func (e *exporter) End(_ *trainers.Run, err error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	var stopped *trainers.Interrupted
	switch {
	case err == nil:
		e.state = exportComplete
	case errors.As(err, &stopped):
		e.state = exportStopped
	default:
		e.state, e.reason = exportFailed, err.Error()
	}
	return nil
}

func (e *exporter) serveHealth(w http.ResponseWriter, _ *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if e.state == exportFailed {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	fmt.Fprintf(w, "%s, step %d\n", e.state, e.step)
	if e.reason != "" {
		fmt.Fprintln(w, e.reason)
	}
}

func (e *exporter) serveMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(e.text(time.Now())) // the one who asked may have gone
}

// promText builds Prometheus' text format: families of samples, each with its help.
type promText struct{ b []byte }

// family begins one, of type gauge or counter.
func (t *promText) family(name, kind, help string) {
	t.b = fmt.Appendf(t.b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// sample adds a value; labels are names and values in turn.
func (t *promText) sample(name string, v float64, labels ...string) {
	t.b = append(t.b, name...)
	for i := 0; i < len(labels); i += 2 {
		t.b = append(t.b, "{,"[min(i, 1)])
		t.b = fmt.Appendf(t.b, `%s="%s"`, labels[i], promEscaper.Replace(strings.ToValidUTF8(labels[i+1], "\uFFFD")))
	}
	if len(labels) > 0 {
		t.b = append(t.b, '}')
	}
	text := strconv.FormatFloat(v, 'g', -1, 64) // NaN, +Inf and -Inf are written so there too
	t.b = append(append(append(t.b, ' '), text...), '\n')
}

var promEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// gauge is a family of one sample without labels.
func (t *promText) gauge(name, help string, v float64) {
	t.family(name, "gauge", help)
	t.sample(name, v)
}

// text is what there is to say.
func (e *exporter) text(now time.Time) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	t := &promText{}
	t.family("x2vec_run_info", "gauge", "The run that is at work: its folder, its data, the program.")
	t.sample("x2vec_run_info", 1, "run", e.run, "data", e.data, "version", version)
	t.family("x2vec_state", "gauge", "1 for the state that the run is in.")
	for _, s := range exportStates {
		v := 0.0
		if s == e.state {
			v = 1
		}
		t.sample("x2vec_state", v, "state", s)
	}
	t.gauge("x2vec_step", "Steps of the optimizer that are taken.", float64(e.step))
	t.gauge("x2vec_steps", "Steps of the whole run; 0 where that is not known.", float64(e.steps))
	if !e.moved.IsZero() {
		t.gauge("x2vec_step_age_seconds", "Time since the run last took a step.", now.Sub(e.moved).Seconds())
	}
	t.gauge("x2vec_samples_per_second", "Examples trained on in a second.", e.rate)
	if e.left > 0 && e.state == exportTraining {
		t.gauge("x2vec_left_seconds", "Time until the last step, as far as that can be told.", e.left.Seconds())
	}
	if m := e.metrics; m != nil {
		t.gauge("x2vec_epoch", "Passes over the training data.", m.Epoch)
		t.family("x2vec_samples_total", "counter", "Examples seen in the whole run.")
		t.sample("x2vec_samples_total", float64(m.Samples))
		t.gauge("x2vec_loss", "Mean training loss of the last line of metrics.", m.Loss)
		t.gauge("x2vec_learning_rate", "Learning rate of the last step.", m.LR)
		if !math.IsNaN(m.GradNorm) {
			t.gauge("x2vec_gradient_norm", "Norm of the gradient before clipping.", m.GradNorm)
		}
		t.gauge("x2vec_data_wait_seconds", "Time a step has waited for its data, on average.", m.DataWaitMS/1000)
		t.gauge("x2vec_resident_memory_bytes", "Resident memory of the process.", m.RSSMB*1e6)
		if len(m.Extra) > 0 {
			t.family("x2vec_metric", "gauge", "The method's own numbers in training.")
			for _, name := range slices.Sorted(maps.Keys(m.Extra)) {
				t.sample("x2vec_metric", m.Extra[name], "name", name)
			}
		}
	}
	if e.saved >= 0 {
		t.gauge("x2vec_checkpoint_step", "Step of the newest checkpoint.", float64(e.saved))
		if !e.savedAt.IsZero() {
			t.gauge("x2vec_checkpoint_age_seconds", "Time since the newest checkpoint was written.", now.Sub(e.savedAt).Seconds())
			t.gauge("x2vec_checkpoint_timestamp_seconds", "When the newest checkpoint was written.", float64(e.savedAt.UnixMilli())/1000)
		}
	}
	if len(e.figures) > 0 {
		t.family("x2vec_figure", "gauge", "What the last evaluation found.")
		for _, f := range e.figures {
			t.sample("x2vec_figure", float64(f.Value), "name", f.Name)
		}
	}
	return t.b
}
