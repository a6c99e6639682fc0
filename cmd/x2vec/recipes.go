package main

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"x2vec/data/naming"
)

//go:embed recipes/*.toml
var recipes embed.FS

// quickstart is the recipe of `x2vec train` without an argument.
const quickstart = "quickstart"

func recipesCommand() *cobra.Command {
	c := &cobra.Command{Use: "recipes", Short: "list and show the run files that are built in"}
	c.AddCommand(&cobra.Command{
		Use:   "ls",
		Short: "list the recipes",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range recipeNames() {
				text, err := recipe(name)
				if err != nil {
					return err
				}
				about, _, _ := strings.Cut(string(text), "\n")
				fmt.Fprintf(w, "%s\t%s\n", name, strings.TrimPrefix(about, "# "))
			}
			return w.Flush()
		},
	}, &cobra.Command{
		Use:     "show NAME",
		Short:   "print a recipe, to begin a run file of your own with",
		Example: "  x2vec recipes show ae-mlp > job.toml",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := recipe(args[0])
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return recipeNames(), cobra.ShellCompDirectiveNoFileComp
		},
	})
	return c
}

// recipeNames lists the recipes, quickstart first.
func recipeNames() []string {
	files, err := recipes.ReadDir("recipes")
	if err != nil {
		panic(err) // they are part of the program
	}
	names := []string{quickstart}
	for _, f := range files {
		if name := strings.TrimSuffix(f.Name(), ".toml"); name != quickstart {
			names = append(names, name)
		}
	}
	return names
}

// recipe is the text of a recipe.
func recipe(name string) ([]byte, error) {
	known := recipeNames()
	if slices.Contains(known, name) {
		return recipes.ReadFile("recipes/" + name + ".toml")
	}
	return nil, badRequest(fmt.Errorf("no recipe %q%s; there are %s; a run file's name ends in .toml", name, naming.Hint(name, known), strings.Join(known, ", ")))
}
