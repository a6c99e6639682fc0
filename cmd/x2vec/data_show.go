package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"x2vec/data"
	"x2vec/data/readers"
)

func dataShowCommand() *cobra.Command {
	var o readers.Options
	c := &cobra.Command{
		Use:   "show NAME|FOLDER",
		Short: "say what a data set holds",
		Example: `  x2vec data show builtin
  x2vec data show ~/photos --size 64`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := named(args[0], &o); err != nil {
				return err
			}
			train, test, err := openSplits(o)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			showSource(out, train)
			if test != nil {
				fmt.Fprintf(out, "test       %d examples\n", test.Len())
			} else {
				fmt.Fprintln(out, "test       none")
			}
			return nil
		},
	}
	readerFlags(c.Flags(), &o)
	return c
}

func showSource(w io.Writer, src data.Source) {
	s := src.Spec()
	fmt.Fprintf(w, "name       %s\n", s.Name)
	fmt.Fprintf(w, "example    %s\n", strings.Trim(strings.ReplaceAll(fmt.Sprint(s.Shape), " ", " x "), "[]"))
	if len(s.Classes) > 0 {
		fmt.Fprintf(w, "classes    %d: %s\n", len(s.Classes), shorten(s.Classes, 12))
	}
	for _, f := range s.Factors {
		values := "a real number"
		if f.Values > 0 {
			values = fmt.Sprintf("%d values", f.Values)
		}
		if len(f.Names) > 0 {
			values += ": " + shorten(f.Names, 12)
		}
		fmt.Fprintf(w, "factor     %s, %s\n", f.Name, values)
	}
	fmt.Fprintf(w, "train      %d examples\n", src.Len())
}

// shorten joins the first n names and says how many follow.
func shorten(names []string, n int) string {
	if len(names) <= n {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s … and %d more", strings.Join(names[:n], ", "), len(names)-n)
}
