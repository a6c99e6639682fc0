package checkpoints

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode"
)

// Version is the newest format of a checkpoint that this program writes and
// reads. It rises with every change of manifest.json or state.json.
const Version = 1

// maxState bounds state.json in bytes: what grows with the model belongs into
// arrays.
const maxState = 16 << 20

// A Snapshot is all that a run needs to go on as if it had never stopped.
type Snapshot struct {
	State State
	// Weights are the model's parameters and buffers, named by their paths.
	Weights []Array
	// Optimizer is the optimizer's state; empty where there is none.
	Optimizer []Array
	// Extra are further arrays by section: "ema", "codebook" … A section without
	// arrays is not kept. A section's name has no slash.
	Extra map[string][]Array
	// Meta is the __metadata__ of weights.safetensors, for other tools; "format"
	// is "pt" (PyTorch's shapes) unless it is set.
	Meta map[string]string
}

// A State is what is no array: where the run stands.
type State struct {
	// Version of the format; set when it is written.
	Version int `json:"version"`
	// Step is the number of optimizer steps taken.
	Step int `json:"step"`
	// Epoch is the number of whole passes over the data.
	Epoch int `json:"epoch"`
	// Samples is the number of examples seen.
	Samples int64 `json:"samples"`
	// LoaderStep is the batch with which the loader begins again.
	LoaderStep int `json:"loader_step"`
	// Seed of every draw of the run.
	Seed uint64 `json:"seed"`
	// Metrics were measured on the weights of this very checkpoint; a Policy
	// chooses by them.
	Metrics map[string]Float `json:"metrics,omitempty"`
	// Best is the best value so far of the metric that the run watches.
	Best *Best `json:"best,omitempty"`
	// Stopping counts towards early stopping.
	Stopping *Stopping `json:"stopping,omitempty"`
	// Sections hold what others keep, each under its own name: Put and Get.
	Sections map[string]json.RawMessage `json:"sections,omitempty"`
}

// Best is the best value of a metric so far and the step at which it was measured.
type Best struct {
	Metric string `json:"metric"`
	Value  Float  `json:"value"`
	Step   int    `json:"step"`
}

// Stopping is the state of early stopping: the value to improve on, and the
// evaluations since it was reached.
type Stopping struct {
	Metric string `json:"metric"`
	Value  Float  `json:"value"`
	Waited int    `json:"waited"`
}

// Put keeps v, as JSON, under its owner's name.
func (s *State) Put(owner string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("state of %s: %w", owner, err)
	}
	if s.Sections == nil {
		s.Sections = make(map[string]json.RawMessage)
	}
	s.Sections[owner] = raw
	return nil
}

// Get reads into v what was kept under its owner's name, and says whether there
// was anything. A field that v does not know is an error.
func (s *State) Get(owner string, v any) (bool, error) {
	raw, ok := s.Sections[owner]
	if !ok {
		return false, nil
	}
	if err := strictJSON(raw, v); err != nil {
		return true, fmt.Errorf("state of %s: %w", owner, err)
	}
	return true, nil
}

// encode is the content of state.json.
func (s State) encode() ([]byte, error) {
	s.Version = Version
	if err := s.check(); err != nil {
		return nil, err
	}
	for owner, raw := range s.Sections {
		if !json.Valid(raw) {
			return nil, fmt.Errorf("section %q is not JSON", owner)
		}
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, err
	}
	if len(b) >= maxState {
		return nil, fmt.Errorf("%d bytes, at most %d are kept; large things belong into arrays", len(b), maxState)
	}
	return append(b, '\n'), nil
}

// decodeState reads state.json. The caller has looked at its size.
func decodeState(b []byte) (State, error) {
	var s State
	if err := checkVersion(b); err != nil {
		return s, err
	}
	if err := strictJSON(b, &s); err != nil {
		return s, err
	}
	for owner, raw := range s.Sections {
		var compact bytes.Buffer
		if err := json.Compact(&compact, raw); err != nil {
			return s, fmt.Errorf("section %q: %w", owner, err)
		}
		s.Sections[owner] = compact.Bytes()
	}
	return s, s.check()
}

func (s State) check() error {
	if s.Step < 0 || s.Epoch < 0 || s.Samples < 0 || s.LoaderStep < 0 {
		return fmt.Errorf("step %d, epoch %d, samples %d, loader_step %d: want none below 0", s.Step, s.Epoch, s.Samples, s.LoaderStep)
	}
	return nil
}

// A Float is a float64 that JSON can hold whatever its value: numbers as they
// are, the others as "NaN", "Infinity" and "-Infinity".
type Float float64

// MarshalJSON writes the shortest text that reads back as the same number.
func (f Float) MarshalJSON() ([]byte, error) {
	switch v := float64(f); {
	case math.IsNaN(v):
		return []byte(`"NaN"`), nil
	case math.IsInf(v, 1):
		return []byte(`"Infinity"`), nil
	case math.IsInf(v, -1):
		return []byte(`"-Infinity"`), nil
	default:
		return json.Marshal(v)
	}
}

// UnmarshalJSON reads what MarshalJSON writes.
func (f *Float) UnmarshalJSON(b []byte) error {
	switch string(b) {
	case `"NaN"`:
		*f = Float(math.NaN())
	case `"Infinity"`:
		*f = Float(math.Inf(1))
	case `"-Infinity"`:
		*f = Float(math.Inf(-1))
	default:
		return json.Unmarshal(b, (*float64)(f))
	}
	return nil
}

// strictJSON reads one JSON value with nothing after it and no unknown field.
func strictJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return plainJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("goes on after its end")
	}
	return nil
}

// plainJSON says what encoding/json says, without its name.
func plainJSON(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("cut off")
	}
	return fmt.Errorf("is not as this program writes it: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// A VersionError says that a checkpoint was written in a newer format.
type VersionError struct {
	File    string // that says so
	Have    int    // its version
	Program string // that wrote it, where that is known
}

func (e *VersionError) Error() string {
	by := ""
	if e.Program != "" {
		by = " by " + e.Program
	}
	return fmt.Sprintf("%s: format version %d, written%s; this program reads versions 1 to %d: use a newer one", e.File, e.Have, by, Version)
}

// printable makes a text out of a file fit for a terminal: no control characters,
// not longer than a line or two.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s)
	return fmt.Sprintf("%.200s", s)
}

// checkVersion looks at the version alone, since all else may mean something
// different in another one.
func checkVersion(b []byte) error {
	var v struct {
		Version int    `json:"version"`
		Program string `json:"program"`
	}
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&v); err != nil {
		return plainJSON(err)
	}
	if v.Version > Version {
		return &VersionError{Have: v.Version, Program: printable(v.Program)}
	}
	if v.Version < 1 {
		return fmt.Errorf("version is %d, want 1 to %d", v.Version, Version)
	}
	return nil
}
