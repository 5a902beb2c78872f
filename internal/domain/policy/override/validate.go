package override

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/podsecurity"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// minJustification is the shortest justification, in characters.
const minJustification = 20

// Validate says everything that keeps the override from being granted. What the
// API server refuses by itself is among it, for overrides that come from files.
// A field.ErrorTypeNotFound is about a policy, rule or namespace that may still
// come; nothing else mends by itself.
func Validate(o *v1alpha1.PolicyOverride, w World) field.ErrorList {
	spec := field.NewPath("spec")
	all := validateWords(spec, o.Spec)
	all = append(all, validatePolicies(spec.Child("policies"), o.Spec.Policies, w.Policies)...)
	all = append(all, validateControls(spec, o.Spec, w.Policies)...)
	all = append(all, validateScope(spec.Child("scope"), o, w)...)
	all = append(all, validateExpiry(spec.Child("expiresAt"), o, w)...)
	return append(all, validateDecision(field.NewPath("status", "decision"), o)...)
}

func validateWords(spec *field.Path, s v1alpha1.PolicyOverrideSpec) field.ErrorList {
	var all field.ErrorList
	if utf8.RuneCountInString(strings.TrimSpace(s.Justification)) < minJustification {
		all = append(all, field.Invalid(spec.Child("justification"), s.Justification,
			fmt.Sprintf("say in at least %d characters why the policy cannot be followed", minJustification)))
	}
	if strings.TrimSpace(s.Ticket) == "" {
		all = append(all, field.Required(spec.Child("ticket"), "name the record of the decision, such as CHG-1234"))
	}
	return all
}

func validatePolicies(path *field.Path, list []v1alpha1.OverriddenPolicy, known map[string]policy.Info) field.ErrorList {
	var all field.ErrorList
	if len(list) == 0 {
		all = append(all, field.Required(path, "name at least one policy"))
	}
	for i, p := range list {
		info, exists := known[p.Name]
		name := path.Index(i).Child("name")
		switch {
		case !exists:
			all = append(all, field.NotFound(name, p.Name))
		case !info.Tier.Waivable():
			all = append(all, field.Forbidden(name, Refusal(p.Name)))
		default:
			all = append(all, validateRules(path.Index(i).Child("rules"), p.Rules, info.Rules)...)
		}
	}
	return all
}

// Refusal says why a Mandatory policy cannot be waived.
func Refusal(name string) string {
	return fmt.Sprintf("policy %q is Mandatory, and a Mandatory policy is never waived: change the objects, or ask the platform team to change the policy for everybody", name)
}

func validateRules(path *field.Path, rules, known []string) field.ErrorList {
	var all field.ErrorList
	for i, rule := range rules {
		asked := namesOf(rule)
		if len(known) > 0 && !slices.ContainsFunc(known, func(name string) bool {
			return slices.ContainsFunc(namesOf(name), func(n string) bool { return slices.Contains(asked, n) })
		}) {
			all = append(all, field.NotFound(path.Index(i), rule))
		}
	}
	return all
}

// validateControls wants controls that there are, of policies that can have
// podSecurity rules.
func validateControls(spec *field.Path, s v1alpha1.PolicyOverrideSpec, known map[string]policy.Info) field.ErrorList {
	var all field.ErrorList
	path := spec.Child("podSecurity")
	for i, control := range controlsOf(s.PodSecurity) {
		if err := podsecurity.CheckExclusion(control); err != nil {
			all = append(all, field.Invalid(path.Index(i), control.ControlName, err.Error()))
		}
	}
	for _, p := range s.Policies {
		info, exists := known[p.Name]
		if len(s.PodSecurity) > 0 && exists && info.Lane != policy.Legacy {
			all = append(all, field.Forbidden(path, fmt.Sprintf(
				"policy %q is a %s, and only a ClusterPolicy or Policy has podSecurity rules: leave podSecurity out to waive the policy as a whole", p.Name, info.Kind)))
		}
	}
	return all
}

func validateScope(path *field.Path, o *v1alpha1.PolicyOverride, w World) field.ErrorList {
	var all field.ErrorList
	if Platform(o) {
		return nil
	}
	if len(o.Spec.Scope.Tenants) > 0 {
		all = append(all, field.Forbidden(path.Child("tenants"), fmt.Sprintf(
			"an override in namespace %q is for the tenant of that namespace: leave tenants out, or have the platform team make it in %s",
			o.Namespace, identity.SystemNamespace)))
	}
	own := w.Places[o.Namespace].Tenant
	for i, name := range o.Spec.Scope.Namespaces {
		place, exists := w.Places[name]
		switch {
		case !exists && len(w.Places) > 0:
			all = append(all, field.NotFound(path.Child("namespaces").Index(i), name))
		case name != o.Namespace && (own == "" || place.Tenant != own) && len(w.Places) > 0:
			all = append(all, field.Forbidden(path.Child("namespaces").Index(i), fmt.Sprintf(
				"namespace %q does not belong to the tenant of namespace %q, and an override does not reach further", name, o.Namespace)))
		}
	}
	return all
}

func validateExpiry(path *field.Path, o *v1alpha1.PolicyOverride, w World) field.ErrorList {
	end := o.Spec.ExpiresAt.Time
	if end.IsZero() {
		return field.ErrorList{field.Required(path, "say when the override ends")}
	}
	begin := o.CreationTimestamp.Time
	if begin.IsZero() {
		begin = w.Now
	}
	tier := w.Places[o.Namespace].Tier
	days := TermsFor(w.Terms, tier).MaxDays
	if last := begin.Add(time.Duration(days) * 24 * time.Hour); end.After(last) {
		return field.ErrorList{field.Invalid(path, end.UTC().Format(time.RFC3339), fmt.Sprintf(
			"%s allows overrides of at most %d days: choose a moment no later than %s", tierNamed(tier), days, last.UTC().Format(time.RFC3339)))}
	}
	return nil
}

func tierNamed(tier string) string {
	if tier == "" {
		return "a place of no tenant"
	}
	return "tier " + tier
}

// TermsFor are the terms of the tier, or those for all others.
func TermsFor(terms map[string]tenancyv1alpha1.TierOverrides, tier string) tenancyv1alpha1.TierOverrides {
	for _, key := range []string{tier, TermsAny} {
		if found, ok := terms[key]; ok {
			return found
		}
	}
	return DefaultTerms()
}

func validateDecision(path *field.Path, o *v1alpha1.PolicyOverride) field.ErrorList {
	d := o.Status.Decision
	switch {
	case d == nil || d.Verdict != v1alpha1.VerdictApproved:
		return nil
	case d.By == "" || o.Spec.Requester == "":
		return field.ErrorList{field.Required(path.Child("by"), "an approval counts when both the requester and the approver are known")}
	case d.By == o.Spec.Requester:
		return field.ErrorList{field.Forbidden(path.Child("by"), fmt.Sprintf("%q asked for the override and cannot approve it: have somebody else approve", d.By))}
	}
	return nil
}

// Notice is how long before its end people are told that the override ends: a
// fifth of its life, at most a week.
func Notice(o *v1alpha1.PolicyOverride) time.Duration {
	const week = 7 * 24 * time.Hour
	return min(o.Spec.ExpiresAt.Sub(o.CreationTimestamp.Time)/5, week)
}
