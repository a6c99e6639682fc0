package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEval(t *testing.T) {
	run := pretrainedShapes(t)
	status, out, text := inProcess("eval", run, "--json")
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, text)
	}
	var r evalResult
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if r.Made != "shapes" || !r.Pretrained || r.Train != 600 || r.Test != 200 || len(r.Columns) != 4 || len(r.Skipped) > 0 {
		t.Errorf("%+v", r.Representation)
	}
	for _, c := range r.Columns {
		inside := func(what string, v *float64, low, high float64) {
			t.Helper()
			if v == nil || *v < low || *v > high {
				t.Errorf("%s of %s is %v", what, c.Name, v)
			}
		}
		inside("the probe", c.Linear, 0.2, 1)
		if c.Name == "pixels" {
			continue
		}
		inside("what comes back", c.Reconstruction, 0.05, 1)
		inside("the rank", &c.Compact.EffectiveRank, 1, 8.001)
		if (c.Factors != nil) != (c.Name == "encoder" || c.Name == "untrained") {
			t.Errorf("factors of %s: %+v", c.Name, c.Factors)
		}
		if f := c.Factors; f != nil {
			for what, v := range map[string]float64{"MIG": f.MIG, "SAP": f.SAP, "disentanglement": f.Disentanglement, "completeness": f.Completeness, "informativeness": f.Informativeness} {
				inside(what, &v, 0, 1)
			}
			inside("what is known of the places", &f.Informativeness, 0.1, 1)
			if len(f.MIGGaps) != 5 { // form, place, size, rotation: all are white
				t.Errorf("gaps of %+v", f.MIGGaps)
			}
		}
	}
	if kept, err := os.ReadFile(filepath.Join(run, "transfer", "eval-shapes-encoder-code.json")); err != nil || !strings.Contains(string(kept), `"mig_by_factor"`) {
		t.Errorf("%v: %s", err, kept)
	}
	if status, out, _ := inProcess("eval", run, "--alone"); status != 0 || !strings.Contains(out, "MIG (shapes)") || strings.Contains(out, "untrained") {
		t.Errorf("alone: exit status %d: %s", status, out)
	}
	for _, tc := range []struct{ args, want string }{
		{"--layer encoder/fc9", "the encoder has no activation"},
		{"--factor colour", `no factor "colour"`},
	} {
		if status, _, text := inProcess(append([]string{"eval", run}, strings.Fields(tc.args)...)...); status == 0 || !strings.Contains(text, tc.want) {
			t.Errorf("%s: exit status %d: %s", tc.args, status, text)
		}
	}
	if status, _, text := inProcess("eval"); status != exitBadRequest || !strings.Contains(text, "usage: x2vec eval RUN") {
		t.Errorf("without a run: exit status %d: %s", status, text)
	}
	if status, out, _ := inProcess("eval", "words", "--help"); status != 0 || !strings.Contains(out, "analogies") {
		t.Errorf("words: exit status %d: %s", status, out)
	}
}
