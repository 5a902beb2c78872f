package verb

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

// Format is a way to print a result.
type Format string

// The formats. FormatText is a verb's own words, FormatTable columns.
const (
	FormatText  Format = "text"
	FormatTable Format = "table"
	FormatWide  Format = "wide"
	FormatJSON  Format = "json"
	FormatYAML  Format = "yaml"
	FormatName  Format = "name"
	FormatDiff  Format = "diff"
	// FormatSARIF is for code scanning, FormatJUnit for build servers, FormatReport
	// is a report of openreports.io.
	FormatSARIF  Format = "sarif"
	FormatJUnit  Format = "junit"
	FormatReport Format = "report"
)

// Output is a verb's -o flag. It refuses formats that the verb does not have.
type Output struct {
	// Chosen is the format that the user chose, or the default.
	Chosen Format
	// Allowed are those that the verb has; the first is the default.
	Allowed []Format
}

// NewOutput allows the formats; the first is the default.
func NewOutput(allowed ...Format) *Output {
	return &Output{Chosen: allowed[0], Allowed: allowed}
}

// ListOutput is the flag of verbs that print lists of objects.
func ListOutput() *Output {
	return NewOutput(FormatTable, FormatWide, FormatJSON, FormatYAML, FormatName)
}

// ResultOutput is the flag of verbs that tell in words what they do, and can
// print what came of it instead.
func ResultOutput() *Output {
	return NewOutput(FormatText, FormatJSON, FormatYAML, FormatName)
}

// Told is the program as a verb with this output uses it on its way: the words go
// to standard error when the result is to be read by a program.
func (o *Output) Told(p *Program) *Program {
	if o.Chosen == FormatText {
		return p
	}
	told := *p
	told.Out = p.Err
	return &told
}

// String is the chosen format.
func (o *Output) String() string { return string(o.Chosen) }

// Type is what the help calls the flag's value.
func (o *Output) Type() string { return "format" }

// Set chooses a format.
func (o *Output) Set(value string) error {
	if !slices.Contains(o.Allowed, Format(value)) {
		return fmt.Errorf("must be one of %s", o.names())
	}
	o.Chosen = Format(value)
	return nil
}

func (o *Output) names() string {
	names := make([]string, len(o.Allowed))
	for i, f := range o.Allowed {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// AddFlag gives the command the flag and its completion.
func (o *Output) AddFlag(cmd *cobra.Command) {
	cmd.Flags().VarP(o, "output", "o", "output format: "+o.names())
	Must(cmd.RegisterFlagCompletionFunc("output", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return strings.Split(o.names(), ", "), cobra.ShellCompDirectiveNoFileComp
	}))
}

// Print writes the value as JSON or YAML when the user asked for it, and
// otherwise calls text.
func (o *Output) Print(w io.Writer, value any, text func() error) error {
	switch o.Chosen {
	case FormatJSON:
		return printJSON(w, value)
	case FormatYAML:
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

// Table prints rows under headings, in columns as wide as they need to be. An
// empty cell is shown as a dash.
func Table(w io.Writer, headings []string, rows [][]string) error {
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

// Must turns a mistake in the program's own wiring into a panic, which any test
// that builds the command tree finds.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// Count is such as "1 pod" or "2 pods".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
