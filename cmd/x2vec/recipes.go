package main

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"x2vec/data/naming"
)

//go:embed recipes/*.toml sweeps/*.toml
var builtIn embed.FS

// builtIns are the files of a kind that the program has within it.
type builtIns struct{ kind, folder, others string }

var (
	recipes = builtIns{"recipe", "recipes", "a run file's name ends in .toml"}
	sweeps  = builtIns{"sweep", "sweeps", "a sweep file's name ends in .toml"}
)

// quickstart is the recipe of `x2vec train` without an argument.
const quickstart = "quickstart"

func recipesCommand() *cobra.Command {
	c := &cobra.Command{Use: "recipes", Short: "list and show the run files and sweeps that are built in"}
	c.AddCommand(&cobra.Command{
		Use:   "ls",
		Short: "list the recipes, and the sweeps",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, of := range []builtIns{recipes, sweeps} {
				for _, name := range of.names() {
					text, err := of.text(name)
					if err != nil {
						return err
					}
					about, _, _ := strings.Cut(string(text), "\n")
					fmt.Fprintf(w, "%s\t%s\n", name, strings.TrimPrefix(about, "# "))
				}
			}
			return w.Flush()
		},
	}, &cobra.Command{
		Use:     "show NAME",
		Short:   "print a recipe or a sweep, to begin a file of your own with",
		Example: "  x2vec recipes show ae-mlp > job.toml",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			of := recipes
			if slices.Contains(sweeps.names(), args[0]) {
				of = sweeps
			}
			text, err := of.text(args[0])
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return slices.Concat(recipes.names(), sweeps.names()), cobra.ShellCompDirectiveNoFileComp
		},
	})
	return c
}

// names lists them in the order of the alphabet, quickstart first.
func (b builtIns) names() []string {
	files, err := builtIn.ReadDir(b.folder)
	if err != nil {
		panic(err) // they are part of the program
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".toml"))
	}
	if at := slices.Index(names, quickstart); at >= 0 {
		names = slices.Insert(slices.Delete(names, at, at+1), 0, quickstart)
	}
	return names
}

// text is that of the file of that name.
func (b builtIns) text(name string) ([]byte, error) {
	known := b.names()
	if slices.Contains(known, name) {
		return builtIn.ReadFile(b.folder + "/" + name + ".toml")
	}
	return nil, badRequest(fmt.Errorf("no %s %q%s; there are %s; %s", b.kind, name, naming.Hint(name, known), strings.Join(known, ", "), b.others))
}

// find gives a file by its path, or one that is built in by its name.
func (b builtIns) find(what string) (file string, text []byte, err error) {
	if strings.HasSuffix(what, ".toml") || strings.ContainsRune(what, filepath.Separator) {
		text, err := os.ReadFile(what)
		if err != nil {
			return "", nil, badRequest(err)
		}
		return what, text, nil
	}
	text, err = b.text(what)
	return what + ".toml", text, err
}
