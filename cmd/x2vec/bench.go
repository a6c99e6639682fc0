package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/graph/ops/blas"
	"x2vec/trainers"
	"x2vec/trainers/job"
)

// workloads are the recipes that bench times, with the number of steps that
// takes a few seconds on two cores.
var workloads = []struct {
	name  string
	steps int
}{
	{"ae-mlp", 1000},
	{"ae-linear", 6000},
	{"ae-conv", 150},
	{"vqvae", 50},
	{"color", 40},
	{"mlm", 60},
	{"skipgram", 8000},
	{"simclr", 100},
	{"mae", 50},
}

// benchSets are what a workload has otherwise than its recipe, for so many steps.
func benchSets(name string, steps int) []string {
	sets := []string{fmt.Sprintf("train.duration=%d", steps)}
	switch name {
	case "vqvae": // the recipe is the published run, in smaller batches
		return append(sets, "train.batch=128", "optimizer.lr=0.001")
	case "mlm": // all examples are whole
		return append(sets, "objective.short=0")
	}
	return sets
}

// warmUp is the number of steps before the clock starts: the first ones allocate.
const warmUp = 3

// benchResult is the line that --json prints; probe and kmeans add to it.
type benchResult struct {
	Workload   string  `json:"workload"`
	SamplesPer float64 `json:"samples_per_s"`
	WordsPer   float64 `json:"words_per_s,omitempty"` // of texts: words of the vocabulary
	Steps      int     `json:"steps"`
	Threads    int     `json:"threads"`
	Batch      int     `json:"batch"`
	BLAS       string  `json:"blas"`
	FinalLoss  float64 `json:"final_loss"` // mean over the last 50 steps
	PeakRSSMB  float64 `json:"peak_rss_mb"`
	Seconds    float64 `json:"seconds"`      // of the steps after the warm-up
	CPUSeconds float64 `json:"cpu_seconds"`  // the same in time of all threads
	DataWaitMS float64 `json:"data_wait_ms"` // a step, that the loop waited for data
	Data       string  `json:"data"`         // its name; random bytes are "synthetic"
}

func benchCommand() *cobra.Command {
	var names []string
	for _, w := range workloads {
		names = append(names, w.name)
	}
	var o struct {
		steps, batch int
		data         string
		profile      string
		sets         []string
		json         bool
	}
	c := &cobra.Command{
		Use:   "bench WORKLOAD",
		Short: "time the whole training loop on a known workload",
		Long: `Train a recipe for some steps and print samples per second of the whole loop, data
loading included, from the fourth step on. Nothing is kept.

Without --data the workload's data set is looked for in $X2VEC_DATA and the cache;
where it is not, random bytes of the same shape are taken, and the line says so.

Workloads: ` + strings.Join(names, ", "),
		Example: `  x2vec bench ae-mlp --data ~/data/mnist --threads 2
  x2vec bench ae-linear --steps 12000 --json`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: names,
		RunE: func(c *cobra.Command, args []string) error {
			i := slices.Index(names, args[0])
			if i < 0 {
				return badRequest(fmt.Errorf("no workload %q; there are %s", args[0], strings.Join(names, ", ")))
			}
			steps := o.steps
			if steps == 0 {
				steps = workloads[i].steps
			}
			if steps <= warmUp {
				return badRequest(fmt.Errorf("--steps is %d, want more than %d: the first %d are not timed", steps, warmUp, warmUp))
			}
			sets := benchSets(args[0], steps)
			sets = append(sets, o.sets...)
			if c.Flags().Changed("batch") {
				sets = append(sets, fmt.Sprintf("train.batch=%d", o.batch))
			}
			config, err := benchConfig(c.Context(), args[0], sets, o.data)
			if err != nil {
				return faults(err)
			}
			if o.profile != "" {
				f, err := os.Create(o.profile)
				if err != nil {
					return err
				}
				defer f.Close()
				if err := pprof.StartCPUProfile(f); err != nil {
					return err
				}
			}
			r, err := bench(c.Context(), config)
			pprof.StopCPUProfile()
			if err != nil {
				return err
			}
			r.Workload, r.Threads = args[0], threads(c)
			if o.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(r)
			}
			rate := humanize.CommafWithDigits(r.SamplesPer, 0) + " samples/s"
			if r.WordsPer > 0 {
				rate += ", " + humanize.CommafWithDigits(r.WordsPer, 0) + " words/s"
			}
			fmt.Fprintf(c.OutOrStdout(), "%s: %s (%d steps of %d on %s in %.2f s, %.2f s of processor time, %.2f ms a step waiting for data; %d threads, %s); loss %.6f; peak memory %.0f MB\n",
				r.Workload, rate, r.Steps, r.Batch, r.Data, r.Seconds, r.CPUSeconds, r.DataWaitMS, r.Threads, r.BLAS, r.FinalLoss, r.PeakRSSMB)
			return nil
		},
	}
	c.AddCommand(benchProbeCommand(), benchKMeansCommand(), benchFeaturesCommand())
	f := c.Flags()
	f.IntVar(&o.steps, "steps", 0, "steps in all (default: a few seconds' worth)")
	f.IntVar(&o.batch, "batch", 0, "examples a step (default: the workload's own)")
	f.StringVar(&o.data, "data", "", "`folder` of the data, or of data sets by name")
	f.StringArrayVar(&o.sets, "set", nil, "override a setting of the workload, as in train.mode=hogwild; may be given several times")
	f.StringVar(&o.profile, "cpuprofile", "", "write a profile for go tool pprof into this `file`")
	f.BoolVar(&o.json, "json", false, "print one line of JSON")
	return c
}

// threads is the number of threads that the person asked for.
func threads(c *cobra.Command) int {
	n, err := c.Flags().GetInt("threads")
	if err != nil {
		panic(err) // every command has the flag
	}
	return n
}

// benchConfig assembles the workload on its own data or, where those are not
// here, on random bytes of the same shape.
func benchConfig(ctx context.Context, name string, sets []string, folder string) (trainers.Config, error) {
	var c trainers.Config
	text, err := recipes.text(name)
	if err != nil {
		return c, err
	}
	f, err := job.Parse(name+".toml", text, sets)
	if err != nil {
		return c, err
	}
	if folder != "" {
		more, err := dataSets(folder, f, sets)
		if err != nil {
			return c, err
		}
		if f, err = job.Parse(name+".toml", text, more); err != nil {
			return c, err
		}
	}
	quiet := func(text string) { logrus.Debug(text) }
	if c, err = f.Assemble(ctx, nil, quiet); folder != "" || !errors.Is(err, fs.ErrNotExist) {
		return c, err
	}
	made, ok := standIns[f.Data.Source]
	if !ok {
		return c, err
	}
	if f, err = job.Parse(name+".toml", text, append(sets, made...)); err != nil {
		return c, err
	}
	return f.Assemble(ctx, nil, quiet)
}

// standIns are settings that make random data of the shape and size of a set.
var standIns = map[string][]string{
	"mnist":   {"data.source=synthetic", "data.size=28", "data.channels=1", "data.count=60000"},
	"text":    {"data.source=builtin-text"},
	"cifar10": {"data.source=synthetic", "data.size=32", "data.channels=3", "data.count=50000"},
}

// rounded drops digits that mean nothing.
func rounded(v float64, digits int) float64 {
	p := math.Pow(10, float64(digits))
	return math.Round(v*p) / p
}

// bench trains without evaluating or keeping anything.
func bench(ctx context.Context, config trainers.Config) (*benchResult, error) {
	config.EvalEvery, config.CheckpointEvery = 0, 0
	if config.Hogwild && config.Steps <= config.LogEvery {
		return nil, badRequest(fmt.Errorf("--steps is %d, want more than %d: with hogwild so many are not timed", config.Steps, config.LogEvery))
	}
	t, err := trainers.New(config)
	if err != nil {
		return nil, err
	}
	var began time.Time
	var cpu time.Duration
	var wait time.Duration
	var losses []float64
	const mean = 50 // steps
	first := warmUp
	if config.Hogwild { // hooks are called when the threads stand still
		first = config.LogEvery
	}
	err = t.Run(ctx, hookFunc(func(t *trainers.Trainer) {
		if t.Step == first {
			began, cpu = time.Now(), cpuTime()
		}
		if t.Step > first {
			wait += t.Last.Wait
		}
		if t.Step > t.Steps-mean {
			losses = append(losses, t.Last.Loss)
		}
	}))
	if err != nil {
		return nil, err
	}
	seconds := time.Since(began).Seconds()
	r := &benchResult{
		Steps: t.Steps, Batch: config.Task.Batch, BLAS: blas.Name(), Data: config.Task.Spec.Name,
		SamplesPer: rounded(float64((t.Steps-first)*config.Task.Batch*max(1, config.Optimizer.Accumulate))/seconds, 1),
		PeakRSSMB:  rounded(peakRSS(), 1), Seconds: rounded(seconds, 3), CPUSeconds: rounded((cpuTime() - cpu).Seconds(), 3),
		DataWaitMS: rounded(wait.Seconds()*1000/float64(t.Steps-first), 3),
	}
	if spec := config.Task.Spec; spec.Words != nil {
		r.WordsPer = rounded(r.SamplesPer*float64(spec.Size()), 0)
	}
	for _, l := range losses {
		r.FinalLoss += l / float64(len(losses))
	}
	return r, nil
}
