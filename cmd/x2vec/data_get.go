package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"x2vec/data/fetch"
	"x2vec/data/readers"
)

func dataGetCommand() *cobra.Command {
	var o fetch.Options
	var to string
	var sets []string
	for _, s := range fetch.Sets() {
		sets = append(sets, fmt.Sprintf("  %-14s %8s  %s; %s", s.Name, humanize.Bytes(uint64(s.Size())), s.About, s.Licence))
	}
	c := &cobra.Command{
		Use:   "get NAME…",
		Short: "download a data set from its home",
		Long: `Download the original files of a data set from their home, check their SHA-256
and put them where x2vec looks for them. A download that broke off is gone on
with. Proxies are taken from the environment (HTTPS_PROXY).

` + strings.Join(sets, "\n"),
		Example: `  x2vec data get mnist
  x2vec data get cifar10 --from https://mirror.example.org/cifar
  x2vec data get mnist --from /mnt/usb/mnist --to ./data`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var wanted []fetch.Set
			for _, name := range args {
				s, err := fetch.Find(name)
				if err != nil {
					return badRequest(err)
				}
				wanted = append(wanted, s)
			}
			for _, s := range wanted {
				base := to
				if base == "" {
					var err error
					if base, err = readers.Cache(); err != nil {
						return err
					}
				}
				dir := filepath.Join(base, s.Name)
				fmt.Fprintf(c.OutOrStdout(), "%s: %s; licence: %s\n", s.Name, s.About, s.Licence)
				stop := showProgress(c, &o)
				err := fetch.Get(c.Context(), s, dir, o)
				stop()
				if err != nil {
					return fmt.Errorf("%s: %w", s.Name, err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s: in %s\n", s.Name, dir)
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.From, "from", "", "mirror: a `folder or URL` under which the files have their names")
	c.Flags().StringVar(&to, "to", "", "`folder` to put them in, one folder a set (default: the cache)")
	return c
}

// showProgress draws a bar a file on a terminal, and elsewhere prints a line a
// file. The returned function ends the drawing.
func showProgress(c *cobra.Command, o *fetch.Options) (stop func()) {
	var bar *progressbar.ProgressBar
	end := func() {
		if bar != nil {
			bar.Exit()
			fmt.Fprintln(c.ErrOrStderr())
			bar = nil
		}
	}
	o.Warn = func(text string) { fmt.Fprintln(c.ErrOrStderr(), text) }
	terminal := isTerminal(c.ErrOrStderr())
	file := ""
	o.Progress = func(p fetch.Progress) {
		if p.Kept {
			fmt.Fprintf(c.OutOrStdout(), "%s: is here already\n", p.File)
			return
		}
		if p.File != file {
			end()
			file = p.File
			if terminal {
				bar = progressbar.NewOptions64(p.Total,
					progressbar.OptionSetWriter(c.ErrOrStderr()),
					progressbar.OptionSetDescription(p.File),
					progressbar.OptionShowBytes(true),
					progressbar.OptionUseANSICodes(true),
					progressbar.OptionSetPredictTime(true))
			} else {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", p.File, humanize.Bytes(uint64(p.Total)))
			}
		}
		if bar != nil {
			bar.Set64(p.Done)
		}
	}
	return end
}
