package job

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
	"x2vec/trainers/runlog"
)

// ImportFile is in the folder of a run whose encoder came from elsewhere, and says from
// where.
const ImportFile = "import.json"

// origin is what ImportFile holds.
type origin struct {
	Format int               `json:"format"` // 1
	File   string            `json:"file"`
	Scheme string            `json:"names"`
	Meta   map[string]string `json:"metadata,omitempty"`
}

// A Mapping says what the arrays of one library are in another.
type Mapping struct {
	Scheme string
	Pairs  []MappedArray
	Left   []MappedArray // of the source that have no place in the other
}

// A MappedArray is one array in both.
type MappedArray struct {
	Path, Name         string // here and there
	Shape, ForeignSize []int
}

// String lists all arrays with their shapes, one a line.
func (m *Mapping) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d arrays by the names of %s, %d left over", len(m.Pairs), m.Scheme, len(m.Left))
	for _, p := range m.Pairs {
		fmt.Fprintf(&b, "\n  %-52s %-18s %-38s %v", p.Name, fmt.Sprint(p.ForeignSize), p.Path, p.Shape)
	}
	for _, p := range m.Left {
		fmt.Fprintf(&b, "\n  %-52s %-18s left over", p.Name+p.Path, fmt.Sprint(p.Shape))
	}
	return b.String()
}

// foreignPath begins the paths of arrays that are kept as they came, for the way back.
const foreignPath = "foreign/"

// Imported is a model from elsewhere by the own paths.
type Imported struct {
	*nets.Recognised
	Mapping *Mapping
	Task    objectives.Task
	Params  *graph.Params
	Rest    []checkpoints.Array // head, and what is kept for the way back
	meta    map[string]string
}

// ReadForeign reads a safetensors file that has the names of another library. example
// is the shape of an example where the weights do not tell it, or nil. partial accepts
// arrays that are unknown and leaves parameters new that are not there.
func ReadForeign(path string, example []int, partial bool) (*Imported, error) {
	file, err := checkpoints.ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	shapes := map[string][]int{}
	for _, a := range file.Arrays {
		shapes[a.Name] = a.Shape
		if strings.HasPrefix(a.Name, "encoder/") {
			return nil, fmt.Errorf("%s: holds %s: these are the weights of a run, and not of another library", path, a.Name)
		}
	}
	m := &Imported{meta: file.Meta}
	if m.Recognised, err = nets.Recognise(shapes, example); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := m.Encoder.Check(m.Example); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m.Task = objectives.Task{Encoder: m.Encoder, Batch: 1}
	m.Task.Spec.Name, m.Task.Spec.Shape = "elsewhere", m.Example
	if m.Params, err = trainers.Untrained(m.Task, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := m.fill(file, partial); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return m, nil
}

// fill takes the arrays of the file; all faults are told at once.
func (m *Imported) fill(file *checkpoints.File, partial bool) error {
	m.Mapping = &Mapping{Scheme: m.Scheme}
	used := map[string]bool{}
	var missing []string // names that the encoder wants
	var errs []error
	for _, p := range m.Params.All() {
		inside := strings.TrimPrefix(p.Path, "encoder/")
		f, ok := m.Encoder.Foreign(m.Scheme, inside, p.Shape, m.Example)
		if !ok {
			continue
		}
		a, there := file.Array(f.Name)
		switch {
		case !there:
			missing = append(missing, f.Name)
			continue
		case !slices.Equal(a.Shape, f.Shape) || a.F32 == nil:
			errs = append(errs, fmt.Errorf("%s: is %v of %s, want %v of F32 (for %s)", f.Name, a.Shape, a.DType(), f.Shape, p.Path))
		default:
			copy(p.Data, f.In(a.F32))
		}
		used[f.Name] = true
		m.Mapping.Pairs = append(m.Mapping.Pairs, MappedArray{p.Path, f.Name, p.Shape, f.Shape})
	}
	var known []string
	for _, p := range m.Mapping.Pairs {
		known = append(known, p.Name)
	}
	for _, a := range file.Arrays {
		leaf, isHead := strings.CutPrefix(a.Name, m.Encoder.Head(m.Scheme)+".")
		switch {
		case used[a.Name]:
		case isHead && a.F32 != nil && (leaf == "weight" || leaf == "bias"):
			m.Mapping.Pairs = append(m.Mapping.Pairs, MappedArray{"head/" + leaf, a.Name, a.Shape, a.Shape})
			a.Name = "head/" + leaf
			m.Rest = append(m.Rest, a)
		case strings.HasSuffix(a.Name, ".num_batches_tracked"), partial:
			m.Mapping.Left = append(m.Mapping.Left, MappedArray{Name: a.Name, Shape: a.Shape})
			a.Name = foreignPath + a.Name
			m.Rest = append(m.Rest, a)
		default:
			near := nets.Nearest(a.Name, append(slices.Clone(missing), known...), 3)
			errs = append(errs, fmt.Errorf("%s %v: a %s has no such array; nearest are %s", a.Name, a.Shape, m.Type, strings.Join(near, ", ")))
		}
	}
	if !partial {
		for _, name := range missing {
			errs = append(errs, fmt.Errorf("%s: is missing", name))
		}
	}
	if len(errs) > 12 {
		errs = append(errs[:12], fmt.Errorf("and %d more", len(errs)-12))
	}
	return errors.Join(errs...)
}

// Arrays are those of the encoder and the rest by the own paths.
func (m *Imported) Arrays() []checkpoints.Array {
	return trainers.Foreign(m.Params, m.Rest, objectives.Scaling{}).Weights
}

// EncoderText is the section [encoder] of a run file for it.
func (m *Imported) EncoderText() string {
	var b strings.Builder
	s := section{"encoder", append([]field{{"type", reflect.ValueOf(&m.Type).Elem()}}, fieldsOf(m.Encoder)...)}
	write(&b, s)
	return b.String()
}

// Import makes a run of a model from elsewhere in a folder that is not there yet. sets
// are settings laid over its run file, such as what no weight tells; mean and std, one a
// channel or none, are how pixels from 0 to 1 become numbers.
func (m *Imported) Import(file, folder string, sets []string, mean, std []float64, resolved Resolved) error {
	source := "folder"
	if len(m.Example) != 3 {
		source = "idx"
	}
	text := fmt.Sprintf("[data]\nsource = %q\n", source)
	if len(m.Example) == 3 {
		text += fmt.Sprintf("size = %d\nchannels = %d\n", m.Example[1], m.Example[0])
	}
	text += m.EncoderText() + "\n[objective]\ntype = \"classify\"\n\n[train]\nduration = 1\n"
	f, err := Parse(file, []byte(text), sets)
	if err != nil {
		return err
	}
	task := m.Task
	task.Encoder = f.Encoder
	want, err := trainers.Untrained(task, 0)
	if err != nil {
		return err
	}
	for _, p := range want.All() {
		if have := m.Params.Get(p.Path); have == nil || !slices.Equal(have.Shape, p.Shape) {
			return fmt.Errorf("with these settings %s is %v, which is not what the file holds", p.Path, p.Shape)
		}
	}
	pixels, err := perChannel(m.Example, mean, std)
	if err != nil {
		return err
	}
	if _, err := os.Stat(folder); err == nil {
		return fmt.Errorf("%s is there already; give another --out", folder)
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	lock, err := checkpoints.Acquire(folder)
	if err != nil {
		return err
	}
	defer lock.Release()
	store, err := checkpoints.Open(filepath.Join(folder, trainers.CheckpointsDir))
	if err != nil {
		return err
	}
	from, err := json.MarshalIndent(origin{1, filepath.Base(file), m.Scheme, m.meta}, "", "  ")
	if err != nil {
		return err
	}
	log, err := runlog.Open(filepath.Join(folder, trainers.MetricsFile), 0)
	if err != nil {
		return err
	}
	resolved.Shape = m.Example
	return errors.Join(
		checkpoints.WriteFile(filepath.Join(folder, trainers.RunFile), []byte(f.With(resolved))),
		checkpoints.WriteFile(filepath.Join(folder, ImportFile), append(from, '\n')),
		store.Save(trainers.Foreign(m.Params, m.Rest, pixels)),
		log.Event(runlog.Event{Event: runlog.Stop, Fields: map[string]any{"reason": "complete", "imported": filepath.Base(file)}}),
		log.Close())
}

// perChannel spreads a value a channel over pictures.
func perChannel(shape []int, mean, std []float64) (z objectives.Scaling, err error) {
	each := map[string]*[]float32{"mean": &z.Mean, "std": &z.Std}
	for name, values := range map[string][]float64{"mean": mean, "std": std} {
		if len(values) == 0 {
			continue
		}
		if len(values) != shape[0] && len(values) != 1 || len(shape) != 3 {
			return z, fmt.Errorf("%s: has %d values, want one for each of the %d channels of pictures", name, len(values), shape[0])
		}
		for c := range shape[0] {
			v := values[c%len(values)]
			if name == "std" && !(v > 0) {
				return z, fmt.Errorf("std: is %g, want a number above 0", v)
			}
			*each[name] = append(*each[name], slices.Repeat([]float32{float32(v)}, shape[1]*shape[2])...)
		}
	}
	return z, nil
}
