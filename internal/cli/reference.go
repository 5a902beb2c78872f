package cli

import "github.com/spf13/cobra"

// Reference returns the tree of all verbs, for the generated reference page
// and for the test that documents name only verbs that exist. It must not be
// executed.
func Reference() *cobra.Command {
	root := (&program{Env: Env{Name: "roadbed"}}).root()
	root.InitDefaultCompletionCmd()
	return root
}
