package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/data/table"
	"x2vec/trainers/eval"
	"x2vec/trainers/inspect"
)

// rdmFlags are those of inspect rdm.
type rdmFlags struct {
	lookFlags
	measure, stimuli, againstLayer string
	against                        []string
	seed                           uint64
}

func inspectRDMCommand() *cobra.Command {
	var o rdmFlags
	c := &cobra.Command{
		Use:   "rdm RUN",
		Short: "draw how different stimuli are to the encoder, and compare that with others",
		Long: `Draw the representational dissimilarity matrix of stimuli in the space of the code or
another layer (Kriegeskorte, Mur and Bandettini 2008): 1 - Pearson's correlation, 1 -
cosine, or the Euclidean distance. The stimuli are some examples of each class, in the
order of the classes, or those of --stimuli. The matrix is written as rdm.npy too.

--against compares it with that of another run on the same stimuli, of another layer
(--against-layer), or with a matrix in an .npy file, (N, N), or several, (S, N, N), of
neural data say: by Spearman's correlation and Kendall's tau of the dissimilarities,
with 95 % intervals of resampled stimuli, and with several the noise ceiling.`,
		Example: `  x2vec inspect rdm runs/ae-mlp
  x2vec inspect rdm runs/ae-conv --layer encoder/conv1 --against runs/simclr --against-layer encoder/conv1
  x2vec inspect rdm runs/mae --stimuli 3,17,40,41,50 --against subjects.npy`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return o.run(c, args[0]) },
	}
	o.common(c, 200)
	o.withLayer(c)
	f := c.Flags()
	f.StringVar(&o.measure, "measure", "pearson", "pearson, cosine or euclid")
	f.StringVar(&o.stimuli, "stimuli", "", "examples by their numbers, as in 3,17,40 (default: -n of them, by class)")
	f.StringArrayVar(&o.against, "against", nil, "another `run, or .npy file` of matrices; may be given several times")
	f.StringVar(&o.againstLayer, "against-layer", "", "activation of the other run; of this one without --against")
	f.Uint64Var(&o.seed, "seed", 1, "of the intervals")
	return c
}

func (o *rdmFlags) run(c *cobra.Command, run string) error {
	if !slices.Contains(eval.Dissimilarities, o.measure) {
		return badRequest(fmt.Errorf("--measure is %q, want one of %s", o.measure, strings.Join(eval.Dissimilarities, ", ")))
	}
	l, err := o.start(c, run)
	if err != nil {
		return err
	}
	defer l.done()
	if o.stimuli != "" {
		err = l.choose("--stimuli", o.stimuli)
	} else {
		err = l.byClass(o.n)
	}
	if err != nil {
		return err
	}
	f, err := l.features(o.layer)
	if err != nil {
		return err
	}
	m, err := eval.NewRDM(f, o.measure)
	if err != nil {
		return err
	}
	r := &inspect.RDM{Header: l.header("rdm"), Measure: o.measure, Stimuli: l.index, Labels: f.Labels, Classes: l.all.Spec().Classes}
	r.Means(m)
	var said []string
	if r.Within != nil {
		said = append(said, fmt.Sprintf("%d stimuli; mean dissimilarity %.4f within classes, %.4f between", m.N, float64(*r.Within), float64(*r.Between)))
	}
	if o.againstLayer != "" && len(o.against) == 0 {
		o.against = []string{run}
	}
	for _, with := range o.against {
		references, name, err := o.references(l, with)
		if err != nil {
			return err
		}
		comparison, err := eval.CompareRDMs(m, references, o.seed)
		if err != nil {
			return fmt.Errorf("%s: %w", with, err)
		}
		r.Against = append(r.Against, inspect.Against{With: name, Comparison: comparison})
		said = append(said, "against "+name+": "+agreementText("Spearman", comparison.Spearman)+"; "+agreementText("Kendall", comparison.Kendall))
	}
	name := l.name("rdm")
	if err := o.write(l, r, m, name); err != nil {
		return err
	}
	return l.finish(name, r, strings.Join(said, "\n"))
}

func (o *rdmFlags) write(l *look, r *inspect.RDM, m eval.RDM, name string) error {
	img, err := r.Draw(m, fmt.Sprintf("%s, %s", o.layer, map[string]string{"pearson": "1 - Pearson", "cosine": "1 - cosine", "euclid": "Euclidean distance"}[o.measure]))
	if err != nil {
		return err
	}
	caption := fmt.Sprintf("How different %d stimuli are to %s, in the order of their classes: dark is alike.", m.N, o.layer)
	if err := l.draw(&r.Header, name, caption, img); err != nil {
		return err
	}
	return table.Save(l.into.File(name+".npy"), m.N, func(w *table.Writer) error {
		rows := table.Rows{Shape: []int{m.N}}
		for _, row := range m.Rows() {
			for _, v := range row {
				rows.Floats = append(rows.Floats, float32(v))
			}
		}
		return w.Add(rows)
	})
}

func agreementText(name string, a eval.RankAgreement) string {
	text := fmt.Sprintf("%s %.3f (%.3f to %.3f)", name, float64(a.Value), float64(a.Low), float64(a.High))
	if a.Ceiling != nil {
		text += fmt.Sprintf(", noise ceiling %.3f to %.3f", float64(a.Ceiling.Lower), float64(a.Ceiling.Upper))
	}
	return text
}

// references are the matrices of the same stimuli in a file, or to another run.
func (o *rdmFlags) references(l *look, with string) ([]eval.RDM, string, error) {
	info, err := os.Stat(with)
	if err != nil {
		return nil, "", badRequest(fmt.Errorf("--against: %w", err))
	}
	if !info.IsDir() {
		list, err := readRDMs(with)
		return list, with, err
	}
	layer := cmp.Or(o.againstLayer, o.layer)
	other, err := l.sameExamples(with)
	if err != nil {
		return nil, "", err
	}
	if err := hasLayer(other.kept, layer); err != nil {
		return nil, "", err
	}
	f, err := other.features(layer)
	if err != nil {
		return nil, "", err
	}
	m, err := eval.NewRDM(f, o.measure)
	return []eval.RDM{m}, with + " " + layer, err
}

func readRDMs(path string) ([]eval.RDM, error) {
	x, shape, err := table.ReadNPY(path)
	if err != nil {
		return nil, badRequest(fmt.Errorf("--against: %w", err))
	}
	if len(shape) == 2 {
		shape = append([]int{1}, shape...)
	}
	if len(shape) != 3 || shape[0] < 1 || shape[1] != shape[2] {
		return nil, badRequest(fmt.Errorf("--against: %s has the shape %v, want (N, N), or (S, N, N) for several", path, shape))
	}
	var list []eval.RDM
	each := shape[1] * shape[2]
	for i := range shape[0] {
		m, err := eval.RDMOf(x[i*each:(i+1)*each], shape[1])
		if err != nil {
			return nil, badRequest(fmt.Errorf("--against: %s: matrix %d: %w", path, i, err))
		}
		list = append(list, m)
	}
	return list, nil
}

// byClass takes n examples, as many of each class, in the order of the classes.
func (l *look) byClass(n int) error {
	classes := len(l.all.Spec().Classes)
	if classes < 2 {
		return nil // spread evenly, as they are
	}
	each := n / classes
	if each < 1 {
		return badRequest(fmt.Errorf("-n is %d, want at least one stimulus of each of the %d classes", n, classes))
	}
	of := make([][]int, classes)
	x := data.Example{Pixels: make([]byte, l.all.Spec().Size()), Factors: make([]float32, len(l.all.Spec().Factors))}
	if l.all.Spec().Tokens() {
		x = data.Example{Tokens: make([]int32, l.all.Spec().Size()), Factors: x.Factors}
	}
	full := 0
	for i := range l.all.Len() {
		if l.ctx.Err() != nil {
			return context.Cause(l.ctx)
		}
		if err := l.all.Read(i, &x); err != nil {
			return err
		}
		if x.Label >= 0 && len(of[x.Label]) < each {
			if of[x.Label] = append(of[x.Label], i); len(of[x.Label]) == each {
				if full++; full == classes {
					break
				}
			}
		}
	}
	return l.take(slices.Concat(of...))
}
