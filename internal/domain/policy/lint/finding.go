package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// IgnoreAnnotation lists the codes that a policy accepts, separated by commas.
const IgnoreAnnotation = "policy.roadbed.dev/lint-ignore"

// Level is how bad a finding is.
type Level string

// The levels.
const (
	// Error: the policy does not do what it says.
	Error Level = "error"
	// Warning: it probably does not do what its author wants.
	Warning Level = "warning"
	// Note: it does, but differently elsewhere, or a reader could be misled.
	Note Level = "note"
)

// Code names a kind of finding.
type Code string

// The codes.
const (
	// Invalid: the policy cannot be put in force.
	Invalid Code = "invalid"
	// NeverFires: a rule that no object can violate.
	NeverFires Code = "never-fires"
	// AlwaysFires: a rule that every object it matches violates.
	AlwaysFires Code = "always-fires"
	// Unreachable: a rule that an earlier one, or its own exclude, leaves nothing,
	// or a branch of an expression that is never taken.
	Unreachable Code = "unreachable"
	// Constant: a condition, or a part of an expression, that is the same for every
	// object and decides nothing.
	Constant Code = "constant"
	// Shadowed: a check that an earlier one makes already.
	Shadowed Code = "shadowed"
	// MissingSubresource: a write that goes around the rule.
	MissingSubresource Code = "missing-subresource"
	// MissingContainers: containers of a Pod that the rule does not look at.
	MissingContainers Code = "missing-containers"
	// UnparsableKey: a key or certificate that cannot be read.
	UnparsableKey Code = "unparsable-key"
	// NeedsLog: a key whose signatures must be in a transparency log, unsaid.
	NeedsLog Code = "needs-transparency-log"
	// MissingKey: an expression that fails when a label or field is absent.
	MissingKey Code = "missing-key"
	// SilentAudit: a policy that tells nobody when it is violated.
	SilentAudit Code = "silent-audit"
	// PerContainer: a patch that Kyverno applies to several containers wrongly.
	PerContainer Code = "per-container"
	// ExpensiveCEL: an expression that the API server gives up on for large
	// objects.
	ExpensiveCEL Code = "expensive-cel"
	// AtomicField: an apply configuration that writes what is only replaced as a
	// whole, which the API server refuses.
	AtomicField Code = "atomic-field"
	// RemovesNothing: an apply configuration without some of the elements that the
	// object has, and keeps.
	RemovesNothing Code = "removes-nothing"
	// BlocksSystem: a policy that would stop Kubernetes or Roadbed.
	BlocksSystem Code = "blocks-system"
	// Unsupported: something that Roadbed does not do.
	Unsupported Code = "unsupported"
	// Untiered: a tier that follows from nothing but the action.
	Untiered Code = "untiered"
)

// Finding is one thing that is wrong with a policy.
type Finding struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Kind    string `json:"kind"`
	Policy  string `json:"policy"`
	Rule    string `json:"rule,omitempty"`
	Field   string `json:"field,omitempty"`
	Code    Code   `json:"code"`
	Level   Level  `json:"level"`
	Message string `json:"message"`
}

// String is "file:line: level: kind policy, rule: message [code]", without a
// subject where the document is too broken to have one.
func (f Finding) String() string {
	subject := strings.TrimSpace(f.Kind + " " + f.Policy)
	if f.Rule != "" {
		subject += ", rule " + f.Rule
	}
	if subject != "" {
		subject += ": "
	}
	return fmt.Sprintf("%s:%d: %s: %s%s [%s]", f.File, f.Line, f.Level, subject, f.Message, f.Code)
}

// Options are what a check needs besides documents.
type Options struct {
	// Compilers turn policies into evaluators.
	Compilers load.Compilers
}

// Check finds what is wrong with the policies among the documents. Problems are
// those of reading them.
func Check(documents []load.Document, problems []load.Problem, options Options) []Finding {
	compiled, more := load.CompileEach(documents, options.Compilers)
	var findings []Finding
	for _, problem := range slices.Concat(problems, more) {
		findings = append(findings, ofProblem(problem)...)
	}
	for _, document := range documents {
		findings = append(findings, ofDocument(document)...)
	}
	for _, each := range compiled {
		findings = append(findings, ofEvaluator(each)...)
	}
	findings = accepted(keysOnce(findings), documents)
	slices.SortStableFunc(findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Code, b.Code))
	})
	return slices.CompactFunc(findings, func(a, b Finding) bool { return a == b })
}

// Worst is the worst level among findings; empty when there are none.
func Worst(findings []Finding) Level {
	for _, level := range []Level{Error, Warning, Note} {
		if slices.ContainsFunc(findings, func(f Finding) bool { return f.Level == level }) {
			return level
		}
	}
	return ""
}

func ofProblem(p load.Problem) []Finding {
	if p.Foreign {
		return nil
	}
	finding := Finding{File: p.File, Line: p.Line, Kind: p.Kind, Policy: p.Name, Rule: p.Rule, Field: p.Field, Code: Invalid, Level: Error, Message: p.Message}
	if p.Unsupported {
		finding.Code, finding.Level = Unsupported, Warning
	}
	return []Finding{finding}
}

// keysOnce leaves out what compiling says of a key that is found to be unparsable
// here, where its code tells scripts what is wrong.
func keysOnce(findings []Finding) []Finding {
	return slices.DeleteFunc(slices.Clone(findings), func(f Finding) bool {
		return f.Code == Invalid && slices.ContainsFunc(findings, func(key Finding) bool {
			return key.Code == UnparsableKey && key.File == f.File && key.Line == f.Line && key.Field == f.Field
		})
	})
}

// accepted drops the findings that a policy says it accepts. What keeps a policy
// from being in force cannot be accepted.
func accepted(findings []Finding, documents []load.Document) []Finding {
	ignored := map[string]string{}
	for _, document := range documents {
		if object, ok := document.Object.(client.Object); ok {
			ignored[document.File+" "+object.GetName()] = object.GetAnnotations()[IgnoreAnnotation]
		}
	}
	return slices.DeleteFunc(findings, func(f Finding) bool {
		codes := strings.Split(strings.ReplaceAll(ignored[f.File+" "+f.Policy], " ", ""), ",")
		return f.Code != Invalid && f.Code != UnparsableKey && slices.Contains(codes, string(f.Code))
	})
}

// ofEvaluator finds what only an evaluation tells.
func ofEvaluator(c load.Compiled) []Finding {
	findings := append(expensive(c), idle(c)...)
	if policy.IncludesSystem(labelsOf(c.Document)) || c.Info().Tier.Blocks() {
		findings = append(findings, blocked(c)...)
	}
	return findings
}

// idle finds policies that are evaluated nowhere: neither at admission nor of what
// exists. A MutatingPolicy changes objects at admission only.
func idle(c load.Compiled) []Finding {
	info := c.Info()
	if info.Admission || info.Background && !strings.HasSuffix(info.Kind, "MutatingPolicy") {
		return nil
	}
	object, ok := c.Document.Object.(client.Object)
	if !ok {
		return nil
	}
	of := &checker{document: c.Document, kind: info.Kind, name: object.GetName()}
	of.find(Error, NeverFires, "", "spec", "requests are not evaluated (admission: false), nor does a scan do what this policy does: it concerns nothing")
	return of.findings
}

func labelsOf(d load.Document) map[string]string {
	if object, ok := d.Object.(client.Object); ok {
		return object.GetLabels()
	}
	return nil
}
