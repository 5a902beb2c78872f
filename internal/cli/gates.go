package cli

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// gatesFlag switches unfinished things on.
func gatesFlag(cmd *cobra.Command, gates *[]string) {
	cmd.Flags().StringSliceVar(gates, "feature-gates", nil, "unfinished things to switch on, NAME=true or NAME=false: "+strings.Join(app.Gates(), ", "))
	var offered []string
	for _, name := range app.Gates() {
		offered = append(offered, name+"=true")
	}
	verb.CompleteFlag(cmd, "feature-gates", verb.CompleteFixed(offered...))
}

// parseGates reads NAME=true and NAME=false; a name alone means true. A name that
// is no gate's is a mistake, never something that is not switched on.
func parseGates(given []string) (map[string]bool, error) {
	gates := map[string]bool{}
	for _, gate := range given {
		name, value, found := strings.Cut(gate, "=")
		on := true
		if found {
			parsed, err := strconv.ParseBool(value)
			if err != nil {
				return nil, verb.Usagef("--feature-gates %s: must be NAME=true or NAME=false", gate)
			}
			on = parsed
		}
		gates[name] = on
	}
	if err := app.CheckGates(gates); err != nil {
		return nil, verb.Usagef("--feature-gates: %w", err)
	}
	return gates, nil
}
