package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"x2vec/checkpoints"
	"x2vec/trainers/job"
)

func importCommand() *cobra.Command {
	var o struct {
		out       string
		shape     []int
		sets      []string
		mean, std []float64
		partial   bool
	}
	c := &cobra.Command{
		Use:   "import FILE.safetensors",
		Short: "make a run of weights that were trained elsewhere",
		Long: `Read weights of a vision transformer by the names of timm or torchvision, of a residual
network of basic blocks by torchvision's or timm's, or of a multilayer perceptron by those
of nn.Sequential or torchvision.ops.MLP, and make a run of them: it can be probed,
evaluated, finetuned, exported like any other.

The encoder is found by the names and shapes. What no weight tells is guessed, said, and
set by --set: encoder.heads, encoder.pool, encoder.activation. The mapping is printed; a
shape that does not fit, a name that is unknown and one that is missing are errors.
Pixels are from 0 to 1 unless --mean and --std say how the weights want them.`,
		Example: `  x2vec import vit_tiny.safetensors --mean 0.5 --std 0.5
  x2vec import resnet18.safetensors --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225
  x2vec import mlp.safetensors --shape 1,28,28 --set encoder.activation=gelu
  x2vec probe runs/resnet18 --data ~/flowers`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if slices.ContainsFunc(o.shape, func(d int) bool { return d < 1 }) {
				return badRequest(fmt.Errorf("--shape is %v, want sizes above 0 as in 3,224,224", o.shape))
			}
			m, err := job.ReadForeign(args[0], o.shape, o.partial)
			if err != nil {
				return badRequest(err)
			}
			fmt.Fprintln(c.OutOrStdout(), m.Mapping)
			if o.out == "" {
				o.out = filepath.Join("runs", strings.TrimSuffix(filepath.Base(args[0]), ".safetensors"))
			}
			now := job.Resolved{Version: "x2vec " + version + revision(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
				Started: time.Now().Format(time.RFC3339)}
			if err := m.Import(args[0], o.out, o.sets, o.mean, o.std, now); err != nil {
				return badRequest(err)
			}
			for _, g := range m.Guessed {
				fmt.Fprintf(c.OutOrStdout(), "taken as usual: %s; another one by --set encoder.…\n", g)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: a %s of examples of %v\n", o.out, m.Type, m.Example)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&o.out, "out", "", "`folder` of the run (default runs/FILE)")
	f.IntSliceVar(&o.shape, "shape", nil, "of an example, where the weights do not tell it: channels, height, width")
	f.StringArrayVar(&o.sets, "set", nil, "a setting that the weights do not tell, as in encoder.heads=6; may be given several times")
	f.Float64SliceVar(&o.mean, "mean", nil, "to take from pixels between 0 and 1, for each channel")
	f.Float64SliceVar(&o.std, "std", nil, "by which they are divided then")
	f.BoolVar(&o.partial, "allow-partial", false, "leave out what is unknown, and leave new what is missing")
	return c
}

func exportWeightsCommand() *cobra.Command {
	var out, names string
	step := job.Newest
	c := &cobra.Command{
		Use:   "weights RUN -o FILE.safetensors",
		Short: "write the weights of an encoder by the names of another library",
		Long: `Write the encoder of a run, and its linear head where it has one, into a safetensors
file by the names and in the shapes of timm, torchvision or nn.Sequential, and print which
array became which. What came by x2vec import goes back to the same bytes.`,
		Example: `  x2vec export weights runs/mae -o vit.safetensors
  x2vec export weights runs/mae -o vit.safetensors --names torchvision`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return badRequest(errors.New("-o is missing: the file to write, as in -o vit.safetensors"))
			}
			if _, err := ownFile(args[0], nil); err != nil {
				return err
			}
			kept, err := job.Keep(args[0], step)
			if err != nil {
				return err
			}
			known := kept.Schemes()
			switch {
			case len(known) == 0:
				return badRequest(fmt.Errorf("%s: no other library has this kind of encoder; its checkpoint's weights.safetensors has its own names", args[0]))
			case names == "":
				names = known[0]
			case !slices.Contains(known, names):
				return badRequest(fmt.Errorf("--names is %q, want one of %s", names, strings.Join(known, ", ")))
			}
			arrays, meta, mapping, err := kept.Export(names)
			if err != nil {
				return err
			}
			if err := checkpoints.SaveSafetensors(out, arrays, meta); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), mapping)
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: step %d of %s\n", out, kept.Step, args[0])
			return err
		},
	}
	c.Flags().StringVarP(&out, "out", "o", "", "`file` to write")
	c.Flags().StringVar(&names, "names", "", "timm, torchvision or torch (default: the usual one of the encoder)")
	c.Flags().IntVar(&step, "step", job.Newest, "of the checkpoint (default: the newest)")
	return c
}
