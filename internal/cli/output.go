package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"sigs.k8s.io/yaml"
)

// format is a way to print a result.
type format string

// The formats. formatText is a verb's own words, formatTable columns.
const (
	formatText  format = "text"
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
	formatYAML  format = "yaml"
	formatName  format = "name"
	formatDiff  format = "diff"
)

// output is a verb's -o flag. It refuses formats that the verb does not have.
type output struct {
	chosen  format
	allowed []format
}

// newOutput allows the formats; the first is the default.
func newOutput(allowed ...format) *output {
	return &output{chosen: allowed[0], allowed: allowed}
}

// listOutput is the flag of verbs that print lists of objects.
func listOutput() *output {
	return newOutput(formatTable, formatWide, formatJSON, formatYAML, formatName)
}

// String is the chosen format.
func (o *output) String() string { return string(o.chosen) }

// Type is what the help calls the flag's value.
func (o *output) Type() string { return "format" }

// Set chooses a format.
func (o *output) Set(value string) error {
	if !slices.Contains(o.allowed, format(value)) {
		return fmt.Errorf("must be one of %s", o.names())
	}
	o.chosen = format(value)
	return nil
}

func (o *output) names() string {
	names := make([]string, len(o.allowed))
	for i, f := range o.allowed {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// addFlag gives the command the flag and its completion.
func (o *output) addFlag(cmd *cobra.Command) {
	cmd.Flags().VarP(o, "output", "o", "output format: "+o.names())
	must(cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return strings.Split(o.names(), ", "), cobra.ShellCompDirectiveNoFileComp
	}))
}

// print writes the value as JSON or YAML when the user asked for it, and
// otherwise calls text.
func (o *output) print(w io.Writer, value any, text func() error) error {
	switch o.chosen {
	case formatJSON:
		return printJSON(w, value)
	case formatYAML:
		return printYAML(w, value)
	default:
		return text()
	}
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func printYAML(w io.Writer, value any) error {
	data, err := yaml.Marshal(value)
	if err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err = w.Write(data)
	return err
}

// table prints rows under headings, in columns as wide as they need to be. An
// empty cell is shown as a dash.
func table(w io.Writer, headings []string, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(tw, strings.Join(headings, "\t"))
	for _, row := range rows {
		cells := slices.Clone(row)
		for i := range cells {
			if cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(tw, strings.Join(cells, "\t"))
	}
	return tw.Flush()
}

// must turns a mistake in the program's own wiring into a panic, which any test
// that builds the command tree finds.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
