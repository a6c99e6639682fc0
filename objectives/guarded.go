package objectives

import "fmt"

// A Guarded objective knows by its own numbers when training goes wrong. Alarm is
// given means by name, as tapped by "metric/NAME": over the steps since the last line
// of the log, or over the test examples. It returns a sentence without a full stop,
// or nothing where all is well.
type Guarded interface {
	Alarm(metrics map[string]float64) string
}

// spreadMetric is the name of ops.Deviation among the metrics of contrastive methods;
// leastSpread is that below which views can hardly be told apart: all lie within a
// twentieth of the sphere's radius.
const (
	spreadMetric = "spread"
	leastSpread  = 0.05
)

// collapsed says so where all projections, of views, pictures or texts, are nearly one.
func collapsed(metrics map[string]float64) string {
	for _, of := range []string{"", "text "} {
		if v, ok := metrics[of+spreadMetric]; ok && v < leastSpread {
			return fmt.Sprintf("the %sprojections are collapsing: they have a spread of %.3g, where 1 is even and 0 one point; try a lower learning rate, a larger batch or another temperature", of, v)
		}
	}
	return ""
}
