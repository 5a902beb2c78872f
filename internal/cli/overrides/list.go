package overrides

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func (p *program) listVerb() *cobra.Command {
	var namespace, phase, policy string
	out := verb.ListOutput()
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   "List overrides",
		Long: `List overrides, of one namespace or of all that you may see. With --phase Pending
those that wait for an approver, with --phase ExpiringSoon those that end soon.`,
		Example: "  roadbed policy override list --phase Pending\n  roadbed policy override list -n tenant-payments -o wide",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			var list policyv1.PolicyOverrideList
			if err := c.List(cmd.Context(), &list, client.InNamespace(namespace)); err != nil {
				return fmt.Errorf("list overrides: %w", err)
			}
			return p.print(out, chosen(sorted(list.Items), phase, policy))
		},
	}
	p.namespaceFlag(cmd, &namespace, "only overrides in this namespace")
	cmd.Flags().StringVar(&phase, "phase", "", "only overrides in this phase, such as Pending or Active")
	cmd.Flags().StringVar(&policy, "policy", "", "only overrides of this policy")
	verb.CompleteFlag(cmd, "phase", verb.CompleteFixed("Pending", "Approved", "Active", "ExpiringSoon", "Expired", "Rejected", "Revoked", "Invalid"))
	out.AddFlag(cmd)
	return cmd
}

func chosen(all []override, phase, policy string) []override {
	var found []override
	for _, o := range all {
		names := policyNames(o)
		if (phase == "" || strings.EqualFold(phase, phaseOf(o))) && (policy == "" || strings.Contains(","+names+",", ","+policy+",")) {
			found = append(found, o)
		}
	}
	return found
}

// phaseOf is the override's phase; one that nobody has looked at yet is pending.
func phaseOf(o override) string {
	return string(cmp.Or(o.Status.Phase, policyv1.PhasePending))
}

func policyNames(o override) string {
	names := make([]string, len(o.Spec.Policies))
	for i, p := range o.Spec.Policies {
		names[i] = p.Name
	}
	return strings.Join(names, ",")
}

// print writes a list in the chosen format.
func (p *program) print(out *verb.Output, all []override) error {
	for _, o := range all {
		o.SetGroupVersionKind(policyv1.GroupVersion.WithKind("PolicyOverride"))
		o.ManagedFields = nil
	}
	list := map[string]any{"apiVersion": "v1", "kind": "List", "items": append([]override{}, all...)}
	return out.Print(p.Out, list, func() error {
		if out.Chosen == verb.FormatName {
			return p.printNames(all)
		}
		if len(all) == 0 {
			fmt.Fprintln(p.Err, "No overrides found.")
			return nil
		}
		return p.table(all, out.Chosen == verb.FormatWide)
	})
}

func (p *program) printNames(all []override) error {
	for _, o := range all {
		if _, err := fmt.Fprintln(p.Out, manifest.FullName(o)); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) table(all []override, wide bool) error {
	headings := []string{"NAMESPACE", "NAME", "PHASE", "POLICIES", "REQUESTER", "APPROVER", "EXPIRES"}
	if wide {
		headings = append(headings, "TICKET", "JUSTIFICATION")
	}
	rows := make([][]string, len(all))
	for i, o := range all {
		rows[i] = []string{o.Namespace, o.Name, phaseOf(o), policyNames(o), o.Spec.Requester, o.Status.GrantedBy, p.expires(o)}
		if wide {
			rows[i] = append(rows[i], o.Spec.Ticket, o.Spec.Justification)
		}
	}
	return verb.Table(p.Out, headings, rows)
}

// expires is when an override ends: in how long, or on which day it did.
func (p *program) expires(o override) string {
	end := o.Spec.ExpiresAt
	if left := end.Sub(p.Clock.Now()); left > 0 {
		return "in " + duration.HumanDuration(left)
	}
	return end.UTC().Format(time.DateOnly)
}

func (p *program) getVerb() *cobra.Command {
	var namespace string
	out := verb.ResultOutput()
	cmd := &cobra.Command{
		Use:     "get NAME",
		Aliases: []string{"describe"},
		Short:   "Explain an override: what it waives, who decided, and what to do",
		Long: `Explain an override: what it waives for which objects and until when, who asked for
it and who decided, and what happened to it. With -o json or yaml the object itself.`,
		Example:           "  roadbed policy override get legacy-batch -n tenant-payments",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: p.names(),
		RunE: func(cmd *cobra.Command, names []string) error {
			c, err := p.Client()
			if err != nil {
				return err
			}
			o, err := p.read(cmd.Context(), c, namespace, names[0])
			if err != nil {
				return err
			}
			if out.Chosen == verb.FormatText {
				return p.describe(cmd, c, o)
			}
			if out.Chosen == verb.FormatName {
				_, err := fmt.Fprintln(p.Out, manifest.FullName(o))
				return err
			}
			o.SetGroupVersionKind(policyv1.GroupVersion.WithKind("PolicyOverride"))
			o.ManagedFields = nil
			return out.Print(p.Out, o, nil)
		},
	}
	p.namespaceFlag(cmd, &namespace, "namespace of the override")
	out.AddFlag(cmd)
	return cmd
}

func (p *program) describe(cmd *cobra.Command, c client.Client, o override) error {
	s := verb.NewSheet(p.Out)
	d := o.Status.Decision
	if d == nil {
		d = &policyv1.OverrideDecision{}
	}
	decided := strings.TrimSpace(string(d.Verdict) + " " + by(d.By))
	s.Fields(
		verb.Label("Name", o.Namespace+"/"+o.Name),
		verb.Label("Phase", phaseOf(o)),
		verb.Label("Ends", fmt.Sprintf("%s (%s)", o.Spec.ExpiresAt.UTC().Format(time.RFC3339), p.expires(o))),
		verb.Label("Requester", o.Spec.Requester),
		verb.Label("Justification", o.Spec.Justification),
		verb.Label("Ticket", o.Spec.Ticket),
		verb.Label("Decision", decided),
		verb.Label("Comment", d.Comment),
		verb.Label("Tenants", strings.Join(o.Spec.Scope.Tenants, ", ")),
		verb.Label("Namespaces", cmp.Or(strings.Join(o.Spec.Scope.Namespaces, ", "), o.Namespace)),
		verb.Label("Kinds", verb.AnyOf(o.Spec.Scope.Kinds)),
		verb.Label("Objects", verb.AnyOf(o.Spec.Scope.Names)),
	)
	rows := make([][]string, len(o.Spec.Policies))
	for i, policy := range o.Spec.Policies {
		rows[i] = []string{policy.Name, cmp.Or(strings.Join(policy.Rules, ", "), "all")}
	}
	s.Section("Policies", []string{"NAME", "RULES"}, rows)
	s.Conditions(p.Program, o.Status.Conditions)
	s.Events(cmd.Context(), p.Program, client.NewNamespacedClient(c, o.Namespace), "PolicyOverride", o.Name)
	return s.Err()
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return "by " + who
}
