package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"x2vec/graph/ops/blas"
	"x2vec/graph/ops/vec"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "say which version this is, and what it computes with here",
		Args:  cobra.NoArgs,
		Run: func(c *cobra.Command, _ []string) {
			w := c.OutOrStdout()
			fmt.Fprintf(w, "x2vec %s%s\n", version, revision())
			fmt.Fprintf(w, "%s %s/%s, gorgonia %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, moduleVersion("gorgonia.org/gorgonia"))
			fmt.Fprintf(w, "kernels %s, matrix products %s\n", vec.Path(), blas.Name())
			for _, line := range blas.Log() {
				fmt.Fprintf(w, "  %s\n", line)
			}
		},
	}
}

// revision is that of the source, where the build knows it.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return " (" + s.Value[:12] + ")"
		}
	}
	return ""
}

// moduleVersion is the version of a module that the program was built with.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "unknown"
}
