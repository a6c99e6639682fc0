package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/graph/ops/blas"
	"x2vec/objectives"
	"x2vec/trainers"
)

// featuresBench is the line that --json prints; samples_per_s is that of the walk.
type featuresBench struct {
	benchResult
	Forward float64 `json:"forward_per_s"` // examples a second of the net alone
	Kept    float64 `json:"kept_per_s"`    // of codes that are kept in a file and read again
	Ratio   float64 `json:"ratio"`         // of the walk to the net alone, in processor time
	OfKept  float64 `json:"ratio_kept"`
}

func benchFeaturesCommand() *cobra.Command {
	var o struct {
		data          string
		batch, repeat int
		examples      int
		sets          []string
		json          bool
	}
	c := &cobra.Command{
		Use:   "features WORKLOAD",
		Short: "time how fast codes of a data set are taken, beside the net alone",
		Long: `Take the codes of a workload's examples by its encoder as it is at the start, in three
ways by turns: the net alone, on one batch again and again; a walk over the data, as embed
does; and a walk whose codes are kept in a file and read again, as probe does. Rates are
those of the median turn; ratios are of processor time, which other work on the machine
disturbs least.`,
		Example: `  x2vec bench features mae --data ~/data/cifar10 --threads 2
  x2vec bench features ae-mlp --batch 256 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.ContainsFunc(workloads, func(w struct {
				name  string
				steps int
			}) bool {
				return w.name == args[0]
			}) {
				return badRequest(fmt.Errorf("no workload %q; see x2vec bench --help", args[0]))
			}
			if o.repeat < 1 || o.batch < 1 || o.examples < 1 {
				return badRequest(fmt.Errorf("--repeat, --batch and --examples are %d, %d and %d, want at least 1 each", o.repeat, o.batch, o.examples))
			}
			config, err := benchConfig(c.Context(), args[0], append(benchSets(args[0], 1000), o.sets...), o.data)
			if err != nil {
				return faults(err)
			}
			config.Task.Batch = o.batch
			src, err := data.Limit(config.Train, o.examples, 0)
			if err != nil {
				return err
			}
			r, err := benchFeatures(c.Context(), config.Task, src, o.repeat)
			if err != nil {
				return err
			}
			r.Workload, r.Threads = args[0], threads(c)
			if o.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(r)
			}
			rate := func(v float64) string { return humanize.CommafWithDigits(v, 0) }
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: net alone %s examples/s; walk %s (%.3f of it), kept in a file %s (%.3f of it); batches of %d, %d threads, %s\n",
				r.Workload, rate(r.Forward), rate(r.SamplesPer), r.Ratio, rate(r.Kept), r.OfKept, r.Batch, r.Threads, r.BLAS)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "`folder` of the data, or of data sets by name")
	f.IntVar(&o.batch, "batch", 256, "examples at a time")
	f.IntVar(&o.examples, "examples", 10_000, "how many codes are taken in a turn, at most")
	f.IntVar(&o.repeat, "repeat", 3, "turns")
	f.StringArrayVar(&o.sets, "set", nil, "override a setting of the workload; may be given several times")
	f.BoolVar(&o.json, "json", false, "print one line of JSON")
	return c
}

// turn is what one way took.
type turn struct{ wall, cpu time.Duration }

func benchFeatures(ctx context.Context, task objectives.Task, src data.Source, repeat int) (*featuresBench, error) {
	task.Batch = min(task.Batch, src.Len())
	ps, err := trainers.Untrained(task, task.Seed)
	if err != nil {
		return nil, err
	}
	alone, err := trainers.Forward(task, ps, src)
	if err != nil {
		return nil, err
	}
	batches := src.Len() / task.Batch
	if src, err = data.Limit(src, batches*task.Batch, 0); err != nil { // whole ones: one program runs all
		return nil, err
	}
	ways := []func() error{
		func() error {
			for range batches {
				if err := alone(); err != nil {
					return err
				}
			}
			return nil
		},
		func() error {
			return trainers.EachFeature(ctx, task, ps, src, trainers.CodeTap, func(*data.Batch, []float32, int) error { return nil })
		},
		func() error {
			dir, err := os.MkdirTemp("", "x2vec-bench")
			if err != nil {
				return err
			}
			defer os.RemoveAll(dir)
			_, err = trainers.Extraction{Task: task, Params: ps, Tap: trainers.CodeTap, Target: data.Target{Kind: data.Class}, Dir: dir}.Take(ctx, src)
			return err
		},
	}
	times := make([][]turn, len(ways))
	for i := range repeat + 1 { // the first one allocates
		for w, way := range ways {
			began, cpu := time.Now(), cpuTime()
			if err := way(); err != nil {
				return nil, err
			}
			if i > 0 {
				times[w] = append(times[w], turn{time.Since(began), cpuTime() - cpu})
			}
		}
	}
	n := float64(batches * task.Batch)
	rate := func(w int) float64 {
		slices.SortFunc(times[w], func(a, b turn) int { return int(a.wall - b.wall) })
		return rounded(n/times[w][repeat/2].wall.Seconds(), 1)
	}
	cpu := func(w int) float64 {
		slices.SortFunc(times[w], func(a, b turn) int { return int(a.cpu - b.cpu) })
		return times[w][repeat/2].cpu.Seconds()
	}
	r := &featuresBench{benchResult: benchResult{Steps: batches, Batch: task.Batch, BLAS: blas.Name(), Data: src.Spec().Name, PeakRSSMB: rounded(peakRSS(), 1)}}
	r.Forward, r.SamplesPer, r.Kept = rate(0), rate(1), rate(2)
	r.Ratio, r.OfKept = rounded(cpu(0)/cpu(1), 3), rounded(cpu(0)/cpu(2), 3)
	r.Seconds, r.CPUSeconds = rounded(n/r.SamplesPer, 3), rounded(cpu(1), 3)
	return r, nil
}
