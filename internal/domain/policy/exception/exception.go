package exception

import (
	"fmt"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	kyvernov2 "github.com/roadbed-dev/roadbed/api/kyverno/v2"
	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/podsecurity"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// World is what overrides depend on besides themselves.
type World struct {
	// Policies are all policies by name.
	Policies map[string]policy.Info
	// Places are all namespaces by name.
	Places map[string]override.Place
	// Ledger is the cluster's, nil without one.
	Ledger *policyv1.OverrideLedgerSpec
	// Now is the time of the decisions.
	Now time.Time
}

// Among are the exceptions and overrides among documents.
func Among(documents []load.Document) []load.Document {
	var found []load.Document
	for _, document := range documents {
		switch document.Object.(type) {
		case *kyvernov2.PolicyException, *policiesv1.PolicyException, *policyv1.PolicyOverride:
			found = append(found, document)
		}
	}
	return found
}

// Compile turns exceptions and overrides into what they exempt. It is nil when
// they exempt nothing.
func Compile(documents []load.Document, w World, compilers load.Compilers) (scenario.Exemptions, []load.Problem) {
	var all []exemption
	var problems []load.Problem
	var overrides []policyv1.PolicyOverride
	for _, document := range documents {
		var made *exemption
		var found []load.Problem
		switch e := document.Object.(type) {
		case *kyvernov2.PolicyException:
			made, found = legacy(document, e, compilers)
		case *policiesv1.PolicyException:
			made, found = cel(document, e, w, compilers)
		case *policyv1.PolicyOverride:
			overrides = append(overrides, *e)
		}
		problems = append(problems, found...)
		if made != nil {
			all = append(all, *made)
		}
	}
	waivers, err := waiversOf(overrides, w)
	if err != nil {
		problems = append(problems, load.Problem{File: "ledger", Line: 1, Message: err.Error()})
	}
	if len(all) == 0 && len(waivers) == 0 {
		return nil, problems
	}
	return &exemptions{all, waivers}, problems
}

// waiversOf are the overrides of the files, and those in force in the cluster.
func waiversOf(overrides []policyv1.PolicyOverride, w World) ([]policy.Waivers, error) {
	var all []policy.Waivers
	specs := []policyv1.OverrideLedgerSpec{}
	if len(overrides) > 0 {
		specs = append(specs, override.Compile(overrides, override.World{Policies: w.Policies, Places: w.Places, Now: w.Now}).Spec)
	}
	if w.Ledger != nil {
		specs = append(specs, *w.Ledger)
	}
	for _, spec := range specs {
		waivers, err := override.NewWaivers(spec)
		if err != nil {
			return nil, err
		}
		all = append(all, waivers)
	}
	return all, nil
}

// includeSystem lets the policy that stands for an exception see all namespaces.
func includeSystem() map[string]string { return map[string]string{policy.IncludeSystemLabel: "true"} }

// legacy makes a rule of the exception: it matches what the exception matches,
// its preconditions are the exception's conditions, and it denies.
func legacy(document load.Document, e *kyvernov2.PolicyException, compilers load.Compilers) (*exemption, []load.Problem) {
	for i, control := range e.Spec.PodSecurity {
		if err := podsecurity.CheckExclusion(control); err != nil {
			field := fmt.Sprintf("spec.podSecurity[%d]", i)
			return nil, []load.Problem{{
				File: document.File, Line: document.LineOf(field), Kind: "PolicyException", Name: e.Name, Field: field, Message: err.Error(),
			}}
		}
	}
	enforce := kyvernov1.Enforce
	probe := &kyvernov1.ClusterPolicy{}
	probe.Name, probe.Labels = e.Name, includeSystem()
	probe.Annotations = map[string]string{"pod-policies.kyverno.io/autogen-controllers": "none"}
	rule := kyvernov1.Rule{
		Name:     "exception",
		Match:    kyvernov1.MatchResources{Any: e.Spec.Match.Any, All: e.Spec.Match.All},
		Validate: &kyvernov1.Validation{FailureAction: &enforce, Message: "covered", Deny: &kyvernov1.Deny{}},
	}
	if e.Spec.Conditions != nil {
		conditions, err := jsonOf(e.Spec.Conditions)
		if err != nil {
			return nil, []load.Problem{wrong(document, err)}
		}
		rule.Preconditions = conditions
	}
	probe.Spec.Rules = []kyvernov1.Rule{rule}
	compiled, problems := load.Compile([]load.Document{document.As(probe)}, compilers)
	if len(compiled) == 0 {
		return nil, problems
	}
	return &exemption{name: key(e.Namespace, e.Name), probe: compiled[0], controls: e.Spec.PodSecurity, names: func(info policy.Info, rule string) bool {
		for _, each := range e.Spec.Exceptions {
			if pattern.Match(each.PolicyName, info.Name) && (pattern.MatchAny(each.RuleNames, rule) || pattern.MatchAny(each.RuleNames, withoutAutogen(rule))) {
				return true
			}
		}
		return false
	}}, problems
}

// cel makes a policy of the exception, unless it is over: its match conditions
// are the exception's, and its only validation is false.
func cel(document load.Document, e *policiesv1.PolicyException, w World, compilers load.Compilers) (*exemption, []load.Problem) {
	if over(e, w.Now) {
		return nil, nil
	}
	made, problems := conditional(document, e, compilers)
	if allows(e) {
		return nil, problems // The policy reads what is allowed: see load.Options.
	}
	return made, problems
}

// over tells whether the exception has ended.
func over(e *policiesv1.PolicyException, now time.Time) bool {
	return e.Spec.ExpiresAt != nil && !now.Before(e.Spec.ExpiresAt.Time)
}

// conditional decides by a policy whether an exception covers a request.
func conditional(document load.Document, e *policiesv1.PolicyException, compilers load.Compilers) (*exemption, []load.Problem) {
	probe := &policiesv1.ValidatingPolicy{}
	probe.Name, probe.Labels = e.Name, includeSystem()
	off := false
	probe.Spec = policiesv1.ValidatingPolicySpec{
		Autogen: &policiesv1.ValidatingPolicyAutogenConfiguration{PodControllers: &policiesv1.PodControllersGenerationConfiguration{Enabled: &off, Controllers: []string{}}},
		MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
			RuleWithOperations: admissionregistrationv1.RuleWithOperations{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{"*"}, APIVersions: []string{"*"}, Resources: []string{"*/*"}},
			},
		}}},
		MatchConditions: e.Spec.MatchConditions,
		Validations:     []admissionregistrationv1.Validation{{Expression: "false", Message: "covered"}},
	}
	compiled, problems := load.Compile([]load.Document{document.As(probe)}, compilers)
	if len(compiled) == 0 {
		return nil, problems
	}
	return &exemption{name: key(e.Namespace, e.Name), probe: compiled[0], names: func(info policy.Info, _ string) bool {
		for _, ref := range e.Spec.PolicyRefs {
			if ref.Name == info.Name && (ref.Kind == "" || ref.Kind == info.Kind) {
				return true
			}
		}
		return false
	}}, problems
}

func key(namespace, name string) string {
	if namespace == "" {
		return name
	}
	return namespace + "/" + name
}

func withoutAutogen(rule string) string {
	return strings.TrimPrefix(strings.TrimPrefix(rule, "autogen-"), "cronjob-")
}
