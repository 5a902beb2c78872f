package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// verbs writes one section for each verb, in the order of the help.
func verbs(out *bytes.Buffer, command *cobra.Command) error {
	if command.Hidden {
		return nil
	}
	if command.HasParent() {
		fmt.Fprintf(out, "## %s\n\n", command.CommandPath())
	}
	fmt.Fprintf(out, "%s\n\n", prose(command))
	if command.Runnable() && command.HasParent() {
		fmt.Fprintf(out, "```\n%s\n```\n\n", command.UseLine())
	}
	if command.Example != "" {
		fmt.Fprintf(out, "Examples:\n\n```sh\n%s\n```\n\n", strings.TrimRight(command.Example, "\n"))
	}
	flags(out, command)
	for _, child := range command.Commands() {
		if err := verbs(out, child); err != nil {
			return err
		}
	}
	return nil
}

func prose(command *cobra.Command) string {
	if command.Long == "" {
		return sentence(command.Short)
	}
	return strings.TrimSpace(command.Long)
}

// sentence ends a text with a full stop.
func sentence(text string) string { return strings.TrimRight(text, ".") + "." }

// flags writes the command's own flags; the flags of all verbs stand at the root.
func flags(out *bytes.Buffer, command *cobra.Command) {
	var rows []string
	command.LocalFlags().VisitAll(func(flag *pflag.Flag) {
		if !flag.Hidden && flag.Name != "help" {
			rows = append(rows, row(flag))
		}
	})
	if len(rows) == 0 {
		return
	}
	fmt.Fprintf(out, "| flag | meaning | default |\n|---|---|---|\n%s\n", strings.Join(rows, ""))
}

func row(flag *pflag.Flag) string {
	name := "`--" + flag.Name + "`"
	if flag.Shorthand != "" {
		name = "`-" + flag.Shorthand + "`, " + name
	}
	preset := ""
	if flag.DefValue != "" && flag.DefValue != "false" && flag.DefValue != "[]" {
		preset = "`" + flag.DefValue + "`"
	}
	return fmt.Sprintf("| %s | %s | %s |\n", name, cell(flag.Usage), preset)
}

// cell makes a text fit into one cell of a table.
func cell(text string) string {
	return strings.ReplaceAll(strings.Join(strings.Fields(text), " "), "|", `\|`)
}
