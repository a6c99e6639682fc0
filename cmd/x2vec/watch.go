package main

import (
	"github.com/spf13/cobra"

	"x2vec/trainers"
	"x2vec/trainers/tensorboard"
)

// watch are the flags by which other programs can look at a run that trains.
type watch struct {
	tensorboard bool
	address     string
	exporter    *exporter
}

func (w *watch) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&w.tensorboard, "tensorboard", false, "write event files for TensorBoard into the run's folder tensorboard")
	f.StringVar(&w.address, "metrics-addr", "", "serve progress to Prometheus at this `address`, /metrics and /healthz; a port alone is on 127.0.0.1")
}

// begin listens where that is asked for; end is what is to be done in the end.
func (w *watch) begin(console *console) (end func(), err error) {
	if w.address == "" {
		return func() {}, nil
	}
	if w.exporter, err = newExporter(w.address); err != nil {
		return nil, err
	}
	console.log.Infof("metrics at http://%s/metrics", w.exporter.at)
	return w.exporter.close, nil
}

// watchers are those of one run.
func (w *watch) watchers() []trainers.Watcher {
	var list []trainers.Watcher
	if w.tensorboard {
		list = append(list, &tensorboard.Watcher{})
	}
	if w.exporter != nil {
		list = append(list, w.exporter)
	}
	return list
}
