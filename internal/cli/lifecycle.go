package cli

import "github.com/spf13/cobra"

// lifecycleVerbs start, stop and look after the platform on this machine.
func (p *program) lifecycleVerbs() []*cobra.Command {
	return []*cobra.Command{
		p.upVerb(), p.downVerb(), p.statusVerb(), p.resetVerb(), p.kubeconfigVerb(), p.kubectlVerb(), p.serverVerb(), p.reportServerVerb(),
	}
}
