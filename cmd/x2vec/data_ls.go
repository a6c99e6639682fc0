package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"x2vec/data/fetch"
	"x2vec/data/readers"
)

func dataLsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ls",
		Short: "list the data sets, and which are here",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tWHERE\tWHAT")
			for _, k := range readers.Kinds() {
				fmt.Fprintf(w, "%s\t%s\t%s\n", k.Name, whereabouts(k), k.About)
			}
			if err := w.Flush(); err != nil {
				return err
			}
			cache, err := readers.Cache()
			if err != nil {
				return err
			}
			looked := cache
			if dir := os.Getenv("X2VEC_DATA"); dir != "" {
				looked = dir + " ($X2VEC_DATA), then " + cache
			}
			fmt.Fprintf(c.OutOrStdout(), "\nlooked in %s\n", looked)
			return nil
		},
	}
}

// whereabouts is a word on where a source's examples come from.
func whereabouts(k readers.Kind) string {
	if !k.Files {
		return "made here"
	}
	if k.Name == "folder" || k.Name == "idx" {
		return "--path"
	}
	for _, dir := range readers.Places(k.Name) {
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	if s, err := fetch.Find(k.Name); err == nil {
		return "x2vec data get (" + strings.ReplaceAll(humanize.Bytes(uint64(s.Size())), " ", "\u00a0") + ")"
	}
	return "--path"
}
