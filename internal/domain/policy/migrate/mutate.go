package migrate

import (
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/query"
)

// mutating makes a MutatingPolicy of JSON patches: they say exactly what is
// changed, and of lists exactly where.
func (r *rewriting) mutating() (client.Object, error) {
	expression, err := r.patched()
	if err != nil {
		return nil, at("mutate", err)
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
				JSONPatch: &admissionregistrationv1.JSONPatch{Expression: expression},
			}},
		},
	}
	// Paths in patches are texts, which nobody rewrites for other kinds: the
	// patches name the kinds themselves.
	made.Spec.Autogen = &policiesv1.MutatingPolicyAutogenConfiguration{PodControllers: &policiesv1.PodControllersGenerationConfiguration{Controllers: []string{}}}
	return made, nil
}

// patched is the list of patches: of Pods also for what makes Pods.
func (r *rewriting) patched() (string, error) {
	if len(r.makers) == 0 {
		return r.patches(r.now, nil)
	}
	pod, err := r.patchesFor(r.now, nil)
	if err != nil {
		return "", err
	}
	template, err := r.patchesFor(r.now.within(".spec.template"), []string{"spec", "template"})
	if err != nil {
		return "", err
	}
	job, err := r.patchesFor(r.now.within(".spec.jobTemplate.spec.template"), []string{"spec", "jobTemplate", "spec", "template"})
	if err != nil {
		return "", err
	}
	r.conditions = slices.DeleteFunc(r.conditions, func(c admissionregistrationv1.MatchCondition) bool { return c.Name == "preconditions" })
	r.addMakers()
	return "request.kind.kind == 'Pod' ? " + pod + " :\nrequest.kind.kind == 'CronJob' ? " + job + " :\n" + template, nil
}

// patchesFor are the patches of a kind, where the preconditions hold for it.
func (r *rewriting) patchesFor(a about, path []string) (string, error) {
	a, err := a.entries(r.rule.Context)
	if err != nil {
		return "", err
	}
	met, err := a.conditions(r.rule.Preconditions)
	if err != nil {
		return "", at("preconditions", err)
	}
	patches, err := r.patches(a, path)
	return "(" + under(met, patches) + ")", err
}

// under are patches where a condition holds.
func under(condition, patches string) string {
	if condition == "true" {
		return patches
	}
	return condition + " ?\n" + patches + " :\n[]"
}

// patches are those of an object whose Pod is below the path.
func (r *rewriting) patches(a about, path []string) (string, error) {
	m := r.rule.Mutate
	switch {
	case len(m.Targets) > 0:
		return "", at("targets", left("targets change other objects than the one that is sent, which native policies cannot"))
	case len(m.ForEach) > 0:
		return a.loopedPatches(m.ForEach, path)
	case m.PatchStrategicMerge != nil:
		tree, err := m.PatchStrategicMerge.Value()
		if err != nil {
			return "", err
		}
		made, err := a.merge(nest(tree, path))
		return made, at("patchStrategicMerge", err)
	case m.PatchesJSON6902 != "":
		made, err := a.listed(m.PatchesJSON6902)
		return strings.Join(made, " +\n"), at("patchesJson6902", err)
	}
	return "", left("this way to mutate is not rewritten")
}

// nest moves a patch of a Pod to where an object keeps it.
func nest(tree any, path []string) any {
	for _, key := range slices.Backward(path) {
		tree = map[string]any{key: tree}
	}
	return tree
}

// addMakers matches what makes Pods.
func (r *rewriting) addMakers() {
	operations := r.matched.ResourceRules[0].Operations
	for _, each := range []struct {
		group string
		kinds []string
	}{
		{"", []string{"ReplicationController"}},
		{"apps", []string{"DaemonSet", "Deployment", "ReplicaSet", "StatefulSet"}},
		{"batch", []string{"CronJob", "Job"}},
	} {
		var resources []string
		for _, kind := range each.kinds {
			if slices.Contains(r.makers, kind) {
				resources = append(resources, strings.ToLower(kind)+"s")
			}
		}
		if resources == nil {
			continue
		}
		rule := admissionregistrationv1.Rule{APIGroups: []string{each.group}, APIVersions: []string{"v1"}, Resources: resources}
		r.matched.ResourceRules = append(r.matched.ResourceRules, admissionregistrationv1.NamedRuleWithOperations{
			RuleWithOperations: admissionregistrationv1.RuleWithOperations{Operations: operations, Rule: rule},
		})
	}
}

// listed are the patches that a text in YAML lists.
func (a about) listed(text string) ([]string, error) {
	var list []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		return nil, left("what is not YAML before variables are filled in is not rewritten: %w", err)
	}
	var patches []string
	for i, each := range list {
		path, err := a.text(each.Path)
		if err != nil {
			return nil, at(pathAt("", i), err)
		}
		switch each.Op {
		case "add", "replace":
			value, err := a.literal(each.Value)
			if err != nil {
				return nil, at(pathAt("", i), err)
			}
			patches = append(patches, "[JSONPatch{op: "+cel.Quoted(each.Op)+", path: "+path+", value: "+value+"}]")
		case "remove":
			patches = append(patches, "[JSONPatch{op: 'remove', path: "+path+"}]")
		default:
			return nil, at(pathAt("", i), left("the operation %s of a JSON patch is not rewritten", each.Op))
		}
	}
	return patches, nil
}

// literal is a value of a patch, with variables in texts.
func (a about) literal(value any) (string, error) {
	if text, ok := value.(string); ok && strings.Contains(text, "{{") {
		return a.text(text)
	}
	if hasVariables(value) {
		return "", left("variables within lists and objects are not rewritten")
	}
	written, ok := cel.Literal(value)
	if !ok || value == nil {
		return "", left("a value of type %T is not rewritten", value)
	}
	return written, nil
}

// loopedPatches are the patches for each element of lists.
func (a about) loopedPatches(loops []kyvernov1.ForEachMutation, path []string) (string, error) {
	var all []string
	for i, loop := range loops {
		made, err := a.looped(loop, path)
		if err != nil {
			return "", at(pathAt("foreach", i), err)
		}
		all = append(all, made)
	}
	return strings.Join(all, " +\n"), nil
}

func (a about) looped(loop kyvernov1.ForEachMutation, path []string) (string, error) {
	switch {
	case len(loop.ForEach) > 0:
		return "", at("foreach", left("a foreach within another is not rewritten"))
	case loop.Order != "" && loop.PatchStrategicMerge == nil:
		return "", at("order", left("the order of JSON patches is not rewritten"))
	}
	list, err := a.query(loop.List)
	if err != nil || list.Constant {
		return "", at("list", left("the list is not rewritten: %w", err))
	}
	if loop.PatchesJSON6902 != "" {
		return a.loopedJSON(loop, list)
	}
	tree, err := loop.PatchStrategicMerge.Value()
	if err != nil {
		return "", err
	}
	pointer, element, err := sought(tree)
	if err != nil {
		return "", at("patchStrategicMerge", err)
	}
	if path := strings.TrimSuffix(strings.TrimSpace(loop.List), "[]"); "request.object."+strings.Join(pointer, ".") != path {
		return "", at("patchStrategicMerge", left("it changes another list than it goes through"))
	}
	return a.loopedMerge(loop, list, append(path, pointer...), element)
}

// loopedJSON are JSON patches for each element.
func (a about) loopedJSON(loop kyvernov1.ForEachMutation, list query.Expression) (string, error) {
	inner, err := a.element().with("elementIndex", query.Plain("i", query.Number)).entries(loop.Context)
	if err != nil {
		return "", err
	}
	met, err := inner.blocks(loop.Preconditions)
	if err != nil {
		return "", at("preconditions", err)
	}
	patches, err := inner.listed(loop.PatchesJSON6902)
	if err != nil {
		return "", at("patchesJson6902", err)
	}
	each := strings.Join(patches, " + ")
	return query.Operand(list.Elements().Text) + ".transformList(i, element, " + met + ", " + each + ").flatten()", nil
}

// loopedMerge are the patches of the elements that a merge looks for by their own
// names.
func (a about) loopedMerge(loop kyvernov1.ForEachMutation, list query.Expression, pointer []string, tree map[string]any) (string, error) {
	inner, err := a.with("element", query.Plain("c.is", query.Unknown)).entries(loop.Context)
	if err != nil {
		return "", err
	}
	met, err := inner.blocks(loop.Preconditions)
	if err != nil {
		return "", at("preconditions", err)
	}
	m := &merging{about: inner}
	made, err := m.elements(list.Elements().Text, "/"+strings.Join(pointer, "/"), met, tree)
	return made, at("patchStrategicMerge", err)
}

// sought is the list in which a merge looks for an element by the element's own
// name, and what it makes of the element.
func sought(tree any) (pointer []string, element map[string]any, err error) {
	for {
		object, ok := tree.(map[string]any)
		if !ok || len(object) != 1 {
			break
		}
		key := cel.Keys(object)[0]
		pointer, tree = append(pointer, key), object[key]
	}
	list, ok := tree.([]any)
	if ok && len(list) == 1 {
		element, ok = list[0].(map[string]any)
	}
	for _, key := range []string{"name", "(name)"} {
		name, _ := element[key].(string)
		if parts := variable.FindStringSubmatch(name); ok && parts != nil && strings.TrimSpace(parts[1]) == "element.name" {
			rest := maps.Clone(element)
			delete(rest, key)
			return pointer, rest, nil
		}
	}
	return nil, nil, left("only a merge of the element itself, by name: \"{{ element.name }}\", is rewritten in a foreach")
}
