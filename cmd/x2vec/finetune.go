package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/data/readers"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/job"
	"x2vec/trainers/runs"
)

// finetuneFlags are those of finetune.
type finetuneFlags struct {
	task, data, out, resume string
	labels                  string
	answers
	sets              []string
	partial, baseline bool
	watch             watch
	print             bool
}

func finetuneCommand() *cobra.Command {
	var o finetuneFlags
	c := &cobra.Command{
		Use:   "finetune RUN|WEIGHTS.safetensors",
		Short: "go on training an encoder on a task, with a new head",
		Long: `Begin with the encoder of a run, or of a safetensors file, add a new head and train
all of it, or a part, on a task. The task is a run file; its encoder, and where it
names no data its data, are those of the run. Without --task it asks for the class:
x2vec finetune RUN --data FOLDER is enough for a folder with one folder a class. A file
may have the names of timm or torchvision, as in x2vec import.

It prints which arrays were loaded, which are new and which were left over, and ends
where under finetune.min_loaded (0.9) of the encoder was loaded. Pictures of another
size or number of channels are made to fit where the encoder knows how.

What comes out is a run like any other: it can be resumed, probed, finetuned again.
[finetune] of the task says what is frozen and how fast the rest moves:

  freeze = ["encoder/blocks/[0-3]"]  unfreeze = "2 epochs"
  layer_decay = 0.75                 head_rate = 10.0
  head = "probe"                     the head begins as a linear probe of the codes`,
		Example: `  x2vec finetune runs/mae --data ~/flowers
  x2vec finetune runs/mae --labels 100 --baseline
  x2vec finetune runs/mae --data ~/faces --labels-from ages.csv --target values
  x2vec finetune runs/mae --task task.toml --set finetune.layer_decay=0.65
  x2vec finetune runs/ae-conv --set 'finetune.freeze=["encoder"]'   a linear probe by gradient steps`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	f := c.Flags()
	f.StringVar(&o.task, "task", "", "run `file` of the task")
	f.StringVar(&o.data, "data", "", "`folder` of the data, or the name of a data set (default: the task's, or the run's own)")
	f.StringVar(&o.out, "out", "", "`folder` of the new run (default runs/NAME-TASK)")
	f.StringVar(&o.resume, "resume", string(job.Auto), "a run that is there already: auto goes on with it, never refuses, must wants one")
	f.StringVar(&o.labels, "labels", "all", "training labels to use: so many of each class, a share such as 5%, or all; drawn by data.label_seed")
	o.answers.flags(c)
	f.StringArrayVar(&o.sets, "set", nil, "override a setting, as in train.batch=128; may be given several times")
	f.BoolVar(&o.partial, "allow-partial", false, "begin also where little of the encoder was loaded")
	f.BoolVar(&o.baseline, "baseline", false, "train the same from scratch too, in a run beside it")
	f.BoolVar(&o.print, "print-config", false, "print the run file with every setting, and end")
	o.watch.flags(c)
	return c
}

func (o *finetuneFlags) run(c *cobra.Command, from string) error {
	if r := job.Resume(o.resume); r != job.Auto && r != job.Never && r != job.Must {
		return badRequest(fmt.Errorf("--resume is %q, want auto, never or must", o.resume))
	}
	file, text, sets, err := o.resolve(from)
	if err != nil {
		return err
	}
	f, err := job.Parse(file, text, sets)
	if err != nil {
		return faults(err)
	}
	if o.task == "" && !slices.ContainsFunc(o.sets, func(s string) bool { return strings.HasPrefix(s, "train.batch=") }) {
		train, _, err := f.OpenData(nil)
		if err != nil {
			return badRequest(err)
		}
		if n := train.Len(); n < f.Train.Batch { // a small task of one's own needs no run file either
			sets = append(sets, fmt.Sprintf("train.batch=%d", n))
			if f, err = job.Parse(file, text, sets); err != nil {
				return faults(err)
			}
		}
	}
	if o.print {
		fmt.Fprint(c.OutOrStdout(), f)
		return nil
	}
	folder := o.out
	if folder == "" {
		folder = filepath.Join("runs", strings.TrimSuffix(filepath.Base(filepath.Clean(from)), ".safetensors")+"-"+f.Name)
		if job.Resume(o.resume) == job.Never {
			folder = fresh(folder)
		}
	}
	if err := trainFrom(c, &o.watch, f, folder, job.Resume(o.resume)); err != nil {
		return err
	}
	if !o.baseline {
		return nil
	}
	scratch, err := job.Parse(file, text, append(sets, fromScratch...))
	if err != nil {
		return faults(err)
	}
	beside := folder + "-scratch"
	if err := trainFrom(c, &o.watch, scratch, beside, job.Resume(o.resume)); err != nil {
		return err
	}
	return compareRuns(c.OutOrStdout(), folder, beside)
}

// fromScratch are the settings of the same task without another run.
var fromScratch = []string{"finetune.from=", "finetune.freeze=[]", "finetune.unfreeze=0", "finetune.layer_decay=1", "finetune.head_rate=1", "finetune.head=random"}

// resolve makes the run file of the task: its text, and the settings laid over it.
func (o *finetuneFlags) resolve(from string) (file string, text []byte, sets []string, err error) {
	file, text = "finetune.toml", job.DefaultTask
	if o.task != "" {
		file = o.task
		if text, err = os.ReadFile(o.task); err != nil {
			return file, nil, nil, badRequest(err)
		}
	}
	sets = o.sets
	if o.partial {
		sets = append([]string{"finetune.min_loaded=0"}, sets...)
	}
	if o.labels != "" { // transfer says so for each of its numbers
		count, err := trainers.ParseLabelCount(o.labels)
		if err != nil {
			return file, nil, nil, badRequest(fmt.Errorf("--labels: %w", err))
		}
		if count.PerClass > 0 {
			sets = append([]string{fmt.Sprintf("data.per_class=%d", count.PerClass)}, sets...)
		} else if count.Share > 0 {
			sets = append([]string{fmt.Sprintf("data.share=%g", count.Share)}, sets...)
		}
	}
	if len(o.classes) > 0 {
		sets = append([]string{fmt.Sprintf("data.classes=[%s]", quoted(o.classes))}, sets...)
	}
	if o.file != "" {
		sets = append([]string{"data.labels=" + o.file}, sets...)
	}
	sets = append(o.asked(), sets...)
	info, err := os.Stat(from)
	if err != nil {
		return file, nil, nil, badRequest(fmt.Errorf("%w; want the folder of a run or a safetensors file", err))
	}
	source := ""
	var otherSets []string
	if o.data != "" {
		if source, otherSets, err = otherData(o.data); err != nil {
			return file, nil, nil, err
		}
	}
	var kept *job.Kept
	if info.IsDir() {
		if _, err := ownFile(from, nil); err != nil {
			return file, nil, nil, err
		}
		if kept, err = job.Keep(from, job.Newest); err != nil {
			return file, nil, nil, err
		}
		text = kept.FinetuneText(text, source)
	} else {
		if o.task == "" {
			foreign, err := job.ReadForeign(from, nil, o.partial)
			if err != nil {
				return file, nil, nil, badRequest(fmt.Errorf("%w\na file that does not say what encoder it is of wants --task with an [encoder]", err))
			}
			text = []byte(string(text) + foreign.EncoderText())
			if len(foreign.Example) == 3 && o.data != "" {
				sets = append([]string{fmt.Sprintf("data.size=%d", foreign.Example[1])}, sets...)
			}
		}
		sets = append([]string{"finetune.from=" + from}, sets...)
	}
	if kept != nil && kept.Task.Spec.Words != nil && o.task == "" { // what is done to pictures
		sets = append([]string{"objective.flip=false", "objective.shift=0"}, sets...)
	}
	sets = append(otherSets, sets...)
	f, err := job.Parse(file, text, sets)
	if err != nil && f == nil {
		return file, nil, nil, faults(err)
	}
	if kept != nil {
		sets = kept.FinetuneSets(f, sets)
	}
	return file, text, f.UnseenSets(sets), nil
}

// asked are the settings of a task that asks for something else than the class.
func (a *answers) asked() (sets []string) {
	if a.target != string(data.Class) {
		sets = append(sets, "objective.target="+a.target, "data.strata="+data.AllAlike)
	} else if len(a.factors) == 1 {
		sets = append(sets, "data.strata="+a.factors[0])
	}
	if len(a.factors) > 0 {
		sets = append(sets, fmt.Sprintf("objective.factors=[%s]", quoted(a.factors)))
	}
	if len(a.factors) > 0 || a.target == string(data.Values) { // it may be a place, or a direction
		sets = append(sets, "objective.shift=0")
	}
	return sets
}

// quoted is a list of texts as TOML has it.
func quoted(list []string) string {
	q := make([]string, len(list))
	for i, s := range list {
		q[i] = strconv.Quote(s)
	}
	return strings.Join(q, ", ")
}

// otherData are the source and the settings that open a folder or a set by its name.
func otherData(where string) (source string, sets []string, err error) {
	for _, k := range readers.Kinds() {
		switch {
		case k.Name != where:
		case k.Files:
			return k.Name, []string{"data.source=" + k.Name, "data.path="}, nil
		default:
			return k.Name, []string{"data.source=" + k.Name}, nil
		}
	}
	found, err := readers.Detect(where)
	if err != nil {
		return "", nil, badRequest(fmt.Errorf("--data: %w", err))
	}
	o := found[0].Options
	sets = []string{"data.source=" + o.Name, "data.path=" + o.Path}
	if o.Variant != "" {
		sets = append(sets, "data.variant="+o.Variant)
	}
	return o.Name, sets, nil
}

// trainFrom is train that says what was loaded, and refuses where it was too little.
func trainFrom(c *cobra.Command, w *watch, f *job.File, folder string, resume job.Resume) error {
	err := train(c, w, f, folder, resume)
	var little *trainers.NotLoaded
	if errors.As(err, &little) {
		return badRequest(err)
	}
	return err
}

// compareRuns prints the figures of two runs side by side.
func compareRuns(w io.Writer, pretrained, scratch string) error {
	a, err := lastFigures(pretrained)
	if err != nil {
		return err
	}
	b, err := lastFigures(scratch)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%-24s %12s %12s\n", "", "finetuned", "from scratch")
	for _, x := range a {
		for _, y := range b {
			if x.Name == y.Name {
				fmt.Fprintf(w, "%-24s %12.5g %12.5g\n", x.Name, float64(x.Value), float64(y.Value))
			}
		}
	}
	return nil
}

// lastFigures are those of the newest evaluation of a run.
func lastFigures(folder string) ([]eval.Figure, error) {
	results, faults := runs.Results(os.DirFS(folder))
	if len(results) == 0 {
		return nil, errors.Join(append(faults, fmt.Errorf("%s: holds no evaluation", folder))...)
	}
	return results[len(results)-1].Figures, nil
}
