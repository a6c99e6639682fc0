package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/spf13/cobra"

	"x2vec/graph/ops/blas"
	"x2vec/objectives"
	"x2vec/trainers"
)

// kmeansBench is the line that --json prints: a step is an iteration over all points,
// which are its batch, and the loss is the inertia for each value of a point.
type kmeansBench struct {
	benchResult
	Points     int     `json:"points"`
	K          int     `json:"k"`
	Iterations int     `json:"iterations"`
	Iteration  float64 `json:"iteration_s"`
	CPU        float64 `json:"iteration_cpu_s"` // in time of all threads
	Start      float64 `json:"init_s"`          // k-means++
	Reading    float64 `json:"read_s"`
	Inertia    float64 `json:"inertia"`
}

func benchKMeansCommand() *cobra.Command {
	var o struct {
		iterations, seed int
		data, profile    string
		json             bool
	}
	c := &cobra.Command{
		Use:   "kmeans",
		Short: "time Lloyd's iterations and the k-means++ start on 60,000 points",
		Long: `Cluster the 60,000 training images of MNIST in 100 clusters: a k-means++ start, then
Lloyd's iterations, of which all but the first, which allocates, are timed. The inertia
is that of the centers that come out. Where the data are not here, random bytes of the
same shape are taken, and the line says so.`,
		Example: "  x2vec bench kmeans --data ~/data/mnist --threads 2",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if o.iterations < 2 {
				return badRequest(fmt.Errorf("--steps is %d, want at least 2: the first is not timed", o.iterations))
			}
			if o.seed < 0 {
				return badRequest(fmt.Errorf("--seed is %d, want at least 0", o.seed))
			}
			config, err := benchConfig(c.Context(), "kmeans", []string{fmt.Sprintf("objective.iterations=%d", o.iterations), "objective.tolerance=0", fmt.Sprintf("seed=%d", o.seed)}, o.data)
			if err != nil {
				return faults(err)
			}
			t, err := trainers.New(config)
			if err != nil {
				return err
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
				defer pprof.StopCPUProfile()
			}
			var wall, cpu [2]time.Duration // after the first iteration, and after the last
			began, last := time.Now(), 0
			err = t.Run(c.Context(), hookFunc(func(t *trainers.Trainer) {
				now, used := time.Since(began), cpuTime()
				if t.Step == 1 {
					wall[0], cpu[0] = now, used
				}
				if t.Step <= o.iterations {
					wall[1], cpu[1], last = now, used, t.Step
				}
			}))
			if err != nil {
				return err
			}
			n, values := config.Train.Len(), config.Task.Spec.Size()
			timed := float64(last - 1)
			spent := config.Objective.(*objectives.KMeans).Spent
			spentWall, spentCPU := (wall[1] - wall[0]).Seconds(), (cpu[1] - cpu[0]).Seconds()
			r := kmeansBench{
				benchResult: benchResult{Workload: "kmeans", Data: config.Task.Spec.Name, Steps: last, Threads: threads(c), Batch: n, BLAS: blas.Name(),
					SamplesPer: rounded(float64(n)*timed/spentWall, 0), FinalLoss: t.Last.Loss,
					Seconds: rounded(spentWall, 3), CPUSeconds: rounded(spentCPU, 3), PeakRSSMB: rounded(peakRSS(), 1)},
				Points: n, K: t.Params.Get("encoder/centers").Shape[0], Iterations: last,
				Iteration: rounded(spentWall/timed, 5), CPU: rounded(spentCPU/timed, 5),
				Start: rounded(spent.Start.Seconds(), 3), Reading: rounded(spent.Reading.Seconds(), 3),
				Inertia: rounded(t.Last.Loss*float64(n)*float64(values), 1)}
			if o.json {
				return json.NewEncoder(c.OutOrStdout()).Encode(r)
			}
			fmt.Fprintf(c.OutOrStdout(), "kmeans: %.1f ms an iteration, %.1f ms of processor time (%d iterations over %d points of %s, %d clusters; %d threads, %s); k-means++ %.2f s; inertia %.0f; peak memory %.0f MB\n",
				1000*r.Iteration, 1000*r.CPU, r.Iterations, r.Points, r.Data, r.K, r.Threads, r.BLAS, r.Start, r.Inertia, r.PeakRSSMB)
			return nil
		},
	}
	f := c.Flags()
	f.IntVar(&o.iterations, "steps", 25, "iterations of Lloyd's algorithm")
	f.IntVar(&o.iterations, "iterations", 25, "the same as --steps")
	f.IntVar(&o.seed, "seed", 0, "of the start")
	f.StringVar(&o.data, "data", "", "`folder` of the data, or of data sets by name")
	f.StringVar(&o.profile, "cpuprofile", "", "write a profile for go tool pprof into this `file`")
	f.BoolVar(&o.json, "json", false, "print one line of JSON")
	return c
}
