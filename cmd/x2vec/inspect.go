package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/graph"
	"x2vec/trainers"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
	"x2vec/trainers/job"
)

func inspectCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "inspect",
		Short: "look inside a run: neighbours, units, similarities of layers, maps, codes",
		Long: `Look inside what a run has learnt. Each command writes pictures (PNG) and what they
were drawn from (JSON) into RUN/inspect, or into the folder of -o.

Most take any activation of the encoder by --layer; a wrong name lists them. Without
--data the examples are the run's own test examples, spread evenly.`,
	}
	c.AddCommand(inspectNeighborsCommand(), inspectUnitsCommand(), inspectRDMCommand(), inspectCKACommand(),
		inspectLayersCommand(), inspectMapCommand(), inspectWordsCommand(), inspectReconstructCommand(),
		inspectInterpolateCommand(), inspectTraverseCommand(), inspectCodebookCommand(), inspectAttentionCommand())
	return c
}

// lookFlags say what is looked at; not every command takes all of them.
type lookFlags struct {
	layer, data, split, out string
	step, n                 int
}

// common are those that every command takes; examples is how many are looked at.
func (o *lookFlags) common(c *cobra.Command, examples int) {
	f := c.Flags()
	f.StringVar(&o.data, "data", "", "`folder` of the data, or the name of a data set (default: the run's own)")
	f.StringVar(&o.split, "split", "", "train or test (default: test, where there is one)")
	f.StringVarP(&o.out, "out", "o", "", "`folder` to write into (default: RUN/inspect)")
	f.IntVar(&o.step, "step", job.Newest, "of the checkpoint (default: the newest)")
	f.IntVarP(&o.n, "examples", "n", examples, "to look at, spread evenly over the data")
}

func (o *lookFlags) withLayer(c *cobra.Command) {
	c.Flags().StringVar(&o.layer, "layer", trainers.CodeTap, "activation to look at; a wrong name lists them")
}

// A look is a run with the examples to look at.
type look struct {
	*lookFlags
	run   string
	kept  *job.Kept
	all   data.Source
	src   data.Source // those examples of it
	index []int       // their numbers
	into  inspect.Folder
	cmd   *cobra.Command
	ctx   context.Context
	done  func()
}

// start reads the encoder of a run, and opens its examples.
func (o *lookFlags) start(c *cobra.Command, run string) (*look, error) {
	kept, err := o.keep(c, run)
	if err != nil {
		return nil, err
	}
	return o.look(c, run, kept)
}

func (o *lookFlags) keep(c *cobra.Command, run string) (*job.Kept, error) {
	if err := o.check(c, run); err != nil {
		return nil, err
	}
	kept, err := job.Keep(run, o.step)
	if err != nil || o.layer == "" {
		return kept, err
	}
	return kept, hasLayer(kept, o.layer)
}

func (o *lookFlags) check(c *cobra.Command, run string) error {
	switch {
	case o.split != "" && o.split != "train" && o.split != "test":
		return badRequest(fmt.Errorf("--split is %q, want train or test", o.split))
	case o.n < 1:
		return badRequest(fmt.Errorf("-n is %d, want at least 1", o.n))
	case c.Flags().Changed("step") && o.step < 0:
		return badRequest(fmt.Errorf("--step is %d, want that of a checkpoint", o.step))
	}
	if o.out != "" {
		if _, err := os.Stat(filepath.Dir(filepath.Clean(o.out))); err != nil {
			return badRequest(fmt.Errorf("-o: %w", err))
		}
	}
	_, err := ownFile(run, nil)
	return err
}

// hasLayer says which activations there are where there is none of that name.
func hasLayer(kept *job.Kept, name string) error {
	taps, err := trainers.Taps(kept.Task, kept.Params)
	if err != nil {
		return err
	}
	var names []string
	for _, t := range taps {
		if t.Name == name {
			return nil
		}
		names = append(names, fmt.Sprintf("%s %v", t.Name, t.Shape[1:]))
	}
	return badRequest(fmt.Errorf("--layer: the encoder of %s has no activation %q; there are %s", kept.Folder, name, strings.Join(names, ", ")))
}

// look opens the examples.
func (o *lookFlags) look(c *cobra.Command, run string, kept *job.Kept) (*look, error) {
	l := &look{lookFlags: o, run: run, kept: kept, into: inspect.Of(run), cmd: c}
	if o.out != "" {
		l.into = inspect.Folder{Path: o.out}
	}
	var err error
	if l.all, err = o.open(c.Context(), kept); err != nil {
		return nil, err
	}
	l.index = data.Evenly(o.n, l.all.Len())
	if l.src, err = data.Subset(l.all, l.index); err != nil {
		return nil, err
	}
	l.kept.Task.Batch = min(lookBatch, l.src.Len())
	console := newConsole(c)
	console.onSignal = "leaving, nothing is written"
	ctx, stop := untilSignal(c.Context(), console)
	l.ctx, l.done = ctx, func() { stop(); console.close() }
	return l, nil
}

// open opens the split that is asked for; where none is, the test examples if there
// are some.
func (o *lookFlags) open(ctx context.Context, kept *job.Kept) (data.Source, error) {
	if o.split != "" {
		return kept.Open(ctx, o.data, o.split, func(text string) { logrus.Warn(text) })
	}
	src, err := kept.Open(ctx, o.data, "test", func(string) {})
	if err == nil && src.Len() > 0 {
		return src, nil
	}
	train, trainErr := kept.Open(ctx, o.data, "train", func(text string) { logrus.Warn(text) })
	if trainErr != nil {
		return nil, trainErr
	}
	return train, nil
}

// pictures refuses examples that are none.
func (l *look) pictures() error {
	if spec := l.src.Spec(); !spec.Image() || spec.Codes > 0 {
		return fmt.Errorf("%s: the examples of %s are no pictures; want a run on pictures", l.run, spec.Name)
	}
	return nil
}

// header begins a result.
func (l *look) header(command string) inspect.Header {
	spec := l.src.Spec()
	return inspect.Header{Command: command, Run: l.run, Step: l.kept.Step, Tap: l.layer, Data: spec.Name + " " + spec.Split}
}

// name is that of the files: with the layer, unless that is the code.
func (l *look) name(command string) string {
	if l.layer == "" || l.layer == trainers.CodeTap {
		return command
	}
	return command + "-" + strings.ReplaceAll(strings.TrimPrefix(l.layer, "encoder/"), "/", "-")
}

// Limits of the activations that are held at a time.
const (
	maxLookValues  = 1 << 27 // of one layer: 512 MiB
	someLookValues = 1 << 26 // of several together
	lookBatch      = 32      // examples that an encoder is run on at a time
)

// features are the activations of a layer of all examples, an error where a layer is so
// wide that they would not fit.
func (l *look) features(layer string) (eval.Features, error) {
	list, err := l.featuresOf([]string{layer})
	if err != nil {
		return eval.Features{}, err
	}
	return list[0], nil
}

// featuresOf is features of the first of several layers: of as many as fit into memory
// together, at least of one.
func (l *look) featuresOf(layers []string) ([]eval.Features, error) {
	taps, err := trainers.Taps(l.kept.Task, l.kept.Params)
	if err != nil {
		return nil, err
	}
	all := 0
	for i, layer := range layers {
		v, there := tapNamed(taps, layer)
		wide := size(v.Shape)
		if room := maxLookValues / max(1, wide); there && room < l.src.Len() {
			return nil, fmt.Errorf("%s has %d values, of which %d examples do not fit into memory; want -n %d or less", layer, wide, l.src.Len(), room)
		}
		if all += wide * l.src.Len(); i > 0 && all > someLookValues {
			layers = layers[:i]
			break
		}
	}
	return trainers.FeaturesOf(l.ctx, l.kept.Task, l.kept.Params, l.src, layers)
}

func size(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// pixels are the examples as the encoder is shown them.
func (l *look) pixels() (eval.Features, error) {
	f := eval.Features{D: l.src.Spec().Size()}
	f.X = make([]float32, l.src.Len()*f.D)
	for b, err := range data.Sequential(l.src, min(256, l.src.Len())) {
		if err = errors.Join(err, context.Cause(l.ctx)); err != nil {
			return f, err
		}
		l.kept.Task.Pixels.Apply(f.X[b.Index[0]*f.D:][:len(b.Pixels)], b.Pixels)
		f.Labels = append(f.Labels, b.Labels...)
	}
	return f, nil
}

// draw writes a picture and notes it in the result.
func (l *look) draw(h *inspect.Header, name, caption string, img image.Image) error {
	p, err := l.into.Picture(name, caption, img)
	if err != nil {
		return err
	}
	h.Pictures = append(h.Pictures, p)
	return nil
}

// finish writes the result and says where it lies.
func (l *look) finish(name string, v any, said string) error {
	if err := l.into.JSON(name, v); err != nil {
		return err
	}
	if said != "" {
		fmt.Fprintln(l.cmd.OutOrStdout(), said)
	}
	fmt.Fprintf(l.cmd.OutOrStdout(), "%s, %s\n", l.into.File(name+".png"), name+".json")
	return nil
}

// numbers reads a list as 3,17,40 whose values are below limit.
func numbers(flag, list string, limit int) ([]int, error) {
	var out []int
	for _, s := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 0 || n >= limit {
			return nil, badRequest(fmt.Errorf("%s: %q is no number from 0 to %d", flag, s, limit-1))
		}
		out = append(out, n)
	}
	return out, nil
}

// choose takes examples by their numbers instead of those that are spread evenly.
func (l *look) choose(flag, list string) error {
	index, err := numbers(flag, list, l.all.Len())
	if err != nil {
		return err
	}
	return l.take(index)
}

// take looks at those examples.
func (l *look) take(index []int) (err error) {
	l.index = index
	l.src, err = data.Subset(l.all, l.index)
	l.kept.Task.Batch = min(lookBatch, l.src.Len())
	return err
}

// shownSide is the side in pixels at which a picture is drawn in a sheet.
func shownSide(shape []int) int { return shape[2] * max(1, 64/shape[2]) }

// tapNamed finds an activation.
func tapNamed(taps []graph.View, name string) (graph.View, bool) {
	for _, t := range taps {
		if t.Name == name {
			return t, true
		}
	}
	return graph.View{}, false
}
