package job

import (
	"fmt"
	"slices"
	"strings"

	"x2vec/data"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/runs"
)

// A SweepProbe is a table [[probe]]: how the encoder of each complete run is judged.
type SweepProbe struct {
	Labels      []string `toml:"labels"`          // training labels: so many of each class, a share such as 5%, or all
	Seeds       int      `toml:"seeds"`           // times to go through the protocol
	Layer       string   `toml:"layer"`           // activation to probe
	Whole       bool     `toml:"whole"`           // keep a layer of several axes as it is
	KNN         int      `toml:"knn_k"`           // neighbours that vote
	Temperature float64  `toml:"knn_temperature"` // by which votes are weighted
	Target      string   `toml:"target"`          // class, labels or values
	Factors     []string `toml:"factors"`         // what is asked where it is not the label
	Classes     []string `toml:"classes"`         // to keep; empty: all
	Data        string   `toml:"data"`            // folder, or name of a data set; empty: the run's own
	SGD         bool     `toml:"sgd"`             // fit the linear model by SGD without a penalty
	Baselines   bool     `toml:"baselines"`       // raw pixels, PCA and the untrained net beside it
}

// Options are those of each of its numbers of labels.
func (p SweepProbe) Options() []trainers.ProbeOptions {
	var list []trainers.ProbeOptions
	for _, count := range countsOf(p.Labels) {
		list = append(list, trainers.ProbeOptions{Tap: p.Layer, Whole: p.Whole, Seeds: p.Seeds, SGD: p.SGD, Baselines: p.Baselines,
			Labels: count, KNN: eval.KNN{K: p.KNN, Temperature: p.Temperature}})
	}
	return list
}

// countsOf are numbers of labels that were checked.
func countsOf(labels []string) []trainers.LabelCount {
	list := make([]trainers.LabelCount, len(labels))
	for i, text := range labels {
		list[i], _ = trainers.ParseLabelCount(text)
	}
	return list
}

// probes reads the tables [[probe]].
func (s *source) probes() []SweepProbe {
	var list []SweepProbe
	for i, t := range s.tables("probe") {
		name := fmt.Sprintf("probe[%d]", i)
		p := SweepProbe{Labels: []string{"all"}, Seeds: 3, Layer: trainers.CodeTap, KNN: trainers.DefaultKNN.K,
			Temperature: trainers.DefaultKNN.Temperature, Target: string(data.Class)}
		s.decode(name, t, fieldsOf(&p))
		s.asked(name, p.Labels, p.Target)
		for _, o := range p.Options()[:min(1, len(p.Labels))] {
			s.options(name, o)
		}
		for j, q := range list {
			for _, o := range p.Options() {
				if slices.Contains(q.Labels, o.Labels.String()) && q.Layer == p.Layer && q.Data == p.Data && q.SGD == p.SGD && q.Target == p.Target && slices.Equal(q.Factors, p.Factors) {
					s.fault(name, "asks the same with %s labels as probe %d", o.Labels, j+1)
				}
			}
		}
		list = append(list, p)
	}
	return list
}

// asked checks what a table asks for, and with how many labels.
func (s *source) asked(name string, labels []string, target string) {
	if len(labels) == 0 {
		s.fault(name+".labels", `is empty, want numbers of labels such as ["10", "all"]`)
	}
	for i, text := range labels {
		if slices.Contains(labels[:i], text) {
			s.fault(name+".labels", "has %q twice", text)
		} else if _, err := trainers.ParseLabelCount(text); err != nil {
			s.fault(name+".labels", "%v", err)
		}
	}
	if kinds := []data.TargetKind{data.Class, data.Labels, data.Values}; !slices.Contains(kinds, data.TargetKind(target)) {
		s.fault(name+".target", "is %q, want one of class, labels, values", target)
	}
}

// options checks the numbers of a table.
func (s *source) options(name string, o trainers.ProbeOptions) {
	for _, e := range flatten(o.Check()) {
		key, text, _ := strings.Cut(e.Error(), ": ")
		s.fault(name+"."+strings.ReplaceAll(key, "-", "_"), "%s", text)
	}
}

// Asked is what is asked with so many labels, as a text that changes with every setting.
func (p SweepProbe) Asked(labels trainers.LabelCount) string {
	p.Labels = []string{labels.String()}
	return fmt.Sprintf("%+v", p)
}

// Title names what a method of the probe found with so many labels.
func (p SweepProbe) Title(method, score string, labels trainers.LabelCount) string {
	var more []string
	if p.SGD && method == trainers.ByLinear {
		more = append(more, "by SGD")
	}
	more = append(more, strings.Join(p.Factors, " "), p.Data)
	if p.Layer != trainers.CodeTap {
		more = append(more, p.Layer)
	}
	return judgedTitle(method, score, labels, more...)
}

// judgedTitle names what a method reached with so many labels.
func judgedTitle(method, score string, labels trainers.LabelCount, more ...string) string {
	text := runs.FigureName(method, score, labels.String())
	for _, m := range more {
		if m != "" {
			text += ", " + m
		}
	}
	return text
}
