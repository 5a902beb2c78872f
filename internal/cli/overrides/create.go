package overrides

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// wish is what the flags of create say.
type wish struct {
	namespace, justification, ticket string
	policies                         []string
	controls                         controls
	scope                            policyv1.OverrideScope
	span                             span
	dryRun                           string
}

func (p *program) createVerb() *cobra.Command {
	var w wish
	out := verb.ResultOutput()
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Ask for an override",
		Long: `Ask for an override of policies for some objects of a tenant. It waives nothing
before somebody else approves it.

--policy names a policy, or with a colon some of its rules: --policy labels:owner,team.
A policy about Pods looks at the Pods and at what makes them: name both with --kind.

--control names a control of a Pod Security Standard: of podSecurity rules only that
is waived then, for containers of the images of --image, and with --restricted-field
and --value for some values of one field. What else such a rule forbids stays forbidden.`,
		Example: `  roadbed policy override create legacy-batch -n tenant-payments --policy default-resource-limits \
    --kind Deployment,Pod --object 'legacy-*' --for 14d --ticket CHG-1234 \
    --justification "the vendor's image cannot run with limits before version 9"
  roadbed policy override create clock -n tenant-payments --policy pod-security:baseline --control Capabilities \
    --image 'registry.corp.example/clock:*' --value SYS_TIME \
    --restricted-field 'spec.containers[*].securityContext.capabilities.add' --for 14d --ticket CHG-1240 \
    --justification "the clock sets the time of the node it runs on" --dry-run`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := manifest.CheckDryRun(w.dryRun); err != nil {
				return err
			}
			if err := narrowed(cmd, &w); err != nil {
				return err
			}
			o, err := w.override(names[0], p.Clock.Now())
			if err != nil {
				return err
			}
			return p.ask(cmd, out, o, w.dryRun)
		},
	}
	flags := cmd.Flags()
	p.namespaceFlag(cmd, &w.namespace, "namespace that the override is for and lives in")
	flags.StringArrayVar(&w.policies, "policy", nil, "policy to waive, POLICY or POLICY:RULE,RULE; may be repeated")
	flags.StringSliceVar(&w.scope.Kinds, "kind", nil, "only objects of these kinds, such as Deployment or Deployment.apps")
	flags.StringSliceVar(&w.scope.Names, "object", nil, "only objects whose names match one of these patterns, with * and ?")
	flags.StringSliceVar(&w.scope.Namespaces, "in", nil, "namespaces of the tenant, instead of the override's own")
	flags.StringSliceVar(&w.scope.Tenants, "tenant", nil, "tenants; only for overrides of the platform team, in roadbed-system")
	flags.StringVar(&w.justification, "justification", "", "why, in at least 20 characters")
	flags.StringVar(&w.ticket, "ticket", "", "record of the decision, such as CHG-1234")
	w.controls.add(cmd)
	w.span.add(cmd)
	manifest.AddDryRunFlag(cmd, &w.dryRun)
	for _, required := range []string{"namespace", "policy", "justification", "ticket"} {
		verb.Must(cmd.MarkFlagRequired(required))
	}
	out.AddFlag(cmd)
	return cmd
}

// narrowed refuses a flag that was to narrow the override and says nothing, as
// one with a variable that is not set: the override would be for everything.
func narrowed(cmd *cobra.Command, w *wish) error {
	for flag, said := range map[string][]string{
		"kind": w.scope.Kinds, "object": w.scope.Names, "in": w.scope.Namespaces, "tenant": w.scope.Tenants,
		"control": w.controls.names, "image": w.controls.images, "restricted-field": {w.controls.field}, "value": w.controls.values,
	} {
		if cmd.Flags().Changed(flag) && strings.Join(said, "") == "" {
			return verb.Usagef("--%s: nothing is named; leave it out, if the override is to be for all", flag)
		}
	}
	return nil
}

// ask sends the wish and says what happens next.
func (p *program) ask(cmd *cobra.Command, out *verb.Output, o override, dryRun string) error {
	if dryRun != manifest.DryRunClient {
		c, err := p.Client()
		if err != nil {
			return err
		}
		var opts []client.CreateOption
		if dryRun == manifest.DryRunServer {
			opts = append(opts, client.DryRunAll)
		}
		if err := c.Create(cmd.Context(), o, opts...); err != nil {
			return manifest.Document{Object: o}.Refused(err)
		}
	}
	o.SetGroupVersionKind(policyv1.GroupVersion.WithKind("PolicyOverride"))
	o.ManagedFields = nil
	return out.Print(p.Out, o, func() error {
		if out.Chosen == verb.FormatName {
			_, err := fmt.Fprintln(p.Out, manifest.FullName(o))
			return err
		}
		_, err := fmt.Fprintf(p.Out, "override %s/%s asked for, until %s\nIt waives nothing before somebody else approves it:\n  roadbed policy override approve %s -n %s\n",
			o.Namespace, o.Name, o.Spec.ExpiresAt.UTC().Format(time.RFC3339), o.Name, o.Namespace)
		return err
	})
}

// override is what is asked for.
func (w *wish) override(name string, now time.Time) (override, error) {
	end, err := w.span.end(now)
	if err != nil {
		return nil, err
	}
	controls, err := w.controls.list()
	if err != nil {
		return nil, err
	}
	o := &policyv1.PolicyOverride{
		TypeMeta:   metav1.TypeMeta{APIVersion: policyv1.GroupVersion.String(), Kind: "PolicyOverride"},
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name},
		Spec: policyv1.PolicyOverrideSpec{
			PodSecurity: controls, Scope: w.scope, Justification: w.justification, Ticket: w.ticket, ExpiresAt: metav1.NewTime(end),
		},
	}
	for _, text := range w.policies {
		policy, rules, some := strings.Cut(text, ":")
		if policy == "" || some && rules == "" {
			return nil, verb.Usagef("--policy %q: write POLICY, or POLICY:RULE,RULE", text)
		}
		named := policyv1.OverriddenPolicy{Name: policy}
		if some {
			named.Rules = strings.Split(rules, ",")
		}
		o.Spec.Policies = append(o.Spec.Policies, named)
	}
	return o, nil
}

// span is when an override ends, as the flags --for and --until say it.
type span struct{ length, until string }

func (s *span) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.length, "for", "", "how long the override lasts, such as 14d or 36h")
	cmd.Flags().StringVar(&s.until, "until", "", "when the override ends, such as 2026-04-01 or 2026-04-01T12:00:00Z")
	cmd.MarkFlagsMutuallyExclusive("for", "until")
}

// end is the moment, in whole seconds. A date means its beginning in UTC.
func (s *span) end(now time.Time) (time.Time, error) {
	switch {
	case s.length != "":
		length, err := parseLength(s.length)
		if err != nil {
			return time.Time{}, verb.Usagef("--for %q: not a time such as 14d or 36h", s.length)
		}
		return now.Add(length).UTC().Truncate(time.Second), nil
	case s.until != "":
		for _, layout := range []string{time.DateOnly, time.RFC3339} {
			if end, err := time.Parse(layout, s.until); err == nil {
				return end.UTC(), nil
			}
		}
		return time.Time{}, verb.Usagef("--until %q: not a moment such as 2026-04-01 or 2026-04-01T12:00:00Z", s.until)
	}
	return time.Time{}, verb.Usagef("say with --for or --until when the override ends")
}

// longest is the longest time that any tier may allow, in days.
const longest = 365

// parseLength reads what time.ParseDuration does, and days.
func parseLength(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		count, err := strconv.Atoi(days)
		if err != nil || count < 1 || count > longest {
			return 0, fmt.Errorf("%q is not a number of days from 1 to %d", days, longest)
		}
		return time.Duration(count) * 24 * time.Hour, nil
	}
	length, err := time.ParseDuration(text)
	if err == nil && length <= 0 {
		err = fmt.Errorf("%q lasts no time", text)
	}
	return length, err
}
