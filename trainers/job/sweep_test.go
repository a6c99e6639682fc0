package job

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// openTestBase gives the run files that the sweeps of the tests begin with.
func openTestBase(what string) (string, []byte, error) {
	text := map[string]string{
		"small": "seed = 7\n[data]\nsource = \"synthetic\"\n[encoder]\nhidden = [16]\ncode = 4\n[objective]\nloss = \"l1\"\n",
		"conv":  "[data]\nsource = \"synthetic\"\n[encoder]\ntype = \"conv\"\n",
		"bad":   "[train]\nbatch = 0\n",
	}[what]
	if text == "" {
		return "", nil, &fs.PathError{Op: "open", Path: what, Err: os.ErrNotExist}
	}
	return what + ".toml", []byte(text), nil
}

// TestSweepPlan reads what a sweep comes to: names, order, and the settings of the runs.
func TestSweepPlan(t *testing.T) {
	text := `base = "small"
seeds = [3, 1]
[settings]
train.batch = 32
[grid]
optimizer.lr = [1e-3, 0.01]
objective = [{ type = "autoencoder" }, { type = "autoencoder", noise = 0.5 }]
[[variant]]
name = "a b"
[[variant]]
name = "deep"
base = "conv"
encoder = { type = "mlp", hidden = [8, 8], code = 3 }
`
	s, err := ParseSweep("x/my.toml", []byte(text), openTestBase, []string{"train.batch=16"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "my" || s.Groups != 8 || len(s.Runs) != 16 {
		t.Fatalf("%q with %d groups and %d runs, want my with 8 and 16", s.Name, s.Groups, len(s.Runs))
	}
	if want := []string{"variant", "objective", "optimizer.lr"}; !slices.Equal(s.Keys, want) {
		t.Errorf("keys %v, want %v", s.Keys, want)
	}
	first, last := s.Runs[0], s.Runs[15]
	if first.Name != "a-b-autoencoder-lr=0.001-seed3" || last.Name != "deep-autoencoder-noise=0.5-lr=0.01-seed1" {
		t.Errorf("first run %s, last run %s", first.Name, last.Name)
	}
	if s.Runs[7].Seed != 3 || s.Runs[8].Seed != 1 || s.Runs[8].Group != 0 {
		t.Error("the first seed does not come first, of all groups")
	}
	for _, tc := range []struct{ key, first, last string }{
		{"seed", "3", "1"},
		{"train.batch", "16", "16"},                   // --set is over [settings]
		{"encoder.type", `"mlp"`, `"mlp"`},            // a table with a type takes the place of that of the base
		{"encoder.hidden", "[16]", "[8, 8]"},          //
		{"optimizer.lr", "0.001", "0.01"},             //
		{"objective.noise", "0.0", "0.5"},             //
		{"objective.loss", `"l2"`, `"l2"`},            // so that this is no longer the base's l1
		{"data.source", `"synthetic"`, `"synthetic"`}, //
		{"train.duration", `"20 epochs"`, `"20 epochs"`},
	} {
		if got := first.File.literals()[tc.key]; got != tc.first {
			t.Errorf("first run: %s is %s, want %s", tc.key, got, tc.first)
		}
		if got := last.File.literals()[tc.key]; got != tc.last {
			t.Errorf("last run: %s is %s, want %s", tc.key, got, tc.last)
		}
	}
	if first.Values["optimizer.lr"] != "0.001" || first.Values["objective"] != "autoencoder" && first.Values["objective"] != "autoencoder noise=0.5" {
		t.Errorf("values %v", first.Values)
	}
}

// TestSweepDraws wants draws within their ranges that a higher count leaves alone.
func TestSweepDraws(t *testing.T) {
	draws := func(count string) []SweepRun {
		t.Helper()
		s, err := ParseSweep("my.toml", []byte("base = \"small\"\n[random]\ncount = "+count+`
draw.optimizer.lr = { log = [1e-4, 1e-2] }
draw.optimizer.eps = { uniform = [0.5, 0.9] }
draw.encoder.code = { whole = [2, 3] }
draw.encoder.activation = { among = ["relu", "tanh"] }
`), openTestBase, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		return s.Runs
	}
	few, many := draws("3"), draws("40")
	if len(few) != 3 || len(many) != 40 || few[0].Name != "draw000-seed7" {
		t.Fatalf("%d and %d runs, the first is %s", len(few), len(many), few[0].Name)
	}
	seen := map[string]map[string]bool{}
	below := 0
	for i, r := range many {
		if i < 3 && r.File.String() != few[i].File.String() {
			t.Errorf("draw %d of 40 is not that of 3", i)
		}
		o := r.File.Optimizer
		if o.LR < 1e-4 || o.LR > 1e-2 || o.Eps < 0.5 || o.Eps > 0.9 {
			t.Errorf("draw %d: lr %g, eps %g", i, o.LR, o.Eps)
		}
		if o.LR < 1e-3 {
			below++
		}
		for k, v := range r.Values {
			if seen[k] == nil {
				seen[k] = map[string]bool{}
			}
			seen[k][v] = true
		}
	}
	if below < 8 || below > 32 { // half of them, give or take four standard deviations
		t.Errorf("%d of 40 rates are in the lower decade", below)
	}
	if len(seen["encoder.code"]) != 2 || len(seen["encoder.activation"]) != 2 || len(seen["optimizer.lr"]) < 35 {
		t.Errorf("different values drawn: %v", seen)
	}
}

// TestSweepFaults wants every fault with its line, those of the runs once.
func TestSweepFaults(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"own settings", "base = \"small\"\nseds = 3\noptimizer.lr = 3\n[settings]\nseed = 4\n[grid]\noptimizer.lr = 0.1\nencoder.code = [8, 8]\n[random]\ncount = 0\n[[variant]]\nnme = \"a\"\n[[probe]]\nlabels = [\"ten\"]\nknn_k = 0\n", []string{
			"s.toml:2: seds: no such key or section; did you mean seeds?",
			"s.toml:3: optimizer: no such key or section; did you mean settings.optimizer",
			"s.toml:5: settings.seed: the seeds of a sweep are given as",
			"s.toml:7: grid.optimizer.lr: is 0.1, want a list",
			"s.toml:8: grid.encoder.code: has the same value as item 1 and as item 2",
			"s.toml:10: random.count: is 0",
			"s.toml:11: variant[0].name: is missing",
			"s.toml:12: variant[0].nme: no such key; did you mean variant[0].name?",
			"s.toml:14: probe[0].labels: is \"ten\"",
			"s.toml:15: probe[0].knn_k: is 0",
		}},
		{"of runs", "base = \"small\"\nseeds = 3\n[settings]\ntrian.batch = 3\n[grid]\noptimizer.lr = [0.1, -1]\n[[variant]]\nname = \"a\"\nobjective = { type = \"autoencoder\", nois = 0.2 }\n[[variant]]\nname = \"b\"\n[variant.encoder]\ntype = \"conv\"\nwidht = 3\n", []string{
			"s.toml:4: trian: no such key or section; did you mean train?",
			"s.toml:6: optimizer.lr: is -1",
			"s.toml:9: objective.nois: no such key; did you mean objective.noise?",
			"s.toml:14: encoder.widht: no such key",
		}},
		{"of the base", "base = \"bad\"\nseeds = 3\n[settings]\nencoder.code = 3\n", []string{"bad.toml:2: train.batch: is 0, want at least 1 (in run bad)"}},
		{"no base", "seeds = 3\n", []string{"s.toml: base: is missing"}},
		{"base that is not there", "seeds = 3\nbase = \"gone.toml\"\n", []string{"s.toml:2: base: gone.toml: file does not exist"}},
		{"too many", "base = \"small\"\nseeds = 10000\ngrid.optimizer.lr = [1, 2]\n", []string{"s.toml: comes to 20000 runs, want at most 10000"}},
		{"seeds", "base = \"small\"\nseeds = [1, 1]\n", []string{"s.toml:2: seeds: has the seed 1 twice"}},
		{"draws", "base = \"small\"\n[random]\ndraw.optimizer.lr = { log = [0, 1] }\ndraw.encoder.code = { hole = [0, 1] }\ndraw.train.batch = 3\n", []string{
			"s.toml:3: random.draw.optimizer.lr: log is from 0, want above 0",
			"s.toml:4: random.draw.encoder.code: hole is no way to draw",
			"s.toml:5: random.draw.train.batch: is 3, want { uniform",
		}},
		{"probes that ask the same", "base = \"small\"\n[[probe]]\n[[probe]]\nseeds = 5\n", []string{"s.toml:3: probe[1]: asks the same with all labels as probe 1"}},
		{"transfers", "base = \"small\"\n[[transfer]]\nlabls = [\"10\"]\nmethods = [\"finetun\", \"linear\", \"linear\"]\nseeds = 0\n[[transfer]]\nlabels = [\"10\", \"10\", \"ten\"]\ntarget = \"klass\"\nmethods = []\n", []string{
			"s.toml:2: transfer[0].labels: is empty, want numbers of labels",
			"s.toml:3: transfer[0].labls: no such key; did you mean transfer[0].labels?",
			"s.toml:4: transfer[0].methods: \"finetun\" is none of finetune, linear, knn, scratch, untrained, pixels; did you mean finetune?",
			"s.toml:4: transfer[0].methods: has linear twice",
			"s.toml:5: transfer[0].seeds: is 0, want 1 to 1000",
			"s.toml:7: transfer[1].labels: has \"10\" twice",
			"s.toml:7: transfer[1].labels: is \"ten\", want all",
			"s.toml:8: transfer[1].target: is \"klass\", want one of class, labels, values",
			"s.toml:9: transfer[1].methods: is empty, want some of finetune",
		}},
		{"tasks of transfers", "base = \"small\"\nseeds = 2\n[grid]\nencoder.code = [8, 9]\n[[transfer]]\nlabels = [\"10\"]\nset = [\"train.duraton=500\", \"batch\", \"data.siz=9\"]\n[[transfer]]\nlabels = [\"1\"]\ndata = \"elsewhere\"\nset = [\"train.early_stop=3\", \"eval.every=5\", \"data.siz=9\"]\n[[transfer]]\nlabels = [\"2\"]\nset = [\"train.early_stop=3\", \"eval.every=5\"]\n", []string{
			"s.toml:7: transfer[0].set: batch: want KEY=VALUE, as in train.batch=128",
			"s.toml:7: transfer[0].set: data.siz=9: no such key; did you mean data.size?",
			"s.toml:7: transfer[0].set: train.duraton=500: no such key; did you mean train.duration?",
			"s.toml:14: transfer[2].set: train.early_stop=3: chooses by the test set",
		}},
		{"transfers that ask the same", "base = \"small\"\n[[probe]]\nlabels = [\"5\"]\n[[transfer]]\nlabels = [\"5\"]\nmethods = [\"finetune\", \"linear\"]\n[[transfer]]\nlabels = [\"5\", \"6\"]\nmethods = [\"finetune\"]\n", []string{
			"s.toml:4: transfer[0]: asks for linear with 5 labels as probe 1 does",
			"s.toml:7: transfer[1]: asks for finetune with 5 labels as transfer 1 does",
		}},
		{"no TOML", "base = ", []string{"s.toml:1: "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := ParseSweep("s.toml", []byte(tc.text), openTestBase, nil, nil)
			var f Faults
			if !errors.As(err, &f) {
				t.Fatalf("error %v, want Faults", err)
			}
			lines := strings.Split(f.Error(), "\n")
			if len(lines) != len(tc.want) {
				t.Fatalf("%d faults, want %d:\n%v", len(lines), len(tc.want), err)
			}
			for i, w := range tc.want {
				if !strings.HasPrefix(lines[i], w) {
					t.Errorf("got  %s\nwant %s", lines[i], w)
				}
			}
		})
	}
}

// TestSweepTransfers wants what does without the encoder for the first run alone with its
// net, and columns that are told apart.
func TestSweepTransfers(t *testing.T) {
	s, err := ParseSweep("s.toml", []byte(`seeds = 2
[[variant]]
name = "a"
base = "small"
[[variant]]
name = "b"
base = "conv"
[[transfer]]
labels = ["100", "5%"]
seeds = 2
methods = ["finetune", "scratch", "pixels"]
set = ["train.duration=500"]
[[transfer]]
labels = ["100"]
data = "elsewhere"
set = ["data.variant=x"]
[[transfer]]
labels = ["100"]
set = ["train.duration=20", "finetune.head=random"]
`), openTestBase, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Runs) != 4 || len(s.Transfers) != 3 {
		t.Fatalf("%d runs, %d transfers, want 4 and 3", len(s.Runs), len(s.Transfers))
	}
	first := s.Transfers[0]
	for i, want := range [][]string{{"finetune", "scratch", "pixels"}, {"finetune", "scratch", "pixels"}, {"finetune"}, {"finetune"}} {
		of := first.Of(s.Runs[i])
		if !slices.Equal(of.Methods, want) {
			t.Errorf("%s: methods %v, want %v", s.Runs[i].Name, of.Methods, want)
		}
		if of.Asked() != first.Asked() {
			t.Errorf("%s is asked %s, the first run %s", s.Runs[i].Name, of.Asked(), first.Asked())
		}
	}
	if s.Transfers[1].Asked() == first.Asked() || s.Transfers[2].Asked() == first.Asked() {
		t.Error("different transfers ask the same")
	}
	counts := first.Counts()
	for _, tc := range []struct{ got, want string }{
		{first.Title("finetune", "accuracy", counts[0]), "finetuned accuracy, 100 labels a class"},
		{first.Title("scratch", "accuracy", counts[1]), "finetuned accuracy, 5% labels"},
		{first.Title("pixels", "accuracy", counts[1]), "linear probe accuracy, 5% labels"},
		{s.Transfers[1].Title("finetune", "accuracy", counts[0]), "finetuned accuracy, 100 labels a class, elsewhere"},
		{s.Transfers[2].Title("finetune", "R²", counts[0]), "finetuned R², 100 labels a class, train.duration=20 finetune.head=random"},
	} {
		if tc.got != tc.want {
			t.Errorf("title %q, want %q", tc.got, tc.want)
		}
	}
}

// FuzzParseSweep wants an answer to every text.
func FuzzParseSweep(f *testing.F) {
	f.Add("base = \"small\"\nseeds = 2\n[grid]\noptimizer.lr = [1, 2]\nobjective = [{type=\"autoencoder\"}]\n[random]\ndraw.train.batch = {whole=[1,2]}\n[[variant]]\nname=\"a\"\n[[probe]]\nlabels=[\"5%\"]\n[[transfer]]\nlabels=[\"3\"]\nmethods=[\"linear\"]\nset=[\"train.batch=3\"]\n")
	f.Add("base = \"conv\"\ngrid.a.b = [[1]]\nvariant = [{name=\"x\", encoder=3}]\nrandom = 3\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSweep("s.toml", []byte(text), openTestBase, nil, nil)
		var faults Faults
		switch {
		case err == nil && (len(s.Runs) == 0 || s.Groups == 0):
			t.Error("no runs and no fault")
		case err != nil && (!errors.As(err, &faults) || len(faults) == 0):
			t.Errorf("%T %v, want Faults", err, err)
		}
	})
}

func TestDigits(t *testing.T) {
	if got := digits(math.Pi / 1e4); got != 0.0003142 {
		t.Errorf("got %v", got)
	}
}
