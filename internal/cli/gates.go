package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// gatesFlag opens and closes feature gates.
func gatesFlag(cmd *cobra.Command, given *[]string) {
	var told, offered []string
	for _, gate := range gates.All() {
		state := "closed"
		if gate.Open() {
			state = "open"
		}
		told = append(told, fmt.Sprintf("%s (%s, %s)", gate.Name, gate.Stage, state))
		offered = append(offered, fmt.Sprintf("%s=%t", gate.Name, !gate.Open()))
	}
	cmd.Flags().StringSliceVar(given, "feature-gates", nil, "feature gates to open or close, NAME=true or NAME=false; by default "+strings.Join(told, ", "))
	verb.CompleteFlag(cmd, "feature-gates", verb.CompleteFixed(offered...))
}

// parseGates reads NAME=true and NAME=false; a name alone means true. A name that
// is no gate's is a mistake, never something that is not switched on.
func parseGates(given []string) (map[string]bool, error) {
	said := map[string]bool{}
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
		said[name] = on
	}
	if err := gates.Check(said); err != nil {
		return nil, verb.Usagef("--feature-gates: %w", err)
	}
	return said, nil
}
