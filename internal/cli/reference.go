package cli

import (
	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// Reference returns the tree of all verbs, for the generated reference page
// and for the test that documents name only verbs that exist. It must not be
// executed.
func Reference() *cobra.Command {
	root := (&program{verb.Program{Env: verb.Env{Name: "roadbed"}}}).root()
	root.InitDefaultCompletionCmd()
	return root
}
