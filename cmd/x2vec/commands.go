package main

import "github.com/spf13/cobra"

// groups are the subcommands as help lists them, each made in a file of its name.
func groups() []struct {
	title    string
	commands []*cobra.Command
} {
	return []struct {
		title    string
		commands []*cobra.Command
	}{
		{"Train:", []*cobra.Command{
			trainCommand(),
			resumeCommand(),
			sweepCommand(),
			verifyCommand(),
			recipesCommand(),
			dataCommand(),
		}},
		{"Put to use:", []*cobra.Command{
			probeCommand(),
			finetuneCommand(),
			transferCommand(),
			embedCommand(),
			sampleCommand(),
			zeroshotCommand(),
			importCommand(),
			exportCommand(),
		}},
		{"Look at:", []*cobra.Command{
			serveCommand(),
			reportCommand(),
			runsCommand(),
			compareCommand(),
			inspectCommand(),
			experimentCommand(),
			evalCommand(),
		}},
		{"Words:", []*cobra.Command{
			neighborsCommand(),
			analogyCommand(),
			similarityCommand(),
			fillCommand(),
		}},
		{"And:", []*cobra.Command{
			benchCommand(),
			versionCommand(),
		}},
	}
}

// addCommands gives the program its subcommands, by groups.
func addCommands(c *cobra.Command) {
	for _, g := range groups() {
		c.AddGroup(&cobra.Group{ID: g.title, Title: g.title})
		for _, sub := range g.commands {
			sub.GroupID = g.title
			c.AddCommand(sub)
		}
	}
	const last = "And:"
	c.SetHelpCommandGroupID(last)
	c.SetCompletionCommandGroupID(last)
}
