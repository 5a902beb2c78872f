package cli

import "github.com/spf13/cobra"

// lifecycleVerbs start, stop and look after the platform on this machine.
func (p *program) lifecycleVerbs() []*cobra.Command {
	return nil
}
