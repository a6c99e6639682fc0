package job

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"x2vec/graph/nets"
	"x2vec/objectives"
	"x2vec/trainers/optim"
)

// TestFaults holds the sentences that a person reads. Each file is told everything
// that is wrong with it, in the order of its lines.
func TestFaults(t *testing.T) {
	for _, tc := range []struct {
		name string
		text string
		sets []string
		want []string
	}{
		{"empty", "", nil, nil},
		{"not TOML", "seed = 0\n[data\nsource = 3", nil, []string{
			"job.toml:2: expected '.' or ']' to end table name, but got '\\n' instead",
		}},
		{"a key twice", "seed = 0\nseed = 1", nil, []string{
			"job.toml:2: key 'seed' has already been defined",
		}},
		{"unknown keys", "sed = 1\n[objective]\n\ntemprature = 0.5\n[train]\nlr = 0.1\n[trian]\nbatch = 3", nil, []string{
			"job.toml:1: sed: no such key or section; did you mean seed?; a run file takes checkpoint, data, encoder, eval, finetune, log, objective, optimizer, resolved, schedule, seed, train",
			"job.toml:4: objective.temprature: no such key; objective takes loss, mask, noise, type",
			"job.toml:6: train.lr: no such key; did you mean optimizer.lr?; train takes batch, duration, early_stop, min_delta, mode, prefetch, workers",
			"job.toml:7: trian: no such key or section; did you mean train?; a run file takes checkpoint, data, encoder, eval, finetune, log, objective, optimizer, resolved, schedule, seed, train",
		}},
		{"a key of another type of optimizer", "[optimizer]\ntype = \"sgd\"\nbetas = [0.9, 0.99]", nil, []string{
			"job.toml:3: optimizer.betas: no such key; optimizer takes accumulate, clip_norm, dampening, decay_gains, ema, ema_warmup, lr, momentum, nesterov, type, weight_decay",
		}},
		{"captions that are not there are cut", "[data]\nsource = \"shapes\"\nlength = 12\n", nil, []string{
			`job.toml:3: data.length: says how captions are cut, but there are none: data.captions is empty; name them there, or leave length out`}},
		{"a key of another source", "[data]\nsource = \"mnist\"\ncount = 32", nil, []string{
			"job.toml:3: data.count: no such key; data takes classes, codes, label_seed, limit, normalize, path, per_class, seed, share, size, source, strata, test_limit, unseen",
		}},
		{"unknown types", "[encoder]\ntype = \"mpl\"\nwidth = 3\n[objective]\ntype = \"autoencode\"\n[optimizer]\ntype = 3\n[data]\nsource = \"mnits\"", nil, []string{
			"job.toml:2: encoder.type: is \"mpl\", want one of " + strings.Join(nets.Names(), ", ") + "; did you mean \"mlp\"?",
			"job.toml:5: objective.type: is \"autoencode\", want one of " + strings.Join(objectives.Names(), ", ") + "; did you mean \"autoencoder\"?",
			"job.toml:7: optimizer.type: is 3, want one of " + strings.Join(optim.Names(), ", "),
			"job.toml:9: data.source: is \"mnits\", want one of builtin, shapes, bouncing-shapes, bouncing-digits, planar, synthetic, mnist, fashion-mnist, kmnist, emnist, idx, cifar10, cifar100, builtin-text, text, lines, folder, frames; did you mean \"mnist\"?",
		}},
		{"wrong types", `seed = -1
train = 3
[encoder]
hidden = 512
code = "32"
activation = true
dropout = "a"
[objective]
loss = 2.5
[optimizer]
betas = [0.9]
decay_gains = 1
[eval]
every = 2.5
[checkpoint]
keep = 2.5
`, nil, []string{
			"job.toml:1: seed: is -1, want a whole number of at least 0",
			"job.toml:2: train: is 3, want a table: [train]",
			"job.toml:4: encoder.hidden: is 512, want a list such as [512, 256]",
			"job.toml:5: encoder.code: is the text \"32\", want a whole number",
			"job.toml:6: encoder.activation: is true, want a text in quotes",
			"job.toml:7: encoder.dropout: is the text \"a\", want a number",
			"job.toml:9: objective.loss: is 2.5, want a text in quotes",
			"job.toml:11: optimizer.betas: is the list [0.9], want a list of 2 numbers",
			"job.toml:12: optimizer.decay_gains: is 1, want true or false",
			"job.toml:14: eval.every: is 2.5, want " + durationForms,
			"job.toml:16: checkpoint.keep: is 2.5, want a whole number",
		}},
		{"bad ranges", `[data]
limit = -1
normalize = "zero"
[encoder]
hidden = [
  64, # first
  0,
]
code = 0
activation = "rleu"
[objective]
loss = "l3"
noise = -1
mask = 1
[optimizer]
lr = 0
betas = [0.9, 1.0]
accumulate = 0
[train]
batch = 0
duration = 0
early_stop = 3
`, nil, []string{
			`job.toml:2: data.limit: is -1, want 0 (all) or more`,
			`job.toml:3: data.normalize: is "zero", want one of unit, signed, centred, standard`,
			`job.toml:5: encoder.hidden: item [1] is 0, want 1 to 1048576`,
			`job.toml:9: encoder.code: is 0, want 1 to 1048576`,
			`job.toml:10: encoder.activation: *`,
			`job.toml:12: objective.loss: is "l3", want l2, l1 or bce`,
			`job.toml:13: objective.noise: is -1, want a standard deviation of at least 0`,
			`job.toml:14: objective.mask: is 1, want a share of at least 0 and less than 1`,
			`job.toml:16: optimizer.lr: is 0, want a number above 0`,
			`job.toml:17: optimizer.betas: item [1] is 1, want at least 0 and less than 1`,
			`job.toml:18: optimizer.accumulate: is 0, want at least 1 batch`,
			`job.toml:20: train.batch: is 0, want at least 1`,
			`job.toml:21: train.duration: is 0, want a number of steps (500), "20 epochs", "200k samples" or "1000 steps"`,
			`job.toml:22: train.early_stop: is 3, but eval.every is 0: it counts evaluations; set eval.every, as in eval.every = "1 epoch"`,
		}},
		{"impossible pairs", "[data]\nnormalize = \"centred\"\n[objective]\nloss = \"bce\"\n[optimizer]\ntype = \"sgd\"\nnesterov = true", nil, []string{
			`job.toml:4: objective.loss: bce wants values in 0..1, but data.normalize shifts or scales them; want data.normalize = "unit", or loss = "l2"`,
			"job.toml:7: optimizer.nesterov: is true with momentum 0 and dampening 0; it wants a momentum above 0 and no dampening",
		}},
		{"an encoder that pca cannot solve", "[objective]\ntype = \"pca\"", nil, []string{
			`job.toml:2: objective.type: pca has a linear encoder; want encoder.type = "mlp" with hidden = [] and no layer_norm`,
		}},
		{"settings of parts, where only the data tell what they work on", "[data]\nsource = \"folder\"\npath = \"nowhere\"\n[encoder]\ntype = \"vit\"\nheads = 5\ndepth = 0\npatch = 48\n[objective]\ntype = \"mae\"\nmask = 1.5", nil, []string{
			"job.toml:6: encoder.heads: is 5, want a divisor of the 192 values of a token",
			"job.toml:7: encoder.depth: is 0, want 1 to 1000",
			"job.toml:11: objective.mask: is 1.5, want a share above 0 and below 1",
		}},
		{"the same of words", "[data]\nsource = \"text\"\npath = \"nowhere\"\n[encoder]\ntype = \"transformer\"\ndepth = 0\n[objective]\ntype = \"mlm\"\nmask = 2.0", nil, []string{
			"job.toml:6: encoder.depth: is 0, want 1 to 1000",
			"job.toml:9: objective.mask: is 2, want a share above 0 and below 1",
		}},
		{"faults of --set", "[train]\nbatch = 3", []string{"train.batch=0", "encoder.hiden=[3]", "seed", "train.batch.x=1", "train=1", "a..b=2"}, []string{
			"--set a..b=2: \"a..b\" is not a key; want one such as train.batch",
			"--set encoder.hiden=[3]: no such key; did you mean encoder.hidden?; encoder takes activation, code, dropout, hidden, layer_norm, type",
			"--set seed: want KEY=VALUE, as in train.batch=128",
			"--set train.batch.x=1: batch is a value, not a table",
			"--set train.batch=0: is 0, want at least 1",
			"--set train=1: train is a table; set one of its keys",
		}},
		{"durations", "[train]\nduration = \"3 days\"\n[eval]\nevery = \"1.5 steps\"\n[log]\nevery = -1", nil, []string{
			`job.toml:2: train.duration: is "3 days", want a number of steps (500), "20 epochs", "200k samples", "1000 steps" or "10%" of the run`,
			`job.toml:4: eval.every: is "1.5 steps", want a whole number of steps`,
			`job.toml:6: log.every: is "-1 steps", want a number from 0 to 1e+15`,
		}},
		{"shares of the run", "[schedule]\nwarmup = \"101%\"\n[train]\nduration = \"50 %\"\n[eval]\nevery = \"% 5\"", nil, []string{
			`job.toml:2: schedule.warmup: is "101%", want at most 100%`,
			`job.toml:4: train.duration: is "50%", want a number of steps (500), "20 epochs", "200k samples" or "1000 steps"`,
			`job.toml:6: eval.every: is "% 5", want a number of steps (500), "20 epochs", "200k samples", "1000 steps" or "10%" of the run`,
		}},
		{"too long", strings.Repeat("#", maxFile+1), nil, []string{
			fmt.Sprintf("job.toml: is %d bytes long, a run file has at most %d", maxFile+1, maxFile),
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse("job.toml", []byte(tc.text), tc.sets)
			var got []string
			if err != nil {
				got = strings.Split(err.Error(), "\n")
			}
			ok := len(got) == len(tc.want)
			for i := 0; ok && i < len(got); i++ {
				prefix, open := strings.CutSuffix(tc.want[i], "*")
				ok = got[i] == tc.want[i] || open && strings.HasPrefix(got[i], prefix)
			}
			if !ok {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			if err != nil && !IsFault(err) {
				t.Errorf("%T is no fault of the request", err)
			}
		})
	}
}

// TestResolved wants the printed file to be read back as the same settings.
func TestResolved(t *testing.T) {
	text := `seed = 7
[data]
source = "folder"
path = 'a "b"\c'
size = 16
[encoder]
hidden = []
activation = "gelu"
dropout = 0.1
[objective]
noise = 1e-3
[optimizer]
type = "adamw"
lr = 3e-4
[schedule]
type = "multistep"
milestones = ["1 epoch", 500, "200k samples", "75 %"]
[train]
duration = "0.5 epochs"
`
	f, err := Parse("a/b.toml", []byte(text), []string{"train.batch=32", "encoder.activation=tanh", "train.early_stop=0"})
	if err != nil {
		t.Fatal(err)
	}
	printed := f.With(Resolved{Version: "v", Started: "now"})
	again, err := Parse("a/b.toml", []byte(printed), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	if !reflect.DeepEqual(again.literals(), f.literals()) {
		t.Errorf("got %v, want %v", again.literals(), f.literals())
	}
	for _, want := range []string{"seed = 7\n", `path = "a \"b\"\\c"`, `activation = "tanh"`, "batch = 32\n", "lr = 0.0003\n",
		"dropout = 0.1\n", "hidden = []\n", `milestones = ["1 epoch", 500, "200000 samples", "75%"]`, `duration = "0.5 epochs"`, `version = "v"`} {
		if !strings.Contains(printed, want) {
			t.Errorf("%q is missing in\n%s", want, printed)
		}
	}
	if f.Name != "b" {
		t.Errorf("the run is called %q, want b", f.Name)
	}
}

func TestDurations(t *testing.T) {
	for _, tc := range []struct {
		text  string
		steps int // of 25 examples; an epoch has 40, the run 702
	}{
		{"500", 500}, {"1 step", 1}, {"2k steps", 2000}, {"20 epochs", 800}, {"1 epoch", 40}, {"0.5 epochs", 20},
		{"0.001 epochs", 1}, {"1000 samples", 40}, {"1k samples", 40}, {"0", 0}, {"0 epochs", 0}, {"1M samples", 40000},
		{"10%", 70}, {"0.1 %", 1}, {"0.01%", 1}, {"99.99%", 701}, {"100 %", 702}, {"0%", 0},
	} {
		d, err := ParseDuration(tc.text)
		if got := d.Steps(40, 25, 702); err != nil || got != tc.steps {
			t.Errorf("%q: got %d steps, %v; want %d", tc.text, got, err, tc.steps)
		}
	}
	if n := (Duration{10, Percent}).Steps(40, 25, 1); n != 1 {
		t.Errorf("a tenth of a run of one step is %d steps", n)
	}
	for _, bad := range []string{"", "x", "1 2 3", "5 days", "NaN", "-1", "1e99", "inf epochs", "1.5", "k", "101%", "%", "5%%", "1 epoch %", "-1%"} {
		if d, err := ParseDuration(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, d)
		}
	}
}

// TestKeyLines finds keys behind everything that TOML allows.
func TestKeyLines(t *testing.T) {
	src := "# a\n" +
		"seed = 1 # = x\n" +
		"\"a b\" = '''\nno = 1\n'''\n" +
		"s = \"x # \\\" y\"\n" +
		"[data]\n" +
		"list = [\n 1, # ]\n 2,\n]\n" +
		"a.b = 3\r\n" +
		"[ x . \"y.z\" ] # c\n" +
		"k={p=1}\n" +
		"[[many]]\nq = 1\n[many.sub]\nr = 2\n[[many]]\nq = 3"
	want := map[string]int{"seed": 2, "a b": 3, "s": 6, "data": 7, "data.list": 8, "data.a": 12, "data.a.b": 12,
		"x.y.z": 13, "x.y.z.k": 14, "many": 15, "many[0]": 15, "many[0].q": 16,
		"many[0].sub": 17, "many[0].sub.r": 18, "many[1]": 19, "many[1].q": 20}
	if got := keyLines(src); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// FuzzParse wants an answer to every text: a file or faults, and of a file that is
// accepted, that it is read back from its print.
func FuzzParse(f *testing.F) {
	recipes, err := filepath.Glob("../../cmd/x2vec/recipes/*.toml")
	if err != nil || len(recipes) == 0 {
		f.Fatal("no recipes to begin with")
	}
	for _, r := range recipes {
		text, err := os.ReadFile(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text), "train.batch=3")
	}
	f.Add("[data]\nsource = 'folder'\na.b = [[1, {c = '''x\n'''}]]\n\"k\" = 1", "a.b.c={}")
	f.Add("[[encoder]]\n[encoder]\n", "encoder.type=mlp")
	f.Fuzz(func(t *testing.T, text, set string) {
		file, err := Parse("f.toml", []byte(text), []string{set})
		if err != nil {
			if !IsFault(err) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		again, err := Parse("f.toml", []byte(file.String()), nil)
		if err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		if !reflect.DeepEqual(again.literals(), file.literals()) {
			t.Fatalf("got %v, want %v", again.literals(), file.literals())
		}
	})
}

// TestKeys wants every setting to have a name of its own and a place.
func TestKeys(t *testing.T) {
	keys := defaultsOf(t).keys()
	sorted := slices.Clone(keys)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) != len(keys) {
		t.Errorf("a key is there twice: %v", keys)
	}
}

func defaultsOf(t *testing.T) *File {
	t.Helper()
	f, err := Parse("x.toml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return f
}
