package runs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"time"

	"x2vec/checkpoints"
	"x2vec/trainers/runlog"
)

// A State says how a run stands.
type State string

// The states of a run.
const (
	New      State = "not begun"
	Running  State = "running"
	Complete State = "complete"
	Stopped  State = "stopped"        // from outside, with its state saved
	Failed   State = "failed"         // an error ended it
	Lost     State = "ended untimely" // without a last word: killed
)

// A Summary is where a run stands, from the beginning and the end of its log.
type Summary struct {
	Name     string
	State    State
	Reason   string // why it ended, where it did not by itself
	Step     int
	Steps    int // of the whole run; 0 where that is not known
	Epoch    float64
	Seconds  float64       // of training
	Loss     float64       // NaN before the first line
	Rate     float64       // samples a second
	Left     time.Duration // until its end, of a run that is at work; 0 where that is not known
	Began    time.Time     // zero where that is not known
	Changed  time.Time     // when it last wrote to its log
	Settings Settings
	Figures  []Figure
	Tags     []string
}

// Done is the part of the run that is behind it, 0 to 1; -1 where that is not known.
func (s Summary) Done() float64 {
	switch {
	case s.State == Complete:
		return 1
	case s.Steps <= 0:
		return -1
	}
	return min(1, float64(s.Step)/float64(s.Steps))
}

// Figure is the one of that name.
func (s Summary) Figure(name string) (Figure, bool) {
	for _, f := range s.Figures {
		if f.Name == name {
			return f, true
		}
	}
	return Figure{}, false
}

// Summarize reads where a run stands. What cannot be read is left out.
func Summarize(f Folder) Summary {
	s := Summary{Name: f.Name, Loss: math.NaN(), Tags: Tags(f.Files)}
	s.Settings, _ = ReadSettings(f.Files)
	s.Began, _ = time.Parse(time.RFC3339, s.Settings.Resolved["started"])
	results, _ := Results(f.Files)
	s.Figures = Figures(results)
	events := s.readLog(f.Files)
	s.State, s.Reason = StateOf(f.Files, events, s.Step > 0, s.Changed)
	if s.State != Running {
		s.Left = 0
	}
	return s
}

// ends is how many bytes of each end of a log are read for a summary.
const ends = 128 << 10

// readLog takes from the ends of the log what a summary tells, and gives the
// events there.
func (s *Summary) readLog(files fs.FS) []runlog.Event {
	f, info, err := OpenFile(files, MetricsFile)
	if err != nil {
		return nil
	}
	defer f.Close()
	at, seeks := f.(io.ReaderAt)
	if !seeks {
		return nil
	}
	s.Changed = info.ModTime()
	var events []runlog.Event
	var first *runlog.Metrics // of the newest process, as far as it was read
	lines := func(r io.Reader) {
		reader := runlog.NewReader(r)
		for {
			line, err := reader.Next()
			if err != nil {
				return
			}
			if e := line.Event; e != nil {
				events = append(events, *e)
				if e.Step > s.Step { // it ended before a line was due
					s.Step, s.Seconds = e.Step, e.Time
				}
				if n, ok := e.Fields["steps"].(float64); ok {
					s.Steps = int(n)
				}
				if e.Event == runlog.Start || e.Event == runlog.Resume {
					first = nil
				}
				continue
			}
			m := line.Metrics
			s.Step, s.Epoch, s.Seconds, s.Loss, s.Rate = m.Step, m.Epoch, m.Time, m.Loss, m.SamplesPerS
			if first == nil {
				first = &runlog.Metrics{Step: m.Step, Time: m.Time}
			}
		}
	}
	size := info.Size()
	lines(io.NewSectionReader(at, 0, min(size, ends)))
	if size > ends {
		from := max(ends, size-ends)
		tail := make([]byte, size-from)
		n, err := at.ReadAt(tail, from)
		if err != nil && !errors.Is(err, io.EOF) {
			return events
		}
		tail = tail[:n]
		if from > ends { // what lies between is not read
			first = nil
		}
		tail = tail[bytes.IndexByte(tail, '\n')+1:] // it begins within a line
		lines(bytes.NewReader(tail))
	}
	if first != nil && s.Step > first.Step && s.Steps > s.Step {
		perStep := (s.Seconds - first.Time) / float64(s.Step-first.Step)
		s.Left = time.Duration(perStep * float64(s.Steps-s.Step) * float64(time.Second))
	}
	return events
}

// quiet is how long the log of a run at work stays unchanged at most, where nothing
// else tells whether its process is alive.
const quiet = 2 * time.Minute

// StateOf says how a run stands by the events of its log, the last of which
// begins or ends something unless the process was killed. trained says whether it
// has taken a step, changed when it last wrote. reason is why it ended, where it
// was not by itself.
func StateOf(files fs.FS, events []runlog.Event, trained bool, changed time.Time) (state State, reason string) {
	state = New
	if trained {
		state = Lost
	}
	for i := len(events) - 1; i >= 0; i-- {
		switch e := events[i]; e.Event {
		case runlog.Stop:
			reason, _ = e.Fields["reason"].(string)
			switch saved, _ := e.Fields["saved"].(bool); {
			case reason == "complete" || reason == "":
				return Complete, earlyStop(events)
			case saved:
				state = Stopped
			default:
				state = Failed
			}
		case runlog.Start, runlog.Resume:
			state = Lost
		default:
			continue
		}
		break
	}
	// A process that holds the lock may not have written yet.
	if h, ok := checkpoints.HolderOf(files); ok {
		alive, known := h.Alive()
		if alive || !known && time.Since(changed) < quiet && state == Lost {
			return Running, ""
		}
	}
	return state, reason
}

func earlyStop(events []runlog.Event) string {
	for _, e := range events {
		if e.Event == runlog.EarlyStop {
			reason, _ := e.Fields["reason"].(string)
			return reason
		}
	}
	return ""
}
