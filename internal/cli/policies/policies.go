package policies

import (
	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/overrides"
	"github.com/roadbed-dev/roadbed/internal/cli/policies/reports"
	"github.com/roadbed-dev/roadbed/internal/cli/policies/suites"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// program is what verbs share, with the verbs of this package as methods.
type program struct{ *verb.Program }

// Verb holds the verbs of policies.
func Verb(shared *verb.Program) *cobra.Command {
	p := &program{shared}
	cmd := verb.Family("policy", "Test, apply and explain policies",
		`Policies say what may be in the cluster, in three tiers: Mandatory ones block,
Default ones are applied by themselves and may be overridden, Recommended ones warn.

They are written as Kyverno's kinds (ValidatingPolicy, MutatingPolicy,
ImageValidatingPolicy, ClusterPolicy, Policy) or as Kubernetes' own
(ValidatingAdmissionPolicy, MutatingAdmissionPolicy). Files of Kyverno, its tests
included, are read as they are.`,
		suites.Verb(p.Program),
		p.applyVerb(),
		p.explainVerb(),
		p.conftestVerb(),
		p.impactVerb(),
		p.lintVerb(),
		p.migrateVerb(),
		p.exportVerb(),
		p.listVerb(),
		p.getVerb(),
		reports.Verb(p.Program),
		overrides.Verb(shared),
	)
	cmd.GroupID = verb.GroupGovernance
	cmd.Aliases = []string{"policies"}
	return cmd
}
