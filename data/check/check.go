// Package check looks through a data set for what spoils a training: damaged and
// constant examples, duplicates, test examples among the training ones.
package check

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"x2vec/data"
)

// A Report says what was found in a data set.
type Report struct {
	Name   string        `json:"name"`
	Shape  []int         `json:"shape"` // of one example, (C, H, W)
	Splits []SplitReport `json:"splits"`
	// Leaks are test examples whose pixels are those of a training example too.
	Leaks Pairs `json:"leaks"`
}

// A SplitReport says what was found in one split.
type SplitReport struct {
	Split      string    `json:"split"`
	Examples   int       `json:"examples"`
	Unlabelled int       `json:"unlabelled"`
	Classes    []Class   `json:"classes,omitempty"`
	Mean       []float64 `json:"mean"` // of each channel of the sound examples, pixels scaled to 0..1
	Std        []float64 `json:"std"`
	Damaged    Faults    `json:"damaged"`
	Constant   Indices   `json:"constant"` // every channel has one value all over
	// Duplicates are examples whose pixels are those of an earlier one.
	Duplicates Pairs `json:"duplicates"`
	// Conflicts is how many of the duplicates have another label than the earlier one.
	Conflicts int `json:"conflicts"`
}

// A Class is the number of examples of one class.
type Class struct {
	Name     string `json:"name"`
	Examples int    `json:"examples"`
}

// Of each finding all are counted and the first named are named.
const named = 20

// Faults are examples that cannot be read.
type Faults struct {
	Count int     `json:"count"`
	First []Fault `json:"first,omitempty"`
}

// A Fault is one example that cannot be read, and why.
type Fault struct {
	Index int    `json:"index"`
	Error string `json:"error"`
}

// Indices are examples by their position.
type Indices struct {
	Count int   `json:"count"`
	First []int `json:"first,omitempty"`
}

// Pairs are examples that equal an earlier one.
type Pairs struct {
	Count int    `json:"count"`
	First []Pair `json:"first,omitempty"`
}

// A Pair is an example and the earlier one (of the training split, for leaks)
// that it equals.
type Pair struct {
	Index  int `json:"index"`
	Equals int `json:"equals"`
}

func (x *Indices) add(index int) {
	if x.Count++; x.Count <= named {
		x.First = append(x.First, index)
	}
}

func (p *Pairs) add(index, equals int) {
	if p.Count++; p.Count <= named {
		p.First = append(p.First, Pair{index, equals})
	}
}

// Sound reports whether nothing was found that spoils a training: duplicates and
// constant examples are in many data sets and do not, unless their labels differ.
func (r *Report) Sound() bool {
	for _, s := range r.Splits {
		if s.Damaged.Count > 0 || s.Conflicts > 0 {
			return false
		}
	}
	return r.Leaks.Count == 0
}

// finding is what is kept of one example.
type finding struct {
	sum      [16]byte // of the pixels
	label    int32
	constant bool
	err      error
}

// Run reads every example of train and of test, which may be nil, on all threads.
// progress is told how many were read and how many there are; it may be nil, and
// is called on one goroutine at a time. The error is that of ctx, or says that
// the two splits do not belong together.
func Run(ctx context.Context, train, test data.Source, progress func(done, total int)) (*Report, error) {
	splits := []data.Source{train}
	if s := train.Spec(); s.Words != nil {
		return nil, fmt.Errorf("%s: holds words, and no values to check", s.Name)
	}
	if test != nil {
		if a, b := train.Spec(), test.Spec(); !slices.Equal(a.Shape, b.Shape) {
			return nil, fmt.Errorf("%s: the training examples are %v, the test examples %v", a.Name, a.Shape, b.Shape)
		}
		splits = append(splits, test)
	}
	total := 0
	for _, s := range splits {
		total += s.Len()
	}
	report := &Report{Name: train.Spec().Name, Shape: train.Spec().Shape}
	var before map[[16]byte]int
	done := 0
	for _, src := range splits {
		found, stats, err := scan(ctx, src, func(n int) {
			if progress != nil {
				progress(done+n, total)
			}
		})
		if err != nil {
			return nil, err
		}
		done += src.Len()
		seen := map[[16]byte]int{}
		report.Splits = append(report.Splits, summarise(src.Spec(), found, stats, seen))
		for i, f := range found {
			if f.err != nil || before == nil {
				continue
			}
			if j, ok := before[f.sum]; ok {
				report.Leaks.add(i, j)
			}
		}
		before = seen
	}
	return report, nil
}

// sums are the exact sums of a channel's pixels and of their squares: whole
// numbers, so that the order in which they are added does not matter.
type sums struct{ n, x, xx int64 }

// scan reads every example of src.
func scan(ctx context.Context, src data.Source, progress func(done int)) ([]finding, []sums, error) {
	spec := src.Spec()
	found := make([]finding, src.Len())
	channels := 1
	if spec.Image() {
		channels = spec.Shape[0]
	}
	total := make([]sums, channels)
	var next atomic.Int64
	var mu sync.Mutex // of total and progress
	done := 0
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			const chunk = 256
			e := data.Example{Pixels: make([]byte, spec.Size()), Factors: make([]float32, len(spec.Factors))}
			read := func(i int) (err error) {
				defer data.Recover(&err, "reading it")
				return src.Read(i, &e)
			}
			for {
				lo := int(next.Add(chunk)) - chunk
				hi := min(lo+chunk, len(found))
				if lo >= hi || ctx.Err() != nil {
					return
				}
				part := make([]sums, channels)
				for i := lo; i < hi; i++ {
					e.Label = -1
					if found[i].err = read(i); found[i].err == nil {
						found[i].look(&e, part)
					}
				}
				mu.Lock()
				for c := range total {
					total[c].n += part[c].n
					total[c].x += part[c].x
					total[c].xx += part[c].xx
				}
				done += hi - lo
				progress(done)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	return found, total, nil
}

// look keeps what is needed of an example, and adds its pixels to the sums.
func (f *finding) look(e *data.Example, part []sums) {
	h := sha256.Sum256(e.Pixels)
	f.sum, f.label, f.constant = [16]byte(h[:16]), int32(e.Label), true
	plane := len(e.Pixels) / len(part)
	for c := range part {
		p := e.Pixels[c*plane : (c+1)*plane]
		var x, xx int64
		for _, v := range p {
			x += int64(v)
			xx += int64(v) * int64(v)
			f.constant = f.constant && v == p[0]
		}
		part[c].n += int64(plane)
		part[c].x += x
		part[c].xx += xx
	}
}

// summarise makes the report of a split and fills seen with the first example of
// each content.
func summarise(spec data.Spec, found []finding, total []sums, seen map[[16]byte]int) SplitReport {
	r := SplitReport{Split: spec.Split, Examples: len(found)}
	for _, c := range spec.Classes {
		r.Classes = append(r.Classes, Class{Name: c})
	}
	for i, f := range found {
		if f.err != nil {
			if r.Damaged.Count++; r.Damaged.Count <= named {
				r.Damaged.First = append(r.Damaged.First, Fault{i, f.err.Error()})
			}
			continue
		}
		switch {
		case f.label < 0:
			r.Unlabelled++
		case int(f.label) < len(r.Classes):
			r.Classes[f.label].Examples++
		}
		if f.constant {
			if r.Constant.Count++; r.Constant.Count <= named {
				r.Constant.First = append(r.Constant.First, i)
			}
		}
		if j, again := seen[f.sum]; again {
			r.Duplicates.add(i, j)
			if found[j].label != f.label {
				r.Conflicts++
			}
			continue
		}
		seen[f.sum] = i
	}
	for _, t := range total {
		mean, std := 0.0, 0.0
		if t.n > 0 {
			mean = float64(t.x) / float64(t.n) / 255
			std = math.Sqrt(max(float64(t.xx)/float64(t.n)/255/255-mean*mean, 0))
		}
		r.Mean, r.Std = append(r.Mean, mean), append(r.Std, std)
	}
	return r
}
