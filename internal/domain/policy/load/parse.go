package load

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// Document is one object of a file.
type Document struct {
	// Object is of one of the types in api/kyverno, api/policy and Kubernetes'
	// admissionregistration/v1. Its apiVersion is that of the type.
	Object runtime.Object
	// File and Line say where it begins.
	File string
	Line int

	source *yamldoc.Document
}

// LineOf is the line of a field, or of the nearest parent that is there.
func (d Document) LineOf(field string) int {
	if d.source == nil {
		return d.Line
	}
	return d.source.LineOf(field)
}

// lineWithin is the line of a place inside a text field.
func (d Document) lineWithin(field string, line int) int {
	if d.source == nil {
		return d.Line
	}
	return d.source.LineWithin(field, line)
}

// As is the document as if it said another object.
func (d Document) As(object runtime.Object) Document {
	d.Object = object
	return d
}

// Of is a document for an object that comes from no file, such as one of a
// cluster: origin is shown where a file would be.
func Of(object runtime.Object, origin string) Document {
	return Document{Object: object, File: origin, Line: 1}
}

// Parse reads the documents of a stream, YAML or JSON, lists included; file is
// the name to show. Documents without a mistake are returned whatever is wrong
// with others.
func Parse(file string, data []byte) ([]Document, []Problem) {
	sources, mistakes := yamldoc.Split(file, data)
	found := problems(mistakes, "", "")
	var documents []Document
	for _, source := range sources {
		read, more := parseOne(source)
		documents, found = append(documents, read...), append(found, more...)
	}
	return documents, found
}

func parseOne(source *yamldoc.Document) ([]Document, []Problem) {
	items, mistakes, list := source.Items()
	if !list {
		return typed(source)
	}
	found := problems(mistakes, source.Kind(), "")
	var documents []Document
	for _, item := range items {
		read, more := typed(item)
		documents, found = append(documents, read...), append(found, more...)
	}
	return documents, found
}

// typed turns a document into a type; none when that cannot be.
func typed(source *yamldoc.Document) ([]Document, []Problem) {
	problem := Problem{File: source.File, Line: source.Line, Kind: source.Kind(), Name: source.Name()}
	gk := groupKind(source.APIVersion(), source.Kind())
	if why, ok := unsupportedKinds()[gk]; ok {
		problem.Unsupported, problem.Message = true, fmt.Sprintf("%s is not supported: %s", gk.Kind, why)
		return nil, []Problem{problem}
	}
	kind, ok := knownKinds()[gk]
	version := source.APIVersion()[strings.LastIndex(source.APIVersion(), "/")+1:]
	switch {
	case source.Kind() == "" || source.APIVersion() == "":
		problem.Foreign, problem.Message = true, "this is no object: one begins with apiVersion and kind"
		return nil, []Problem{problem}
	case !ok && ofPolicies(gk.Group):
		problem.Line, problem.Message = source.LineOf("kind"), fmt.Sprintf("%s has no kind %q; use %s", gk.Group, gk.Kind, strings.Join(kindsOf(gk.Group), ", "))
		return nil, []Problem{problem}
	case !ok:
		problem.Foreign, problem.Message = true, fmt.Sprintf("%s of %q is no policy", gk.Kind, source.APIVersion())
		return nil, []Problem{problem}
	case !kind.reads(version):
		problem.Line, problem.Message = source.LineOf("apiVersion"), fmt.Sprintf("%s has no version %q; use %s", gk.Kind, version, strings.Join(kind.versions, ", "))
		return nil, []Problem{problem}
	}
	object := kind.empty()
	if mistakes := source.Decode(object); len(mistakes) > 0 {
		return nil, problems(mistakes, gk.Kind, source.Name())
	}
	object.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{Group: gk.Group, Version: kind.versions[0], Kind: gk.Kind})
	document := Document{Object: object, File: source.File, Line: source.Line, source: source}
	return document.checked(object)
}

// checked says what can be said of a document before it is compiled.
func (d Document) checked(object client.Object) ([]Document, []Problem) {
	if object.GetName() == "" {
		return nil, []Problem{d.problem("metadata.name", "a name is missing")}
	}
	return []Document{d}, slices.Concat(d.generating(), d.wrongMode(), d.timeouts())
}

// generating reports rules that make other objects.
func (d Document) generating() []Problem {
	var found []Problem
	for i, rule := range rulesOf(d.Object) {
		if rule.Generate == nil {
			continue
		}
		p := d.problem(fmt.Sprintf("spec.rules[%d].generate", i), "generate rules are not supported: Roadbed does not generate objects; tenants get theirs from tiers and units")
		p.Rule, p.Unsupported = rule.Name, true
		found = append(found, p)
	}
	return found
}

func rulesOf(object runtime.Object) []kyvernov1.Rule {
	switch p := object.(type) {
	case *kyvernov1.ClusterPolicy:
		return p.Spec.Rules
	case *kyvernov1.Policy:
		return p.Spec.Rules
	}
	return nil
}

// wrongMode reports policies that are not for Kubernetes objects or JSON.
func (d Document) wrongMode() []Problem {
	mode := modeOf(d.Object)
	switch mode {
	case "", policiesv1.EvaluationModeKubernetes, policiesv1.EvaluationModeJSON:
		return nil
	}
	p := d.problem("spec.evaluation.mode", fmt.Sprintf("evaluation mode %q is not supported: Roadbed evaluates Kubernetes objects and JSON", mode))
	p.Unsupported = true
	return []Problem{p}
}

func modeOf(object runtime.Object) policiesv1.EvaluationMode {
	var evaluation *policiesv1.EvaluationConfiguration
	switch p := object.(type) {
	case *policiesv1.ValidatingPolicy:
		evaluation = p.Spec.Evaluation
	case *policiesv1.NamespacedValidatingPolicy:
		evaluation = p.Spec.Evaluation
	case *policiesv1.ImageValidatingPolicy:
		evaluation = p.Spec.Evaluation
	case *policiesv1.NamespacedImageValidatingPolicy:
		evaluation = p.Spec.Evaluation
	case *policiesv1.MutatingPolicy:
		return mutatingMode(p.Spec)
	case *policiesv1.NamespacedMutatingPolicy:
		return mutatingMode(p.Spec)
	}
	if evaluation == nil {
		return ""
	}
	return evaluation.Mode
}

func mutatingMode(spec policiesv1.MutatingPolicySpec) policiesv1.EvaluationMode {
	if spec.Evaluation == nil {
		return ""
	}
	return spec.Evaluation.Mode
}

// problem says that a field of the document is wrong.
func (d Document) problem(field, message string) Problem {
	p := Problem{File: d.File, Line: d.LineOf(field), Field: field, Message: message, Kind: d.Kind()}
	if object, ok := d.Object.(client.Object); ok {
		p.Name = object.GetName()
	}
	return p
}

// Kind is the kind of the object.
func (d Document) Kind() string { return d.Object.GetObjectKind().GroupVersionKind().Kind }
