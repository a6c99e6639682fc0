package job

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"x2vec/data"
	"x2vec/data/naming"
	"x2vec/trainers"
)

// A SweepTransfer is a table [[transfer]]: how much each complete run is worth where few
// labels are to train with, as x2vec transfer measures it.
type SweepTransfer struct {
	Labels  []string `toml:"labels"`  // training labels: so many of each class, a share such as 5%, or all
	Seeds   int      `toml:"seeds"`   // times to take each number
	Methods []string `toml:"methods"` // of trainers.TransferMethods
	Set     []string `toml:"set"`     // settings of the task, KEY=VALUE
	Target  string   `toml:"target"`  // class, labels or values
	Factors []string `toml:"factors"` // what is asked where it is not the label
	Classes []string `toml:"classes"` // to keep; empty: all
	Data    string   `toml:"data"`    // folder, or name of a data set; empty: the run's own

	note string // in titles, where another one would have the same
}

// Counts are its numbers of labels.
func (t SweepTransfer) Counts() []trainers.LabelCount { return countsOf(t.Labels) }

// Of gives it with the methods that are for a run: those that do without its encoder find
// the same for every run with this net and data, and are for the first alone.
func (t SweepTransfer) Of(r SweepRun) SweepTransfer {
	t.Methods = slices.DeleteFunc(slices.Clone(t.Methods), func(m string) bool { return !r.First && !trainers.UsesEncoder(m) })
	return t
}

// Asked is what is asked but for methods and labels, of which the answer tells itself,
// as a text that changes with every setting.
func (t SweepTransfer) Asked() string {
	t.Labels, t.Methods, t.note = nil, nil, ""
	return fmt.Sprintf("%+v", t)
}

// Title names what a method of it found with so many labels; one that does without the
// encoder goes by what it is compared with.
func (t SweepTransfer) Title(method, score string, labels trainers.LabelCount) string {
	switch method {
	case trainers.ByScratch:
		method = trainers.ByFinetune
	case trainers.ByUntrained, trainers.ByPixels:
		method = trainers.ByLinear
	}
	return judgedTitle(method, score, labels, strings.Join(t.Factors, " "), t.Data, t.note)
}

// transfers reads the tables [[transfer]]. What would stand in the column of another one,
// or of a probe, is told apart by its settings, and refused where these are the same.
func (s *source) transfers(probes []SweepProbe) []SweepTransfer {
	taken := map[string]string{} // by method and title, who has it
	for i, p := range probes {
		for _, o := range p.Options() {
			for _, m := range []string{trainers.ByKNN, trainers.ByLinear} {
				taken[m+p.Title(m, "", o.Labels)] = fmt.Sprintf("probe %d", i+1)
			}
		}
	}
	var list []SweepTransfer
	for i, table := range s.tables("transfer") {
		name := fmt.Sprintf("transfer[%d]", i)
		t := SweepTransfer{Seeds: 3, Methods: []string{trainers.ByFinetune, trainers.ByScratch}, Target: string(data.Class)}
		s.decode(name, table, fieldsOf(&t))
		s.asked(name, t.Labels, t.Target)
		s.options(name, trainers.ProbeOptions{Seeds: t.Seeds, KNN: trainers.DefaultKNN})
		s.methods(name+".methods", t.Methods)
		clash := func() (m, labels, with string) {
			for _, m := range t.Methods {
				for _, count := range t.Counts() {
					if with := taken[m+t.Title(m, "", count)]; with != "" {
						return m, count.String(), with
					}
				}
			}
			return "", "", ""
		}
		if _, _, with := clash(); strings.HasPrefix(with, "transfer") {
			t.note = strings.Join(t.Set, " ")
		}
		if m, labels, with := clash(); with != "" {
			s.fault(name, "asks for %s with %s labels as %s does", m, labels, with)
		}
		for _, m := range t.Methods {
			for _, count := range t.Counts() {
				taken[m+t.Title(m, "", count)] = fmt.Sprintf("transfer %d", i+1)
			}
		}
		list = append(list, t)
	}
	return list
}

// methods checks the methods of a transfer.
func (s *source) methods(key string, methods []string) {
	if len(methods) == 0 {
		s.fault(key, "is empty, want some of %s", strings.Join(trainers.TransferMethods, ", "))
	}
	for i, m := range methods {
		switch {
		case slices.Contains(methods[:i], m):
			s.fault(key, "has %s twice", m)
		case !slices.Contains(trainers.TransferMethods, m):
			hint := ""
			if near := naming.Meant(m, trainers.TransferMethods); near != "" {
				hint = fmt.Sprintf("; did you mean %s?", near)
			}
			s.fault(key, "%q is none of %s%s", m, strings.Join(trainers.TransferMethods, ", "), hint)
		}
	}
}

// tasks checks the settings of transfers with every net and data of the runs. Those of
// data that are not a run's own are left to the reader that these have.
func (s *source) tasks(sweep *Sweep) {
	for i, t := range sweep.Transfers {
		told := map[string]bool{}
		for _, r := range sweep.Runs {
			if !r.First {
				continue
			}
			_, err := ParseTransfer("", (&Kept{File: r.File}).FinetuneText(DefaultTask, ""), t.Set)
			var found Faults
			errors.As(err, &found)
			for _, f := range found {
				text := f.Set + ": " + f.Text
				if f.Set != "" && !told[text] && (t.Data == "" || !strings.HasPrefix(f.Key, "data.")) {
					told[text] = true
					s.fault(fmt.Sprintf("transfer[%d].set", i), "%s", text)
				}
			}
		}
	}
}
