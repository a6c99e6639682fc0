package main

import "github.com/spf13/cobra"

// commands are the subcommands, each made in a file of its name.
func commands() []*cobra.Command {
	return []*cobra.Command{
		trainCommand(),
		sweepCommand(),
		resumeCommand(),
		verifyCommand(),
		reportCommand(),
		serveCommand(),
		compareCommand(),
		runsCommand(),
		embedCommand(),
		inspectCommand(),
		experimentCommand(),
		probeCommand(),
		finetuneCommand(),
		transferCommand(),
		zeroshotCommand(),
		sampleCommand(),
		neighborsCommand(),
		analogyCommand(),
		fillCommand(),
		similarityCommand(),
		evalCommand(),
		importCommand(),
		exportCommand(),
		recipesCommand(),
		benchCommand(),
		dataCommand(),
		versionCommand(),
	}
}
