package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/data/draw"
	"x2vec/graph/ops/blas"
	"x2vec/trainers/eval"
)

// probeBench is the line that --json prints: a step is an iteration over all training
// codes, which are its batch. Seconds are those of the median fit, standardising
// included.
type probeBench struct {
	benchResult
	Train    int     `json:"train"`
	Test     int     `json:"test"`
	D        int     `json:"feature_dim"`
	Fit      float64 `json:"fit_s"`
	TrainAcc float64 `json:"train_acc"`
	TestAcc  float64 `json:"test_acc"`
	// Objective is the loss with the penalty, summed over the codes.
	Objective float64 `json:"objective"`
}

func benchProbeCommand() *cobra.Command {
	var o struct {
		features, save string
		repeat         int
		json           bool
	}
	c := &cobra.Command{
		Use:   "probe",
		Short: "time a linear probe on 60,000 codes of 512 values",
		Long: `Fit softmax regression to standardised codes, C = 1, as scikit-learn's
LogisticRegression(C=1, tol=1e-4, max_iter=200) does, and print the time of the median
fit. The codes are made by a seed: 60,000 of 512 values and 10,000 for testing, ten
classes that overlap. --features takes them from a safetensors file (xtr, ytr, xte, yte;
float32 and int64) and --save writes them into one, for other programs.`,
		Example: `  x2vec bench probe --threads 2
  x2vec bench probe --save codes.safetensors`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.repeat < 1 {
				return badRequest(fmt.Errorf("--repeat is %d, want at least 1", o.repeat))
			}
			r := probeBench{benchResult: benchResult{Workload: "probe", Data: "made", Threads: threads(c), BLAS: blas.Name()}}
			var train, test eval.Features
			var err error
			if o.features == "" {
				train, test = madeCodes(0, 60_000), madeCodes(1, 10_000)
			} else if train, test, err = readCodes(o.features); err != nil {
				return err
			} else {
				r.Data = o.features
			}
			if o.save != "" {
				return saveCodes(o.save, train, test)
			}
			if err := r.fit(c.Context(), train, test, o.repeat); err != nil {
				return err
			}
			if o.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(r)
			}
			fmt.Fprintf(c.OutOrStdout(), "probe: %d codes of %d (%s): %.2f s, %.2f s of processor time, %d iterations; %d threads, %s; objective %.6g; accuracy %.4f on them, %.4f on %d others\n",
				r.Train, r.D, r.Data, r.Seconds, r.CPUSeconds, r.Steps, r.Threads, r.BLAS, r.Objective, r.TrainAcc, r.TestAcc, r.Test)
			return nil
		},
	}
	f := c.Flags()
	f.StringVar(&o.features, "features", "", "safetensors `file` of codes and labels")
	f.StringVar(&o.save, "save", "", "write the codes into this `file`, and end")
	f.IntVar(&o.repeat, "repeat", 3, "fits, of which the median is told")
	f.BoolVar(&o.json, "json", false, "print one line of JSON")
	return c
}

func (r *probeBench) fit(ctx context.Context, train, test eval.Features, repeat int) error {
	type time2 struct{ wall, cpu time.Duration }
	var times []time2
	var m *eval.LinearMap
	for range repeat {
		began, cpu := time.Now(), cpuTime()
		var err error
		if m, err = eval.LinearProbe.Fit(ctx, train); err != nil {
			return err
		}
		times = append(times, time2{time.Since(began), cpuTime() - cpu})
	}
	slices.SortFunc(times, func(a, b time2) int { return int(a.wall - b.wall) })
	median := times[len(times)/2]
	r.Train, r.Test, r.D = train.N(), test.N(), train.D
	r.Seconds, r.CPUSeconds = rounded(median.wall.Seconds(), 3), rounded(median.cpu.Seconds(), 3)
	r.Fit, r.Batch, r.Steps = r.Seconds, r.Train, m.Iterations
	r.Objective, r.FinalLoss = m.Objective, m.Objective/float64(r.Train)
	r.SamplesPer = rounded(float64(r.Train*r.Steps)/median.wall.Seconds(), 0)
	r.PeakRSSMB = rounded(peakRSS(), 1)
	var err error
	if r.TrainAcc, err = m.Accuracy(train); err != nil {
		return err
	}
	r.TestAcc, err = m.Accuracy(test)
	return err
}

// madeCodes are n codes of 512 values such as a hidden layer's: random directions of a
// few causes, some of them of the class, cut off at 0, with noise.
func madeCodes(part, n int) eval.Features {
	const d, causes, classes, each = 512, 64, 10, 8
	r := draw.New(draw.Key(0, "bench/probe", 0, 0)) // the same net for both parts
	mix, means := make([]float64, causes*d), make([]float64, classes*causes)
	for i := range mix {
		mix[i] = r.Norm()
	}
	for i := range means {
		means[i] = 0.3 * r.Norm()
	}
	f := eval.Features{X: make([]float32, n*d), D: d, Labels: make([]int, n)}
	r = draw.New(draw.Key(0, "bench/probe", 1, part))
	var z [causes]float64
	for i := range n {
		class := r.IntN(classes)
		f.Labels[i] = class
		for j := range z {
			z[j] = r.Norm() + means[class*causes+j]
		}
		for j := range d {
			v := 0.0
			for k := range each {
				at := (j*7 + k*11) % causes
				v += z[at] * mix[at*d+j]
			}
			f.X[i*d+j] = float32(max(v, 0) + 0.1*r.Norm())
		}
	}
	return f
}

func saveCodes(path string, train, test eval.Features) error {
	var list []checkpoints.Array
	for name, f := range map[string]eval.Features{"tr": train, "te": test} {
		labels := make([]int64, f.N())
		for i, l := range f.Labels {
			labels[i] = int64(l)
		}
		list = append(list, checkpoints.Array{Name: "x" + name, Shape: []int{f.N(), f.D}, F32: f.X},
			checkpoints.Array{Name: "y" + name, Shape: []int{f.N()}, I64: labels})
	}
	return checkpoints.SaveSafetensors(path, list, nil)
}

func readCodes(path string) (train, test eval.Features, err error) {
	file, err := checkpoints.ReadSafetensors(path)
	if err != nil {
		return train, test, err
	}
	read := func(part string) (f eval.Features, err error) {
		x, _ := file.Array("x" + part)
		y, _ := file.Array("y" + part)
		if len(x.Shape) != 2 || x.F32 == nil || len(y.I64) != x.Shape[0] {
			return f, badRequest(fmt.Errorf("%s: want x%s, float32 (N, D), and y%s, int64 (N)", path, part, part))
		}
		f = eval.Features{X: x.F32, D: x.Shape[1]}
		for _, l := range y.I64 {
			f.Labels = append(f.Labels, int(l))
		}
		return f, nil
	}
	if train, err = read("tr"); err != nil {
		return train, test, err
	}
	test, err = read("te")
	return train, test, err
}
