package migrate

import (
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// mutating makes a MutatingPolicy of JSON patches: they say exactly what is
// changed, and of lists exactly where.
func (r *rewriting) mutating() (client.Object, error) {
	m := r.rule.Mutate
	var patches []string
	var err error
	switch {
	case len(m.Targets) > 0:
		err = left("targets change other objects than the one that is sent, which native policies cannot")
	case len(m.ForEach) > 0:
		err = left("foreach in a mutation is not rewritten")
	case m.PatchStrategicMerge != nil:
		var tree any
		if tree, err = m.PatchStrategicMerge.Value(); err == nil {
			patches, err = r.merges(tree)
		}
	case m.PatchesJSON6902 != "":
		patches, err = patchesOf(m.PatchesJSON6902)
	default:
		err = left("this way to mutate is not rewritten")
	}
	if err != nil {
		return nil, err
	}
	meta, err := r.meta()
	if err != nil {
		return nil, err
	}
	made := &policiesv1.MutatingPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policies.kyverno.io/v1", Kind: "MutatingPolicy"},
		ObjectMeta: meta,
		Spec: policiesv1.MutatingPolicySpec{
			MatchConstraints: r.matched,
			MatchConditions:  r.conditions,
			Mutations: []admissionregistrationv1.Mutation{{
				PatchType: admissionregistrationv1.PatchTypeJSONPatch,
				JSONPatch: &admissionregistrationv1.JSONPatch{Expression: strings.Join(patches, " +\n")},
			}},
		},
	}
	// Paths in patches are texts, which nobody rewrites for other kinds: the
	// patches name the kinds themselves.
	made.Spec.Autogen = &policiesv1.MutatingPolicyAutogenConfiguration{PodControllers: &policiesv1.PodControllersGenerationConfiguration{Controllers: []string{}}}
	return made, nil
}

// merges rewrites a strategic merge; one of Pods also for what makes Pods.
func (r *rewriting) merges(tree any) ([]string, error) {
	patches, err := mergeOf(tree)
	if err != nil || !r.expands() {
		return patches, err
	}
	for _, condition := range r.conditions {
		if strings.Contains(condition.Expression, "object.spec") {
			return nil, left("conditions on the spec of Pods are not rewritten for what makes Pods: set pod-policies.kyverno.io/autogen-controllers to none")
		}
	}
	template, err := mergeOf(within(tree, "template"))
	if err != nil {
		return nil, err
	}
	job, err := mergeOf(within(within(tree, "template"), "jobTemplate"))
	if err != nil {
		return nil, err
	}
	r.addControllers()
	return []string{"(request.kind.kind == 'Pod' ? " + sum(patches) + " :\nrequest.kind.kind == 'CronJob' ? " + sum(job) + " :\n" + sum(template) + ")"}, nil
}

// expands tells whether the rule holds for what makes Pods, too.
func (r *rewriting) expands() bool {
	kinds, controllers := kindsIn(r.rule), r.controllers()
	return len(kinds) == 1 && kinds[0] == "Pod" && (controllers == nil || len(controllers.Controllers) > 0)
}

func kindsIn(rule kyvernov1.Rule) []string {
	filters, _ := filtersOf(rule.Match)
	var kinds []string
	for _, filter := range filters {
		kinds = append(kinds, filter.Resources.Kinds...)
	}
	return kinds
}

// within moves a patch of a Pod into a template.
func within(tree any, template string) any {
	return map[string]any{"spec": map[string]any{template: tree}}
}

func sum(patches []string) string { return "(" + strings.Join(patches, " +\n") + ")" }

// addControllers matches what makes Pods.
func (r *rewriting) addControllers() {
	operations := r.matched.ResourceRules[0].Operations
	for _, each := range []admissionregistrationv1.Rule{
		{APIGroups: []string{""}, Resources: []string{"replicationcontrollers"}},
		{APIGroups: []string{"apps"}, Resources: []string{"daemonsets", "deployments", "replicasets", "statefulsets"}},
		{APIGroups: []string{"batch"}, Resources: []string{"cronjobs", "jobs"}},
	} {
		each.APIVersions = []string{"v1"}
		r.matched.ResourceRules = append(r.matched.ResourceRules, admissionregistrationv1.NamedRuleWithOperations{
			RuleWithOperations: admissionregistrationv1.RuleWithOperations{Operations: operations, Rule: each},
		})
	}
}

// mergeOf rewrites a strategic merge as patches.
func mergeOf(tree any) ([]string, error) {
	root, ok := tree.(map[string]any)
	if !ok {
		return nil, left("the patch is no object")
	}
	m := &merging{}
	err := m.mapping(place{at: "object"}, root)
	return m.patches, err
}

// place is where a patch applies.
type place struct {
	// at is an expression for the value; path is its JSON pointer, in a list
	// from the element on.
	at, path string
	// each is the list that is gone through, and its variables; empty outside.
	each string
}

// merging collects patches.
type merging struct{ patches []string }

// mapping rewrites the fields of a map.
func (m *merging) mapping(p place, tree map[string]any) error {
	for _, key := range sortedKeys(tree) {
		parts := anchored.FindStringSubmatch(key)
		anchor, name := "plain", key
		if parts != nil {
			anchor, name = parts[1], parts[2]
		}
		switch {
		case strings.HasPrefix(name, "$"):
			return left("the directive %s is not rewritten", name)
		case anchor == "" && name == "name" && tree[key] == "*" && p.each != "":
			continue // every element that has a name: all of them
		case anchor != "plain" && anchor != "+":
			return left("the anchor %s(%s) is not rewritten in a patch", anchor, name)
		}
		if err := m.field(p, name, anchor == "+", tree[key]); err != nil {
			return err
		}
	}
	return nil
}

// field rewrites one field: maps that are missing are made first.
func (m *merging) field(p place, name string, onlyMissing bool, value any) error {
	here := place{at: optional(p.at, name), path: p.path + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name), each: p.each}
	switch value := value.(type) {
	case map[string]any:
		if here.path != "/metadata" && here.path != "/spec" { // those are always there
			m.add(here, "!"+here.at+".hasValue()", "{}")
		}
		return m.mapping(here, value)
	case []any:
		return m.list(here, value)
	}
	written, err := literal(value)
	if err != nil {
		return err
	}
	condition := "!" + here.at + ".hasValue()"
	if !onlyMissing {
		condition = here.at + ".orValue(null) != " + written
	}
	m.add(here, condition, written)
	return nil
}

// list rewrites a patch of every element of a list.
func (m *merging) list(p place, list []any) error {
	element, ok := map[string]any(nil), len(list) == 1
	if ok {
		element, ok = list[0].(map[string]any)
	}
	if _, every := element["(name)"]; !ok || !every || p.each != "" {
		return left("only patches of every element of a list, by (name): \"*\", are rewritten")
	}
	inner := place{at: "c.is", each: p.at + ".orValue([]).transformList(i, c, {'at': dyn(" + quoted(p.path+"/") + " + string(i)), 'is': dyn(c)})"}
	return m.mapping(inner, element)
}

// add adds a patch that applies under a condition.
func (m *merging) add(p place, condition, value string) {
	if p.each == "" {
		m.patches = append(m.patches, "("+condition+" ? [JSONPatch{op: 'add', path: "+quoted(p.path)+", value: "+value+"}] : [])")
		return
	}
	m.patches = append(m.patches, p.each+".filter(c, "+condition+").map(c, JSONPatch{op: 'add', path: string(c.at) + "+quoted(p.path)+", value: "+value+"})")
}

func literal(value any) (string, error) {
	switch value := value.(type) {
	case string:
		if strings.Contains(value, "{{") {
			return textOf(value)
		}
		return quoted(value), nil
	case bool:
		return strconv.FormatBool(value), nil
	}
	if written, ok := number(value); ok {
		return written, nil
	}
	return "", left("a value of type %T is not rewritten", value)
}

// patchesOf rewrites JSON patches whose paths do not depend on the object.
func patchesOf(text string) ([]string, error) {
	var list []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		return nil, err
	}
	var patches []string
	for _, each := range list {
		if strings.Contains(each.Path, "{{") {
			return nil, left("a path with variables, %s, is not rewritten", each.Path)
		}
		switch each.Op {
		case "add", "replace":
			written, err := literal(each.Value)
			if err != nil {
				return nil, err
			}
			patches = append(patches, "[JSONPatch{op: "+quoted(each.Op)+", path: "+quoted(each.Path)+", value: "+written+"}]")
		case "remove":
			patches = append(patches, "[JSONPatch{op: 'remove', path: "+quoted(each.Path)+"}]")
		default:
			return nil, left("the operation %s of a JSON patch is not rewritten", each.Op)
		}
	}
	return patches, nil
}
