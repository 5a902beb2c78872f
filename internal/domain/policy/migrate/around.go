package migrate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// Around are trees of the fields and values that a rule names, for Prove.
func Around(rule kyvernov1.Rule) []any {
	var trees []any
	for _, raw := range sourcesOf(rule) {
		tree, err := raw.Value()
		if err != nil {
			continue // it did not compile either
		}
		if list, ok := tree.([]any); ok {
			trees = append(trees, list...)
		} else {
			trees = append(trees, tree)
		}
		trees = append(trees, named(string(raw.Raw))...)
	}
	return trees
}

func sourcesOf(rule kyvernov1.Rule) []*kyvernov1.JSON {
	var sources []*kyvernov1.JSON
	add := func(raw *kyvernov1.JSON) {
		if raw != nil {
			sources = append(sources, raw)
		}
	}
	add(rule.Preconditions)
	if v := rule.Validate; v != nil {
		add(v.Pattern)
		add(v.AnyPattern)
		if v.Deny != nil {
			add(v.Deny.Conditions)
		}
		if v.CEL != nil {
			for _, validation := range v.CEL.Expressions {
				add(&kyvernov1.JSON{Raw: fmt.Appendf(nil, "%q", paths(validation.Expression))})
			}
		}
		for _, loop := range v.ForEach {
			add(&kyvernov1.JSON{Raw: []byte(`"{{ ` + loop.List + ` }}"`)})
			add(below(loop.List, loop.Pattern))
			add(loop.Pattern)
			if loop.Deny != nil {
				add(ofElements(loop.List, loop.Deny.Conditions))
			}
		}
	}
	if rule.Mutate != nil {
		add(rule.Mutate.PatchStrategicMerge)
	}
	for _, subject := range subjectsIn(rule) { // names of users are values as others are
		add(&kyvernov1.JSON{Raw: fmt.Appendf(nil, `{"metadata": {"annotations": {"by": %q}}}`, name(subject))})
	}
	for _, check := range rule.VerifyImages {
		for _, glob := range check.ImageReferences {
			add(&kyvernov1.JSON{Raw: fmt.Appendf(nil, `{"spec": {"containers": [{"image": %q}]}}`, glob)})
		}
	}
	return sources
}

// below is a pattern for the elements of a list where the list is.
func below(list string, elements *kyvernov1.JSON) *kyvernov1.JSON {
	path, ok := strings.CutPrefix(strings.TrimSuffix(strings.TrimSpace(list), "[]"), "request.object.")
	if !ok || elements == nil || strings.ContainsAny(path, "[]|@ ") {
		return nil
	}
	raw := "[" + string(elements.Raw) + "]"
	parts := strings.Split(path, ".")
	for _, part := range slices.Backward(parts) {
		raw = fmt.Sprintf("{%q: %s}", part, raw)
	}
	return &kyvernov1.JSON{Raw: []byte(raw)}
}

// ofElements are conditions on elements, said of the list.
func ofElements(list string, conditions *kyvernov1.JSON) *kyvernov1.JSON {
	if conditions == nil {
		return nil
	}
	return &kyvernov1.JSON{Raw: []byte(strings.ReplaceAll(string(conditions.Raw), "element.", strings.TrimSuffix(strings.TrimSpace(list), "[]")+"[]."))}
}

// optionalField is a field in CEL that may be absent.
var optionalField = regexp.MustCompile(`\.\?(\w)`)

// called is a function of CEL at the end of a path.
var called = regexp.MustCompile(`\.\w+\(`)

// paths are the paths in an expression of CEL, as those of JMESPath are written.
func paths(expression string) string {
	expression = optionalField.ReplaceAllString(expression, ".$1")
	return strings.ReplaceAll(called.ReplaceAllString(expression, " ("), "object.", "request.object.")
}

func subjectsIn(rule kyvernov1.Rule) []rbacv1.Subject {
	filters, _ := filtersOf(rule.Match)
	if rule.Exclude != nil {
		more, _ := filtersOf(*rule.Exclude)
		filters = append(slices.Clone(filters), more...)
	}
	var subjects []rbacv1.Subject
	for _, filter := range filters {
		subjects = append(subjects, filter.Subjects...)
	}
	return subjects
}

// name is a subject as the API server calls it.
func name(subject rbacv1.Subject) string {
	if subject.Kind == rbacv1.ServiceAccountKind {
		return "system:serviceaccount:" + subject.Namespace + ":" + subject.Name
	}
	return subject.Name
}

// objectPath is a path into the object in an expression.
var objectPath = regexp.MustCompile(`request\.object((?:\.[A-Za-z_]\w*|\."?\\?"?[\w./-]+\\?"?|\[\]|\[\d+\])+)`)

// named are trees of the paths that expressions name.
func named(text string) []any {
	var trees []any
	for _, found := range objectPath.FindAllStringSubmatch(strings.ReplaceAll(text, `\"`, `"`), -1) {
		trees = append(trees, treeOf(found[1]))
	}
	return trees
}

// treeOf is a tree with one path.
func treeOf(path string) any {
	parts := segment.FindStringSubmatch(path)
	if parts == nil {
		return "*"
	}
	rest := treeOf(path[len(parts[0]):])
	if parts[3] != "" || parts[4] != "" {
		return []any{rest}
	}
	return map[string]any{parts[1] + parts[2]: rest}
}
