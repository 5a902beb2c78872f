package proof

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
)

// Around are trees of the fields and values that a rule names, for Prove.
func Around(rule kyvernov1.Rule) []any {
	s := newSeeker()
	a := &around{}
	for _, entry := range rule.Context {
		if v := entry.Variable; v != nil {
			s = s.with(entry.Name, a.variable(s, v))
		}
	}
	a.conditions(s, rule.Preconditions)
	a.validation(s, rule.Validate)
	a.mutation(s, rule.Mutate)
	for _, subject := range subjectsIn(rule) { // names of users are values as others are
		a.value(name(subject))
	}
	a.selected(rule)
	for _, check := range rule.VerifyImages {
		for _, glob := range check.ImageReferences {
			a.trees = append(a.trees, place{"spec", "containers", each, "image"}.tree(glob))
		}
	}
	return a.trees
}

// around collects trees.
type around struct{ trees []any }

// value is a value that fields may have.
func (a *around) value(v any) {
	a.trees = append(a.trees, map[string]any{"metadata": map[string]any{"annotations": map[string]any{"by": v}}})
}

// at are values at places; what is in lists, one by one.
func (a *around) at(places []place, v any) {
	if list, ok := v.([]any); ok {
		for _, one := range list {
			a.at(places, one)
		}
		return
	}
	if text, ok := v.(string); ok && strings.Contains(text, "{{") {
		v = "*"
	}
	for _, p := range longest(places) {
		a.trees = append(a.trees, p.tree(v))
	}
	a.value(v)
}

func (a *around) variable(s *seeker, v *kyvernov1.Variable) value {
	if v.Value == nil {
		inner := &seeker{names: s.names}
		found := inner.query(v.JMESPath)
		a.at(inner.found, "*")
		return found
	}
	known, err := v.Value.Value()
	if err != nil {
		return value{}
	}
	a.value(known)
	if list, ok := known.([]any); ok {
		for _, one := range list {
			a.value(one)
		}
	}
	text, _ := known.(string)
	found := s.text(text)
	found.wanted = []any{known}
	return found
}

// conditions are places that conditions look at, with what they compare with.
func (a *around) conditions(s *seeker, raw *kyvernov1.JSON) {
	if raw == nil {
		return
	}
	var blocks kyvernov1.AnyAllConditions
	if json.Unmarshal(raw.Raw, &blocks) != nil {
		_ = json.Unmarshal(raw.Raw, &blocks.All) // the old form, a list; anything else did not compile
	}
	a.blocks(s, &blocks)
}

func (a *around) blocks(s *seeker, blocks *kyvernov1.AnyAllConditions) {
	if blocks == nil {
		return
	}
	for _, c := range slices.Concat(blocks.Any, blocks.All) {
		key, keyErr := c.Key.Value()
		wanted, valueErr := c.Value.Value()
		if keyErr != nil || valueErr != nil {
			continue // it did not compile either
		}
		inner := &seeker{names: s.names, keys: append(textsIn(key), textsIn(wanted)...)}
		for _, side := range []any{key, wanted} {
			text, _ := side.(string)
			inner.text(text)
		}
		for _, one := range inner.literals {
			a.at(inner.found, exactly{one})
		}
		for _, one := range append(inner.wanted, key, wanted) {
			a.at(inner.found, one)
		}
	}
}

// textsIn are the texts of a value that are no variables.
func textsIn(v any) []string {
	switch v := v.(type) {
	case string:
		if v != "" && !strings.Contains(v, "{{") {
			return []string{v, v + "x"}
		}
	case []any:
		var all []string
		for _, one := range v {
			all = append(all, textsIn(one)...)
		}
		return all
	}
	return nil
}

func (a *around) validation(s *seeker, v *kyvernov1.Validation) {
	if v == nil {
		return
	}
	a.patterns([]place{{}}, v.Pattern, v.AnyPattern)
	if v.Deny != nil {
		a.conditions(s, v.Deny.Conditions)
	}
	if v.CEL != nil {
		for _, one := range v.CEL.Variables {
			a.trees = append(a.trees, named(paths(one.Expression))...)
		}
		for _, one := range v.CEL.Expressions {
			a.trees = append(a.trees, named(paths(one.Expression))...)
		}
	}
	said := &seeker{names: s.names}
	said.text(v.Message)
	a.at(said.found, "*")
	for _, loop := range v.ForEach {
		elements, inner := a.loop(s, loop.List, loop.Context, loop.Preconditions)
		a.patterns(elements, loop.Pattern, loop.AnyPattern)
		if loop.Deny != nil {
			a.conditions(inner, loop.Deny.Conditions)
		}
	}
}

// loop follows the head of a foreach.
func (a *around) loop(s *seeker, list string, context []kyvernov1.ContextEntry, preconditions *kyvernov1.AnyAllConditions) ([]place, *seeker) {
	sought := &seeker{names: s.names}
	elements := sought.query(list).below(each)
	a.at(append(sought.found, elements.places...), "*")
	inner := s.with("element", elements)
	for _, entry := range context {
		if v := entry.Variable; v != nil {
			inner = inner.with(entry.Name, a.variable(inner, v))
		}
	}
	a.blocks(inner, preconditions)
	return elements.places, inner
}

// patterns are trees as they are, or lists of them, below places.
func (a *around) patterns(places []place, raws ...*kyvernov1.JSON) {
	for _, raw := range raws {
		if raw == nil {
			continue
		}
		tree, err := raw.Value()
		if err != nil {
			continue // it did not compile either
		}
		list, ok := tree.([]any)
		if !ok {
			list = []any{tree}
		}
		for _, one := range list {
			for _, p := range places {
				a.trees = append(a.trees, p.tree(one))
			}
		}
	}
}

func (a *around) mutation(s *seeker, m *kyvernov1.Mutation) {
	if m == nil {
		return
	}
	a.patterns([]place{{}}, m.PatchStrategicMerge)
	a.patched(m.PatchesJSON6902)
	for _, loop := range m.ForEach {
		a.loop(s, loop.List, loop.Context, loop.Preconditions)
		a.patterns([]place{{}}, loop.PatchStrategicMerge)
		a.patched(loop.PatchesJSON6902)
	}
}

// index is a step of a JSON pointer that is the place of an element.
var index = regexp.MustCompile(`^(\d+|-|\{\{.*\}\})$`)

// patched are the places that JSON patches name.
func (a *around) patched(text string) {
	var patches []struct {
		Path  string `json:"path"`
		Value any    `json:"value"`
	}
	if text == "" || yaml.Unmarshal([]byte(text), &patches) != nil {
		return // what needs its variables first has places that conditions name
	}
	for _, patch := range patches {
		var p place
		for step := range strings.SplitSeq(strings.TrimPrefix(patch.Path, "/"), "/") {
			if index.MatchString(step) {
				step = each
			}
			p = append(p, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		}
		if patch.Value == nil {
			patch.Value = "*"
		}
		a.at([]place{p}, patch.Value)
	}
}

// optionalField is a field in CEL that may be absent.
var optionalField = regexp.MustCompile(`\.\?(\w)`)

// called is a function of CEL at the end of a path.
var called = regexp.MustCompile(`\.\w+\(`)

// paths are the paths in an expression of CEL, without functions.
func paths(expression string) string {
	return called.ReplaceAllString(optionalField.ReplaceAllString(expression, ".$1"), " (")
}

// objectPath is a path into the object in an expression of CEL.
var objectPath = regexp.MustCompile(`\bobject((?:\.[A-Za-z_]\w*|\["[^"]+"\]|\['[^']+'\]|\[\d+\])+)`)

// step is a part of such a path.
var step = regexp.MustCompile(`\.([A-Za-z_]\w*)|\[["']([^"']+)["']\]|\[(\d+)\]`)

// named are trees of the paths that an expression of CEL names.
func named(text string) []any {
	var trees []any
	for _, found := range objectPath.FindAllStringSubmatch(text, -1) {
		var p place
		for _, parts := range step.FindAllStringSubmatch(found[1], -1) {
			if parts[3] != "" {
				p = append(p, each)
			} else {
				p = append(p, parts[1]+parts[2])
			}
		}
		trees = append(trees, p.tree("*"))
	}
	return trees
}

// selected are the names, namespaces, labels and annotations that the blocks of a
// rule select.
func (a *around) selected(rule kyvernov1.Rule) {
	for _, filter := range filtersIn(rule) {
		d := filter.Resources
		for _, name := range append(slices.Clone(d.Names), d.Name) {
			if name != "" {
				a.trees = append(a.trees, place{"metadata", "name"}.tree(name))
			}
		}
		for _, name := range d.Namespaces {
			a.trees = append(a.trees, place{"metadata", "namespace"}.tree(name))
		}
		for _, key := range cel.Keys(d.Annotations) {
			a.trees = append(a.trees, place{"metadata", "annotations", key}.tree(d.Annotations[key]))
		}
		if d.Selector == nil {
			continue
		}
		for _, key := range cel.Keys(d.Selector.MatchLabels) {
			a.trees = append(a.trees, place{"metadata", "labels", key}.tree(d.Selector.MatchLabels[key]))
		}
		for _, wanted := range d.Selector.MatchExpressions {
			for _, value := range append(slices.Clone(wanted.Values), "*") {
				a.trees = append(a.trees, place{"metadata", "labels", wanted.Key}.tree(value))
			}
		}
	}
}

func filtersIn(rule kyvernov1.Rule) []kyvernov1.ResourceFilter {
	blocks := []kyvernov1.MatchResources{rule.Match}
	if rule.Exclude != nil {
		blocks = append(blocks, *rule.Exclude)
	}
	var filters []kyvernov1.ResourceFilter
	for _, block := range blocks {
		filters = append(filters, kyvernov1.ResourceFilter{UserInfo: block.UserInfo, Resources: block.Resources})
		filters = append(filters, slices.Concat(block.Any, block.All)...)
	}
	return filters
}

func subjectsIn(rule kyvernov1.Rule) []rbacv1.Subject {
	var subjects []rbacv1.Subject
	for _, filter := range filtersIn(rule) {
		subjects = append(subjects, filter.Subjects...)
	}
	return subjects
}

// name is a subject as the API server calls it.
func name(subject rbacv1.Subject) string {
	if subject.Kind == rbacv1.ServiceAccountKind {
		return fmt.Sprintf("system:serviceaccount:%s:%s", subject.Namespace, subject.Name)
	}
	return subject.Name
}
