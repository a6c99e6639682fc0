package trainers

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/data"
	"x2vec/graph"
	"x2vec/objectives"
	"x2vec/trainers/eval"
	"x2vec/trainers/runs"
)

// FeaturesDir is the folder of a run in which codes are kept.
const FeaturesDir = "features"

// An Extraction takes codes of examples for a task on them.
type Extraction struct {
	Task   objectives.Task
	Params *graph.Params // nil: the pixels themselves, as the encoder sees them
	Tap    string
	// Whole keeps an activation of several axes as it is; otherwise it is averaged
	// over its places (pixels, tokens).
	Whole  bool
	Target data.Target
	// Dir keeps the codes, and gives them back where the weights and the data are
	// still the same; empty: they are not kept.
	Dir string
}

// Codes are those of all examples of a source, with what a task asks of them.
type Codes struct {
	eval.Features
	// Sums tell examples of other bytes apart: see data.Batch.Sum.
	Sums []uint64 // (N)
}

// Take runs over the source in bounded memory and gives the codes of all of it.
func (e Extraction) Take(ctx context.Context, src data.Source) (*Codes, error) {
	key, err := e.key(src)
	if err != nil {
		return nil, err
	}
	if key == "" {
		return e.collect(ctx, src)
	}
	path := filepath.Join(e.Dir, key+".safetensors")
	if c, err := e.read(path, src.Len()); err == nil {
		return c, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := makeFolder(e.Dir); err != nil {
		return nil, err
	}
	if err := e.keep(ctx, src, path); err != nil {
		return nil, err
	}
	if err := e.prune(path); err != nil {
		return nil, err
	}
	return e.read(path, src.Len())
}

// both takes the codes of two sets.
func (e Extraction) both(ctx context.Context, train, test data.Source) (a, b *Codes, err error) {
	if a, err = e.Take(ctx, train); err != nil {
		return nil, nil, err
	}
	b, err = e.Take(ctx, test)
	return a, b, err
}

// key names all that the codes depend on; empty where they are not to be kept, as
// pixels, which are quick to read.
func (e Extraction) key(src data.Source) (string, error) {
	c, ok := src.(data.Checksummer)
	if e.Dir == "" || !ok || e.Params == nil {
		return "", nil
	}
	sum, err := c.Checksum()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintln(h, "codes 1", HashOf(e.Params), fmt.Sprintf("%T%+v", e.Task.Encoder, e.Task.Encoder), e.Tap, e.Whole, sum, src.Spec().Split, e.Target.Kind, e.Target.Names)
	for _, a := range scalingArrays(e.Task.Pixels) {
		binary.Write(h, binary.LittleEndian, a.F32) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))[:24], nil
}

// HashOf is a SHA-256 over all weights and buffers of an encoder.
func HashOf(ps *graph.Params) string {
	return hashOf(ps, func(*graph.Param) bool { return true })
}

// Pretrained reports whether the encoder has other weights than those that its seed
// drew. Buffers do not count: the statistics of a batch norm move without learning.
func Pretrained(task objectives.Task, ps *graph.Params) (bool, error) {
	fresh, err := Untrained(task, task.Seed)
	if err != nil {
		return false, err
	}
	weight := func(p *graph.Param) bool { return !p.Buffer }
	return hashOf(fresh, weight) != hashOf(ps, weight), nil
}

func hashOf(ps *graph.Params, counts func(p *graph.Param) bool) string {
	var list []checkpoints.Array
	for _, p := range ps.All() {
		if counts(p) {
			list = append(list, checkpoints.Array{Name: p.Path, Shape: p.Shape, F32: p.Data})
		}
	}
	h := sha256.New()
	if err := checkpoints.WriteSafetensors(h, list, nil); err != nil {
		panic("trainers: " + err.Error()) // the names and shapes are a model's own
	}
	return hex.EncodeToString(h.Sum(nil))
}

// each gives rows of codes, batch by batch.
func (e Extraction) each(ctx context.Context, src data.Source, visit func(b *data.Batch, rows []float32, d int) error) error {
	if e.Params == nil {
		size := src.Spec().Size()
		rows := make([]float32, min(e.Task.Batch, src.Len())*size)
		for b, err := range data.Sequential(src, min(e.Task.Batch, src.Len())) {
			if err := errors.Join(err, context.Cause(ctx)); err != nil {
				return err
			}
			e.Task.Pixels.Apply(rows[:len(b.Pixels)], b.Pixels)
			if err := visit(b, rows[:len(b.Pixels)], size); err != nil {
				return err
			}
		}
		return nil
	}
	var pooled []float32
	return EachActivation(ctx, e.Task, e.Params, src, e.Tap, func(b *data.Batch, v graph.View) error {
		if len(v.Shape) < 3 || e.Whole || v.Shape[0] != b.N() {
			return visit(b, v.Data, len(v.Data)/b.N())
		}
		d := v.Shape[len(v.Shape)-1] // channels and tokens' values are last
		places := len(v.Data) / b.N() / d
		pooled = slices.Grow(pooled[:0], b.N()*d)[:b.N()*d]
		for i := range b.N() {
			to := pooled[i*d : (i+1)*d]
			clear(to)
			for at := i * places * d; at < (i+1)*places*d; at += d {
				for j, x := range v.Data[at : at+d] {
					to[j] += x
				}
			}
			for j := range to {
				to[j] /= float32(places)
			}
		}
		return visit(b, pooled, d)
	})
}

// asked is what a task asks of the examples of a source, filled batch by batch.
type asked struct {
	e       Extraction
	labels  []int32
	targets []float32
	sums    []byte
}

func (e Extraction) asked(n int) *asked {
	a := &asked{e: e, labels: make([]int32, n), sums: make([]byte, 8*n)}
	if e.Target.Kind != data.Class {
		a.targets = make([]float32, n*e.Target.Width())
	}
	return a
}

func (a *asked) add(b *data.Batch) {
	k := a.e.Target.Width()
	for i, at := range b.Index {
		a.labels[at] = -1
		if a.targets == nil {
			a.labels[at] = int32(a.e.Target.Class(b, i))
		} else {
			a.e.Target.Values(a.targets[at*k:(at+1)*k], b, i)
		}
		binary.LittleEndian.PutUint64(a.sums[8*at:], b.Sum(i))
	}
}

// arrays are those beside the codes.
func (a *asked) arrays() []checkpoints.Array {
	n := len(a.labels)
	list := []checkpoints.Array{{Name: "labels", Shape: []int{n}, I32: a.labels}, {Name: "sums", Shape: []int{n, 8}, U8: a.sums}}
	if a.targets != nil {
		list = append([]checkpoints.Array{{Name: "targets", Shape: []int{n, len(a.targets) / n}, F32: a.targets}}, list...)
	}
	return list
}

// codes puts both together.
func (a *asked) codes(x []float32, d int) *Codes {
	c := &Codes{Features: eval.Features{X: x, D: d}, Sums: make([]uint64, len(a.labels))}
	if a.targets != nil {
		c.Targets, c.T = a.targets, len(a.targets)/len(a.labels)
	} else {
		c.Labels = make([]int, len(a.labels))
		for i, l := range a.labels {
			c.Labels[i] = int(l)
		}
	}
	for i := range c.Sums {
		c.Sums[i] = binary.LittleEndian.Uint64(a.sums[8*i:])
	}
	return c
}

func (e Extraction) collect(ctx context.Context, src data.Source) (*Codes, error) {
	a := e.asked(src.Len())
	var x []float32
	width := 0
	err := e.each(ctx, src, func(b *data.Batch, rows []float32, d int) error {
		if x == nil {
			x, width = make([]float32, 0, src.Len()*d), d
		}
		x = append(x, rows...)
		a.add(b)
		return nil
	})
	return a.codes(x, width), err
}

func (e Extraction) keep(ctx context.Context, src data.Source, path string) error {
	a := e.asked(src.Len())
	return checkpoints.SaveRows(path, "codes", src.Len(), a.arrays(), func(put func([]float32, int) error) error {
		return e.each(ctx, src, func(b *data.Batch, rows []float32, d int) error {
			a.add(b)
			return put(rows, d)
		})
	})
}

// read gives back what keep wrote.
func (e Extraction) read(path string, n int) (*Codes, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	f, err := checkpoints.ReadSafetensors(path)
	if err != nil {
		return nil, err
	}
	a := e.asked(n)
	x, _ := f.Array("codes")
	labels, _ := f.Array("labels")
	sums, _ := f.Array("sums")
	targets, _ := f.Array("targets")
	if len(x.Shape) != 2 || x.Shape[0] != n || len(labels.I32) != n || len(sums.U8) != 8*n || len(targets.F32) != len(a.targets) {
		return nil, fmt.Errorf("%s: holds no codes of %d examples; remove it", path, n)
	}
	a.labels, a.sums = labels.I32, sums.U8
	if a.targets != nil {
		a.targets = targets.F32
	}
	return a.codes(x.F32, x.Shape[1]), nil
}

// maxKept bounds the codes that are kept in bytes, but for the newest.
const maxKept = 4 << 30

// prune removes the oldest codes until those that are left are not too large.
func (e Extraction) prune(newest string) error {
	list, err := os.ReadDir(e.Dir)
	if err != nil {
		return err
	}
	var files []fs.FileInfo
	for _, f := range list {
		info, err := f.Info()
		if err == nil && strings.HasSuffix(f.Name(), ".safetensors") && f.Name() != filepath.Base(newest) {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	var size int64
	for _, f := range files {
		if size += f.Size(); size > maxKept {
			if err := os.Remove(filepath.Join(e.Dir, f.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// TransferDir is the folder of a run that holds what probes and transfers found.
const TransferDir = runs.TransferDir

// KeepTransfer writes a file into that folder.
func KeepTransfer(folder, name string, content []byte) error {
	dir := filepath.Join(folder, TransferDir)
	if err := makeFolder(dir); err != nil {
		return err
	}
	return checkpoints.WriteFile(filepath.Join(dir, name), content)
}
