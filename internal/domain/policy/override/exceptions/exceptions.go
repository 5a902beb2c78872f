// Package exceptions turns Kyverno's PolicyExceptions, which nobody approved and
// most of which never end, into PolicyOverrides that wait for an approver.
//
// What an override cannot say is dropped, which makes the override wider than
// the exception was: every such thing is named, to the caller and in the
// override's justification, where the approver reads it. What would waive
// nothing that can be named, such as a pattern of policies' names, is left out
// and named as well.
//
// The package is pure.
package exceptions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov2 "github.com/roadbed-dev/roadbed/api/kyverno/v2"
	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// Options say what an exception does not.
type Options struct {
	// Ticket is the overrides' where the exception's properties name none.
	Ticket string
	// ExpiresAt is the overrides' end where the exception has none or a later one.
	ExpiresAt time.Time
}

// Import is what comes of one exception.
type Import struct {
	// Overrides together cover what the exception covered, or more; none when
	// nothing of it can be said.
	Overrides []v1alpha1.PolicyOverride
	// Untranslated says what an override cannot, one sentence each.
	Untranslated []string
}

// Legacy imports an exception of kyverno.io.
func Legacy(e *kyvernov2.PolicyException, opts Options) Import {
	d := newDraft(e.Name, "PolicyException "+e.Namespace+"/"+e.Name+" of kyverno.io")
	d.policies = d.namedRules(e.Spec.Exceptions)
	if e.Spec.Conditions != nil {
		d.drop("conditions narrow the exception by the content of objects, which an override does not")
	}
	for _, control := range e.Spec.PodSecurity {
		d.controls = append(d.controls, v1alpha1.PodSecurityControl(control))
	}
	if e.Spec.Background != nil && !*e.Spec.Background {
		d.drop("background: false keeps the exception from scans; an override holds everywhere")
	}
	d.scopes = d.legacyScopes(e.Spec.Match)
	return d.finish(opts, time.Time{}, e.Annotations)
}

// CEL imports an exception of policies.kyverno.io.
func CEL(e *policiesv1.PolicyException, opts Options) Import {
	d := newDraft(e.Name, "PolicyException "+e.Namespace+"/"+e.Name+" of policies.kyverno.io")
	for _, ref := range e.Spec.PolicyRefs {
		d.addPolicy(ref.Name, nil)
	}
	if len(e.Spec.MatchConditions) > 0 {
		d.drop("matchConditions narrow the exception by expressions, which an override does not")
	}
	if len(e.Spec.Images) > 0 {
		d.drop("images allow single images, and an override waives the rule")
	}
	if len(e.Spec.AllowedValues) > 0 {
		d.drop("allowedValues allow single values, and an override waives the rule")
	}
	if e.Spec.ReportResult == "pass" {
		d.drop("reportResult: pass reports waived rules as passed; an override reports them as skipped")
	}
	d.scopes = []scope{{}}
	var end time.Time
	if e.Spec.ExpiresAt != nil {
		end = e.Spec.ExpiresAt.Time
	}
	return d.finish(opts, end, e.Spec.Properties)
}

// draft is an import under way.
type draft struct {
	name, source string
	policies     []v1alpha1.OverriddenPolicy
	controls     []v1alpha1.PodSecurityControl
	scopes       []scope
	dropped      []string
}

// scope is what one override is for, and where it lives.
type scope struct {
	namespace string
	v1alpha1.OverrideScope
}

func newDraft(name, source string) *draft { return &draft{name: name, source: source} }

// drop notes what is not translated, once.
func (d *draft) drop(sentence string) {
	if !slices.Contains(d.dropped, sentence) {
		d.dropped = append(d.dropped, sentence)
	}
}

// addPolicy adds a policy, or rules to one that is there.
func (d *draft) addPolicy(name string, rules []string) {
	if hasWildcard(name) {
		d.drop(fmt.Sprintf("policy %q is a pattern, and an override names policies: nothing is waived for it", name))
		return
	}
	i := slices.IndexFunc(d.policies, func(p v1alpha1.OverriddenPolicy) bool { return p.Name == name })
	switch {
	case i < 0:
		d.policies = append(d.policies, v1alpha1.OverriddenPolicy{Name: name, Rules: rules})
	case len(rules) == 0 || len(d.policies[i].Rules) == 0:
		d.policies[i].Rules = nil
	default:
		d.policies[i].Rules = unique(append(d.policies[i].Rules, rules...))
	}
}

// namedRules are the policies of a legacy exception. "*" is every rule; another
// pattern of rules is widened to every rule.
func (d *draft) namedRules(list []kyvernov2.Exception) []v1alpha1.OverriddenPolicy {
	for _, each := range list {
		var rules []string
		for _, rule := range each.RuleNames {
			if rule == "*" {
				rules = nil
				break
			}
			if hasWildcard(rule) {
				d.drop(fmt.Sprintf("rule %q of policy %q is a pattern: every rule of the policy is waived", rule, each.PolicyName))
				rules = nil
				break
			}
			rules = append(rules, rule)
		}
		d.addPolicy(each.PolicyName, unique(rules))
	}
	return d.policies
}

// finish makes an override of each scope.
func (d *draft) finish(opts Options, end time.Time, properties map[string]string) Import {
	if len(d.policies) == 0 {
		return Import{Untranslated: d.dropped}
	}
	if end.IsZero() || !opts.ExpiresAt.IsZero() && end.After(opts.ExpiresAt) {
		end = opts.ExpiresAt
	}
	var made []v1alpha1.PolicyOverride
	for i, s := range d.scopes {
		made = append(made, v1alpha1.PolicyOverride{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "PolicyOverride"},
			ObjectMeta: metav1.ObjectMeta{Namespace: cmp.Or(s.namespace, identity.SystemNamespace), Name: d.numbered(i)},
			Spec: v1alpha1.PolicyOverrideSpec{
				Policies: d.policies, PodSecurity: d.controls, Scope: s.OverrideScope,
				Justification: d.justification(property(properties, "reason", "justification")),
				Ticket:        cmp.Or(property(properties, "ticket"), opts.Ticket),
				ExpiresAt:     metav1.NewTime(end.UTC().Truncate(time.Second)),
			},
		})
	}
	return Import{Overrides: made, Untranslated: d.dropped}
}

// The longest name and justification of an override.
const (
	maxName          = 63
	maxJustification = 2048
)

// numbered is the exception's name, with a number from the second scope on.
func (d *draft) numbered(i int) string {
	suffix := ""
	if i > 0 {
		suffix = fmt.Sprintf("-%d", i+1)
	}
	return d.name[:min(len(d.name), maxName-len(suffix))] + suffix
}

// justification says where the override comes from, why, and what got lost.
func (d *draft) justification(reason string) string {
	text := "Imported from " + d.source + ". "
	if reason == "" {
		text += "It gave no reason."
	} else {
		text += "Its reason: " + strings.TrimSuffix(strings.TrimSpace(reason), ".") + "."
	}
	if len(d.dropped) > 0 {
		text += " Not translated: " + strings.Join(d.dropped, "; ") + "."
	}
	for len(text) > maxJustification {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// property is the first of the properties that is there, whatever its prefix:
// annotations are named like example.com/ticket.
func property(properties map[string]string, names ...string) string {
	for _, name := range names {
		var found []string
		for key := range properties {
			if key == name || strings.HasSuffix(key, "/"+name) {
				found = append(found, key)
			}
		}
		if len(found) > 0 {
			return properties[slices.Min(found)]
		}
	}
	return ""
}

func hasWildcard(text string) bool { return strings.ContainsAny(text, "*?") }

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}
