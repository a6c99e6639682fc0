package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"x2vec/checkpoints"
	"x2vec/trainers"
	"x2vec/trainers/job"
	"x2vec/trainers/runs"
)

// judge takes what the probes and transfers of the sweep ask of a complete run and that
// is not there yet.
func (s *sweep) judge(ctx context.Context, i int) error {
	for _, p := range s.Probes {
		p.Baselines = p.Baselines && s.Runs[i].First
		if err := s.probe(ctx, p, s.folder(i)); err != nil {
			return err
		}
	}
	for _, t := range s.Transfers {
		if err := s.transfer(ctx, t.Of(s.Runs[i]), s.folder(i)); err != nil {
			return fmt.Errorf("transfer: %w", err)
		}
	}
	return nil
}

// probe judges a run's encoder with each number of labels that is not done yet.
func (s *sweep) probe(ctx context.Context, p job.SweepProbe, folder string) error {
	done, err := readProbes(folder)
	if err != nil {
		return err
	}
	for _, o := range p.Options() {
		asked := p.Asked(o.Labels)
		if _, ok := done[asked]; ok {
			continue
		}
		f := probeFlags{data: p.Data, labels: o.Labels.String(), step: job.Newest, asked: asked, o: o,
			answers: answers{target: p.Target, factors: p.Factors, classes: p.Classes}}
		if _, err := f.probe(ctx, s.console, folder); err != nil {
			return fmt.Errorf("probe with %s labels: %w", o.Labels, err)
		}
	}
	return nil
}

// transfer measures what a run is worth with few labels, as far as that is not done. What
// it finds is kept where x2vec transfer keeps it, and once more as the sweep asked for it:
// the command may be given again, with other seeds.
func (s *sweep) transfer(ctx context.Context, t job.SweepTransfer, folder string) error {
	done, err := readTransfers(folder)
	if err != nil {
		return err
	}
	if len(t.Methods) == 0 || done[t.Asked()].answers(t) {
		return nil
	}
	f := transferFlags{data: t.Data, labels: t.Labels, methods: t.Methods, sets: t.Set,
		answers: answers{target: t.Target, factors: t.Factors, classes: t.Classes},
		o:       trainers.Transfer{ProbeOptions: trainers.ProbeOptions{Seeds: t.Seeds, KNN: trainers.DefaultKNN}}}
	if err := f.check(); err != nil {
		return err
	}
	s.console.log.Infof("%s: %s with %s labels", filepath.Base(folder), strings.Join(t.Methods, ", "), strings.Join(t.Labels, ", "))
	r, err := f.transfer(ctx, s.console, folder)
	if err != nil {
		return err
	}
	r.Asked = t.Asked()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := fmt.Sprintf("sweep-%.8x.json", sha256.Sum256([]byte(r.Asked)))
	return checkpoints.WriteFile(filepath.Join(f.out, name), append(text, '\n'))
}

// answers reports whether all numbers that a sweep asks for are there.
func (r transferResult) answers(t job.SweepTransfer) bool {
	if r.TransferReport == nil {
		return false
	}
	curve := r.curve()
	for _, m := range t.Methods {
		for _, count := range t.Counts() {
			if _, there := curve.Row(m, count.String()); !there {
				return false
			}
		}
	}
	return true
}

// judged adds what the probes and transfers of a run found.
func (s *sweep) judged(t *sweepTable, r *sweepRow, i int) {
	probes, _ := readProbes(s.folder(i)) // what cannot be read is not there
	for _, p := range s.Probes {
		p.Baselines = p.Baselines && s.Runs[i].First
		for _, o := range p.Options() {
			got, ok := probes[p.Asked(o.Labels)]
			if !ok {
				continue
			}
			for _, row := range got.Rows {
				name := p.Title(row.Method, got.Score, o.Labels)
				if row.Name == "encoder" {
					r.add(t, name, "higher", row.Mean)
				} else {
					t.addBaseline(runs.CodeTitle(row.Name, row.Size, true), name, row.Scores, r.Name)
				}
			}
		}
	}
	transfers, _ := readTransfers(s.folder(i))
	for _, tr := range s.Transfers {
		tr = tr.Of(s.Runs[i])
		got, ok := transfers[tr.Asked()]
		if !ok {
			continue
		}
		for _, row := range got.Rows {
			count, err := trainers.ParseLabelCount(row.Labels)
			if err != nil || !slices.Contains(tr.Methods, row.Method) || !slices.Contains(tr.Counts(), count) {
				continue
			}
			name := tr.Title(row.Method, got.Score, count)
			if trainers.UsesEncoder(row.Method) {
				r.add(t, name, "higher", row.Mean)
			} else {
				t.addBaseline(runs.MethodTitle(row.Method, true), name, row.Scores, r.Name)
			}
		}
	}
}

// maxProbe bounds the file of a probe or a transfer.
const maxProbe = 4 << 20

// readProbes gives the probes of a run's newest checkpoint that a sweep asked for, by
// what was asked.
func readProbes(dir string) (map[string]probeResult, error) {
	return readAsked(dir, "probe-*.json", func(r probeResult) (string, int) {
		if r.ProbeReport == nil {
			return "", 0
		}
		return r.Asked, r.Step
	})
}

// readTransfers gives the transfers likewise.
func readTransfers(dir string) (map[string]transferResult, error) {
	return readAsked(dir, "*/sweep-*.json", func(r transferResult) (string, int) {
		if r.TransferReport == nil {
			return "", 0
		}
		return r.Asked, r.Step
	})
}

// readAsked reads files of a run's folder of transfers; of says what was asked, "" where
// no sweep did, and which checkpoint was judged.
func readAsked[T any](dir, pattern string, of func(T) (asked string, step int)) (map[string]T, error) {
	folder, err := runs.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(folder.Files, trainers.TransferDir+"/"+pattern)
	if err != nil || len(names) == 0 {
		return nil, err
	}
	newest := runs.Summarize(folder).Step
	found := map[string]T{}
	for _, name := range names {
		text, err := runs.ReadFile(folder.Files, name, maxProbe)
		var r T
		if err != nil || json.Unmarshal(text, &r) != nil {
			continue
		}
		if asked, step := of(r); asked != "" && step == newest {
			found[asked] = r
		}
	}
	return found, nil
}
