package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/par"
	"x2vec/graph/ops/vec"
	"x2vec/trainers"
	"x2vec/trainers/eval"
)

// console shows a run to the person who started it: a progress bar on a terminal,
// a line now and then elsewhere, and the log, which goes to the run's folder too.
type console struct {
	log  *logrus.Logger
	file *logFile
	// onSignal says what the command does when it is told to end.
	onSignal string

	mu     sync.Mutex // bar and log write to the same terminal
	out    io.Writer
	isTerm bool
	bar    *progressbar.ProgressBar
	told   time.Time
}

// linesEvery is the time between two lines where no terminal shows a bar.
const linesEvery = 5 * time.Second

func newConsole(c *cobra.Command) *console {
	std := logrus.StandardLogger()
	s := &console{out: c.ErrOrStderr(), isTerm: isTerminal(c.ErrOrStderr()), file: &logFile{}, onSignal: "finishing the step and saving", told: time.Now()}
	s.log = &logrus.Logger{Out: s, Formatter: std.Formatter, Level: std.Level, Hooks: logrus.LevelHooks{}, ExitFunc: os.Exit}
	s.log.AddHook(s.file)
	return s
}

// Write lets a log line take the place of the bar for a moment.
func (s *console) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar == nil {
		return s.out.Write(b)
	}
	_ = s.bar.Clear()
	n, err := s.out.Write(b)
	_ = s.bar.RenderBlank()
	return n, err
}

// keep writes the log into a file too, what was said before included.
func (s *console) keep(path string) error { return s.file.open(path) }

func (s *console) close() { s.file.close() }

// begin says what is about to run.
func (s *console) begin(r *trainers.Run) {
	s.log.Infof("%s: %s examples of %v, batch %d; %s weights; matrix products %s, kernels %s, %d threads",
		r.Folder, humanize.Comma(int64(r.Train.Len())), r.Task.Spec.Shape, r.Task.Batch,
		humanize.Comma(int64(r.Params.Count())), blas.Name(), vec.Path(), par.Threads())
	if r.Step > 0 {
		s.log.Infof("going on from step %d of %d", r.Step, r.Steps)
	}
	s.told = time.Now()
	if s.isTerm && r.Steps > 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.bar = progressbar.NewOptions(r.Steps, progressbar.OptionSetWriter(s.out), progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
}

// progress implements trainers.Run.Progress.
func (s *console) progress(p trainers.Progress) {
	if p.Read > 0 {
		s.aside(fmt.Sprintf("looking at the data before the first step: %s of %s examples", humanize.Comma(int64(p.Read)), humanize.Comma(int64(p.Examples))))
		return
	}
	if p.Evaluation != nil {
		s.evaluation(*p.Evaluation)
		return
	}
	s.mu.Lock()
	if s.bar != nil {
		s.bar.Describe(fmt.Sprintf("epoch %.1f  loss %.5f  %s/s", p.Epoch, p.Loss, humanize.Comma(int64(p.Rate))))
		_ = s.bar.Set(p.Step)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if now := time.Now(); now.Sub(s.told) >= linesEvery || p.Step == p.Steps {
		s.told = now
		line := fmt.Sprintf("step %d", p.Step)
		if p.Steps > 0 {
			line += fmt.Sprintf("/%d", p.Steps)
		}
		line += fmt.Sprintf("  epoch %.2f  loss %.6f  %s samples/s", p.Epoch, p.Loss, humanize.Comma(int64(p.Rate)))
		if p.Left > 0 {
			line += fmt.Sprintf("  %v left", p.Left.Round(time.Second))
		}
		s.log.Info(line)
	}
}

// count shows how much of a walk over n things is done: the function that it gives
// is told of some more of them.
func (s *console) count(n int, things string) (more func(n int)) {
	began, done := time.Now(), 0
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told = began
	if s.isTerm {
		s.bar = progressbar.NewOptions(n, progressbar.OptionSetWriter(s.out), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
			progressbar.OptionSetItsString(things), progressbar.OptionSetPredictTime(true), progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
	}
	return func(some int) {
		done += some
		s.mu.Lock()
		bar := s.bar
		if bar != nil {
			_ = bar.Set(done)
		}
		s.mu.Unlock()
		if now := time.Now(); bar == nil && now.Sub(s.told) >= linesEvery {
			s.told = now
			spent := now.Sub(began)
			left := time.Duration(float64(spent) / float64(done) * float64(n-done))
			s.log.Infof("%s of %s %s  %s/s  %v left", humanize.Comma(int64(done)), humanize.Comma(int64(n)), things,
				humanize.Comma(int64(float64(done)/spent.Seconds())), left.Round(time.Second))
		}
	}
}

// listening is a context under which evaluations show how far they are.
func (s *console) listening(ctx context.Context) context.Context {
	return eval.WithProgress(ctx, s.evaluation)
}

// evaluation shows how far an evaluation is.
func (s *console) evaluation(p eval.Progress) {
	s.aside(fmt.Sprintf("evaluation: %s, %s of %s %s", p.Part, humanize.Comma(int64(p.Done)), humanize.Comma(int64(p.Of)), p.Things))
}

// aside shows what is done while no step is taken.
func (s *console) aside(text string) {
	s.mu.Lock()
	if s.bar != nil {
		s.bar.Describe(text)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	if now := time.Now(); now.Sub(s.told) >= linesEvery {
		s.told = now
		s.log.Info(text)
	}
}

// end takes the bar away.
func (s *console) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar != nil {
		_ = s.bar.Clear()
		s.bar = nil
	}
}

// environment is what a run's log says about the machine and the program.
func environment(c *cobra.Command) map[string]any {
	return map[string]any{
		"version": version + revision(), "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
		"gorgonia": moduleVersion("gorgonia.org/gorgonia"), "blas": blas.Name(), "kernels": vec.Path(),
		"threads": par.Threads(), "cpus": runtime.NumCPU(), "command": c.CommandPath(),
	}
}

// logFile is a logrus hook that writes into the run's folder. Until that is there
// it holds the lines back.
type logFile struct {
	mu      sync.Mutex
	file    *os.File
	waiting bytes.Buffer
	failed  bool
}

// Levels implements logrus.Hook.
func (f *logFile) Levels() []logrus.Level { return logrus.AllLevels }

// Fire implements logrus.Hook. A log that cannot be written (a full disk) is no
// reason to end a run, whose checkpoints say so louder.
func (f *logFile) Fire(e *logrus.Entry) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	line, err := (&plainLog{time.RFC3339}).Format(e)
	if err != nil || f.failed {
		return err
	}
	if f.file == nil {
		f.waiting.Write(line)
		return nil
	}
	if _, err := f.file.Write(line); err != nil {
		f.failed = true
		return err
	}
	return nil
}

// note writes what ended the run into its log; the terminal hears it from main.
func (f *logFile) note(err error) {
	e := logrus.NewEntry(logrus.StandardLogger())
	e.Time, e.Level, e.Message = time.Now(), logrus.ErrorLevel, err.Error()
	_ = f.Fire(e) // told on the terminal whatever comes of it
}

func (f *logFile) open(path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var err error
	if f.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666); err != nil {
		return err
	}
	_, err = f.file.Write(f.waiting.Bytes())
	f.waiting.Reset()
	f.failed = false
	return err
}

func (f *logFile) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file != nil {
		f.file.Close()
		f.file = nil
	}
}
