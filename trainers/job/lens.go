package job

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/graph"
	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers"
)

// CodesDir is the folder in that of a run over the codes of another one, data.codes:
// it holds what is needed of that, its run file and one checkpoint.
const CodesDir = "codes"

// A lens is the model of a run through whose codes another run sees its examples: grids
// of discrete codes, which stand for the examples, or vectors, on which the other run's
// encoder stands (nets.Stacked).
type lens struct {
	*Kept
	discrete objectives.Discrete // nil where the codes are vectors
	snap     *checkpoints.Snapshot
}

// lens is the model that data.codes names; nil where it names none. A run that has
// begun has its own copy.
func (f *File) lens() (*lens, error) {
	if f.Data.Codes == "" {
		return nil, nil
	}
	folder := f.Data.Codes
	if own := filepath.Join(f.folder, CodesDir); f.folder != "" && isFile(filepath.Join(own, trainers.RunFile)) {
		folder = own
	}
	l, err := openLens(folder, f.overGrids())
	if errors.Is(err, fs.ErrNotExist) && folder == f.Data.Codes {
		f.src.fault("data.codes", "%v; want the folder of a run%s", plainPath(err), map[bool]string{true: " that learnt discrete codes, as `x2vec train vqvae` makes one"}[f.overGrids()])
		return nil, f.src.faults.err()
	}
	if err != nil {
		return nil, fmt.Errorf("data.codes: %w", err)
	}
	return l, nil
}

// overGrids reports whether codes of another run stand for the examples as grids.
func (f *File) overGrids() bool {
	_, ok := f.Encoder.(nets.Autoregressive)
	return ok
}

func openLens(folder string, grids bool) (*lens, error) {
	l := &lens{}
	var err error
	see := func(snap *checkpoints.Snapshot) { l.snap = snap }
	if grids {
		l.Kept, l.discrete, err = keepDiscrete(folder, Newest, see)
	} else {
		l.Kept, err = keep(folder, Newest, func(k *Kept, snap *checkpoints.Snapshot) (*graph.Params, error) {
			see(snap)
			return trainers.Frozen(k.Task, snap)
		})
	}
	if err == nil && l.Kept.File.Data.Codes != "" {
		err = fmt.Errorf("%s is itself a run over the codes of another one", folder)
	}
	return l, err
}

// under has the encoder of a task stand on that of the lens.
func (l *lens) under(t *objectives.Task) error {
	if have, want := t.Spec, l.Task.Spec; !slices.Equal(have.Shape, want.Shape) {
		return fmt.Errorf("data.codes: the encoder of %s takes examples of %v, and those of %s are %v", l.Folder, want.Shape, have.Name, have.Shape)
	}
	_, symbols := l.Task.Encoder.(nets.Autoregressive)
	if symbols || l.Task.Spec.Words != nil {
		return fmt.Errorf("data.codes: %s is a run of %s, whose encoder takes symbols; want one of an encoder of pictures", l.Folder, l.File.objectiveType)
	}
	t.Encoder = &nets.Stacked{Base: l.Task.Encoder, Top: t.Encoder}
	t.Pixels = l.Task.Pixels
	return nil
}

// weights are those of the lens by their paths in an encoder that stands on it.
func (l *lens) weights() []checkpoints.Array {
	var list []checkpoints.Array
	for _, p := range l.Params.All() {
		inside, _ := strings.CutPrefix(p.Path, "encoder/")
		list = append(list, checkpoints.Array{Name: "encoder/base/" + inside, Shape: p.Shape, F32: p.Data})
	}
	return list
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// copyTo keeps what is needed of the model in the folder of a run that begins, the run
// file last; what an earlier beginning left there goes.
func (l *lens) copyTo(folder string) error {
	own := filepath.Join(folder, CodesDir)
	if err := os.RemoveAll(own); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(l.Folder, trainers.RunFile))
	if err != nil {
		return err
	}
	store, err := checkpoints.Open(filepath.Join(own, trainers.CheckpointsDir))
	if err != nil {
		return err
	}
	snap := *l.snap
	snap.Optimizer = nil
	if err := store.Save(&snap); err != nil {
		return err
	}
	return checkpoints.WriteFile(filepath.Join(own, trainers.RunFile), text)
}

// through gives the examples of a source as grids of codes.
func (l *lens) through(ctx context.Context, src data.Source) (data.Source, error) {
	if have, want := src.Spec(), l.Task.Spec; !slices.Equal(have.Shape, want.Shape) {
		return nil, fmt.Errorf("data.codes: the model of %s takes examples of %v, and those of %s are %v", l.Folder, want.Shape, have.Name, have.Shape)
	}
	h, w, k := l.discrete.CodeGrid(l.Task)
	tokens := make([]int32, 0, src.Len()*h*w)
	err := trainers.EachCodes(ctx, l.Task, l.discrete, l.Params, src, func(_ *data.Batch, codes []int32) error {
		tokens = append(tokens, codes...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return data.Grids(src, tokens, h, w, k, l.sum())
}

// sum is a checksum of the model.
func (l *lens) sum() string {
	h := sha256.New()
	for _, p := range l.Params.All() {
		fmt.Fprintln(h, p.Path, p.Shape)
		b := make([]byte, 0, 4*len(p.Data))
		for _, v := range p.Data {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Draw implements objectives.Codes.
func (l *lens) Draw(codes []int) (pixels []byte, shape []int, err error) {
	grid := make([]int32, len(codes))
	for i, c := range codes {
		grid[i] = int32(c)
	}
	pixels, err = trainers.DecodeCodes(context.Background(), l.Task, l.discrete, l.Params, grid)
	return pixels, l.Task.Spec.Shape, err
}

// FromSets are the settings, as --set values, by which a run has for its examples the
// codes that the model of another run gives to its own data.
func FromSets(folder string) ([]string, error) {
	f, _, err := ReadRun(folder, nil)
	if err != nil {
		return nil, err
	}
	var sets []string
	for _, s := range f.sections() {
		for _, field := range s.fields {
			if s.name == "data" && field.name != "codes" {
				sets = append(sets, "data."+field.name+"="+literal(field.value))
			}
		}
	}
	return append(sets, "data.codes="+quote(folder)), nil
}

// KeepGenerator is Keep for all of the model of a run that can make new examples, with
// the objective that does so.
func KeepGenerator(folder string, step int) (*Kept, objectives.Generator, error) {
	var g objectives.Generator
	k, err := keep(folder, step, func(k *Kept, snap *checkpoints.Snapshot) (*graph.Params, error) {
		var ok bool
		if g, ok = k.File.Objective.(objectives.Generator); !ok {
			if _, codes := k.File.Objective.(objectives.Discrete); codes {
				return nil, fmt.Errorf("is a run of %s, whose codes have no order yet to be drawn in; `x2vec train prior --from %s` learns one, and that run can be sampled", k.File.objectiveType, folder)
			}
			return nil, fmt.Errorf("is a run of %s, which makes no new examples; want one of next-pixel", k.File.objectiveType)
		}
		return trainers.FrozenModel(k.Task, snap, func(t objectives.Task, s *graph.Scope) { k.File.Objective.Build(t, s) })
	})
	return k, g, err
}
