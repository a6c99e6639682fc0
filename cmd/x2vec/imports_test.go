package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// mayImport is the architecture: who may import whom of ours, by folder. The
// longest entry that a folder is in or below counts; a name stands for the folder
// and all below it, one that ends in a dot for the folder alone.
var mayImport = map[string]string{
	"checkpoints":          "",
	"data":                 "data",
	"graph/ops/mem":        "",
	"graph/ops/par":        "",
	"graph/ops/vec":        "",
	"graph/ops/blas":       "graph/ops/mem graph/ops/par graph/ops/vec",
	"graph/ops":            "graph/ops data/draw",
	"graph/golden":         "checkpoints",
	"graph":                "graph. graph/ops data/draw",
	"graph/layers":         "graph. graph/ops data/draw data/naming",
	"graph/nets":           "graph. graph/layers graph/ops data. data/draw data/naming",
	"objectives":           "objectives data graph",
	"trainers/optim":       "checkpoints data/naming graph/ops",
	"trainers/runlog":      "checkpoints",
	"trainers/eval":        "checkpoints data graph/ops objectives",
	"trainers/inspect":     "checkpoints data graph. graph/ops objectives trainers/eval",
	"trainers/runs":        "checkpoints trainers/eval trainers/runlog",
	"trainers/report":      "checkpoints trainers/eval trainers/runlog trainers/runs",
	"trainers/serve":       "checkpoints trainers/eval trainers/report trainers/runlog trainers/runs",
	"trainers":             "checkpoints data graph objectives trainers/eval trainers/inspect trainers/optim trainers/report trainers/runlog trainers/runs",
	"trainers/tensorboard": "checkpoints objectives trainers. trainers/eval trainers/inspect trainers/runlog trainers/runs",
	"trainers/job":         "checkpoints data graph objectives trainers",
	"cmd":                  "checkpoints data graph objectives trainers",
	"graph/ops/asmgen":     "graph/ops/asmgen", // a module of its own
}

// onlyIn says which folders may use a library from outside, by the beginning of its
// path: run files, flags and logs stay at the top, graphs below the trainers.
var onlyIn = map[string]string{
	"github.com/BurntSushi/toml":   "trainers/job trainers/runs cmd",
	"github.com/spf13":             "cmd",
	"github.com/schollz":           "cmd",
	"golang.org/x/term":            "cmd",
	"github.com/sirupsen/logrus":   "trainers. trainers/job cmd",
	"gorgonia.org":                 "graph objectives trainers.",
	"github.com/ebitengine/purego": "graph/ops/blas",
}

// TestImports parses the sources themselves: a go command that lists them would
// leave the test's cached result standing when they change.
func TestImports(t *testing.T) {
	const root, module = "../..", "x2vec/"
	used := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		folder := filepath.ToSlash(strings.TrimPrefix(filepath.Dir(path), filepath.FromSlash(root+"/")))
		rule := ruleOf(folder)
		if rule == "" {
			t.Errorf("%s: no rule says what %s may import; add one to mayImport", path, folder)
			return nil
		}
		used[rule] = true
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(name, module); ok {
				if !within(ours, mayImport[rule]) && ours != folder {
					t.Errorf("%s imports %s; %s may import only: %s", path, name, rule, mayImport[rule])
				}
				continue
			}
			for library, folders := range onlyIn {
				if strings.HasPrefix(name, library) && !within(folder, folders) {
					t.Errorf("%s imports %s, which is only for %s", path, name, folders)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for rule := range mayImport {
		if !used[rule] && rule != "graph/ops/asmgen" {
			t.Errorf("mayImport: nothing is in %s any more", rule)
		}
	}
}

// ruleOf is the longest entry of mayImport that a folder is in.
func ruleOf(folder string) string {
	best := ""
	for rule := range mayImport {
		if within(folder, rule) && len(rule) > len(best) {
			best = rule
		}
	}
	return best
}

// within reports whether a folder is one of those listed, or below one.
func within(folder, list string) bool {
	return slices.ContainsFunc(strings.Fields(list), func(f string) bool {
		alone, only := strings.CutSuffix(f, ".")
		return folder == alone || !only && strings.HasPrefix(folder, f+"/")
	})
}
