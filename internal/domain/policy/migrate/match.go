package migrate

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// match rewrites match and exclude: kinds become resource rules, the only
// selectors of a rule become selectors, everything else a match condition. It
// returns when the rule is about the object before an update.
func (r *rewriting) match() (before string, err error) {
	filters, _ := filtersOf(r.rule.Match)
	if len(filters) == 0 {
		return "", at("match", left("it matches nothing"))
	}
	r.matched = &admissionregistrationv1.MatchResources{}
	for _, filter := range filters {
		rules, err := resourceRules(filter.Resources, r.operations(filter.Resources))
		if err != nil {
			return "", at("match", err)
		}
		r.matched.ResourceRules = merged(r.matched.ResourceRules, rules)
	}
	if len(r.matched.ResourceRules[0].Operations) == 0 {
		return "", at("match", left("it judges none of its operations"))
	}
	native := len(filters) == 1 && (r.rule.Mutate != nil || len(r.makers) == 0)
	if native {
		r.matched.NamespaceSelector = filters[0].Resources.NamespaceSelector.DeepCopy()
		r.matched.ObjectSelector = filters[0].Resources.Selector.DeepCopy()
	}
	if r.rule.Mutate == nil {
		debugging(r.matched)
	}
	now, err := r.selected(r.now, native)
	if err != nil {
		return "", err
	}
	old, err := r.selected(r.gone, native)
	if err != nil {
		return "", err
	}
	if expression := r.either(now, old); expression != "true" {
		r.conditions = append(r.conditions, admissionregistrationv1.MatchCondition{Name: "match", Expression: expression})
	}
	return r.selected(r.before, false)
}

// selected tells whether the blocks select an object. Native tells that the match
// constraints say the selectors of the match block already.
func (r *rewriting) selected(a about, native bool) (string, error) {
	wanted, err := a.blockOf(r.rule.Match, !native, false)
	if err != nil {
		return "", at("match", err)
	}
	if r.rule.Exclude == nil {
		return wanted, nil
	}
	excluded, err := a.blockOf(*r.rule.Exclude, true, true)
	return cel.And(wanted, cel.Not(excluded)), at("exclude", err)
}

// either tells whether the blocks select the new object or the one before: nobody
// escapes a rule by changing labels. What no update changes is asked once.
func (r *rewriting) either(now, old string) string {
	changes := strings.Contains(now, "labels") || strings.Contains(now, "annotations")
	switch {
	case now == old:
		return now
	case changes && r.deletes:
		return "object != null && (" + now + ") || oldObject != null && (" + old + ")"
	case changes:
		return "(" + now + ") || oldObject != null && (" + old + ")"
	case r.deletes:
		return "request.operation == 'DELETE' ? (" + old + ") : (" + now + ")"
	}
	return now
}

// operations are those of a filter that the rule says something of.
func (r *rewriting) operations(d kyvernov1.ResourceDescription) []admissionregistrationv1.OperationType {
	operations := d.Operations
	if len(operations) == 0 {
		operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete}
	}
	return slices.DeleteFunc(slices.Clone(operations), func(operation admissionregistrationv1.OperationType) bool {
		return operation == admissionregistrationv1.Delete && !r.deletes || operation == admissionregistrationv1.Connect
	})
}

// debugging adds the containers that are put into running Pods, which the old form
// judges as it does the others.
func debugging(matched *admissionregistrationv1.MatchResources) {
	const resource = "pods/ephemeralcontainers"
	for i, rule := range matched.ResourceRules {
		if slices.Equal(rule.APIGroups, []string{""}) && slices.Contains(rule.Resources, "pods") && slices.Contains(rule.Operations, admissionregistrationv1.Update) {
			matched.ResourceRules[i].Resources = append(slices.Clone(rule.Resources), resource)
		}
	}
}

// filtersOf are the filters of a match block, and whether all must hold.
func filtersOf(m kyvernov1.MatchResources) ([]kyvernov1.ResourceFilter, bool) {
	switch {
	case len(m.Any) > 0:
		return m.Any, false
	case len(m.All) > 0:
		return m.All, true
	}
	if len(m.Resources.Kinds) == 0 && m.Resources.Name == "" && len(m.Resources.Names) == 0 && len(m.Resources.Namespaces) == 0 {
		return nil, true
	}
	return []kyvernov1.ResourceFilter{{UserInfo: m.UserInfo, Resources: m.Resources}}, true
}

// blockOf tells whether a block selects the object. What kinds the match block
// names, the resource rules say, where it has one filter.
func (a about) blockOf(block kyvernov1.MatchResources, selectors, exclude bool) (string, error) {
	filters, every := filtersOf(block)
	if len(filters) == 0 && exclude {
		return "false", nil
	}
	var selected []string
	for i, filter := range filters {
		condition, err := a.filter(filter, exclude || len(filters) > 1, selectors)
		if err != nil {
			return "", at(placeOf(block, i), err)
		}
		selected = append(selected, condition)
	}
	if every {
		return cel.And(selected...), nil
	}
	return cel.Or(selected...), nil
}

// placeOf is the field of a block's i-th filter; empty where it is the block itself.
func placeOf(block kyvernov1.MatchResources, i int) string {
	switch {
	case len(block.Any) > 0:
		return pathAt("any", i)
	case len(block.All) > 0:
		return pathAt("all", i)
	}
	return ""
}

// filter is a filter as an expression. Kinds and selectors count only where the
// match constraints do not say them already.
func (a about) filter(f kyvernov1.ResourceFilter, kinds, selectors bool) (string, error) {
	if len(f.Roles) > 0 || len(f.ClusterRoles) > 0 {
		return "", left("roles and clusterRoles have no like: match subjects, or say what they may with authorizer")
	}
	metadata := a.object + ".metadata"
	var all []string
	if kinds {
		all = append(all, kindsOf(f.Resources.Kinds), a.operated(f.Resources.Operations))
	}
	if selectors {
		labels, err := selectorOf(metadata+".?labels", f.Resources.Selector)
		if err != nil {
			return "", at("resources.selector", err)
		}
		namespaces, err := selectorOf("namespaceObject.metadata.?labels", f.Resources.NamespaceSelector)
		if err != nil {
			return "", at("resources.namespaceSelector", err)
		}
		if namespaces != "true" {
			namespaces = "namespaceObject != null && " + namespaces
		}
		all = append(all, labels, namespaces)
	}
	if names := slices.Concat(f.Resources.Names, nonEmpty(f.Resources.Name)); len(names) > 0 {
		all = append(all, cel.Globs(metadata+".?name.orValue("+metadata+".?generateName.orValue(''))", names))
	}
	if len(f.Resources.Namespaces) > 0 {
		all = append(all, cel.Globs("request.?namespace.orValue('')", f.Resources.Namespaces))
	}
	for _, key := range cel.Keys(f.Resources.Annotations) {
		all = append(all, cel.Globs(cel.Optional(metadata+".?annotations", key)+".orValue('')", []string{f.Resources.Annotations[key]}))
	}
	if len(f.Subjects) > 0 {
		all = append(all, subjectsOf(f.UserInfo))
	}
	return cel.And(all...), nil
}

// operated tells whether the operation is one of those that a filter names.
func (a about) operated(wanted []admissionregistrationv1.OperationType) string {
	operation := a.names.Fields["request"].Fields["operation"]
	var names []string
	for _, one := range wanted {
		names = append(names, string(one))
	}
	switch {
	case len(names) == 0:
		return "true"
	case operation.Constant:
		return strconv.FormatBool(slices.Contains(names, strings.Trim(operation.Text, "'")))
	}
	return cel.Globs(operation.Text, names)
}

func nonEmpty(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

func subjectsOf(user kyvernov1.UserInfo) string {
	var some []string
	for _, subject := range user.Subjects {
		switch subject.Kind {
		case "Group":
			some = append(some, "request.userInfo.?groups.orValue([]).exists(g, "+cel.Globs("g", []string{subject.Name})+")")
		case "ServiceAccount":
			some = append(some, "request.userInfo.?username.orValue('') == "+cel.Quoted("system:serviceaccount:"+subject.Namespace+":"+subject.Name))
		default:
			some = append(some, cel.Globs("request.userInfo.?username.orValue('')", []string{subject.Name}))
		}
	}
	return cel.Or(some...)
}

func kindsOf(kinds []string) string {
	var some []string
	for _, kind := range kinds {
		name := kind[strings.LastIndex(kind, "/")+1:]
		if strings.Contains(name, "*") {
			return "true"
		}
		some = append(some, "request.kind.kind == "+cel.Quoted(name))
	}
	if some == nil {
		return "true"
	}
	return cel.Or(some...)
}

// kindPattern is "Kind", "version/Kind" or "group/version/Kind".
var kindPattern = regexp.MustCompile(`^(?:(?:([\w.*-]+)/)?([\w*]+)/)?([A-Z]\w*)$`)

// resourceRules are the rules for kinds of Kubernetes' own.
func resourceRules(d kyvernov1.ResourceDescription, operations []admissionregistrationv1.OperationType) ([]admissionregistrationv1.NamedRuleWithOperations, error) {
	var rules []admissionregistrationv1.NamedRuleWithOperations
	for _, kind := range d.Kinds {
		parts := kindPattern.FindStringSubmatch(kind)
		if parts == nil {
			return nil, left("kind %q: wildcards and subresources are not rewritten; name the resources", kind)
		}
		known := builtin(parts[1], parts[2], parts[3])
		if len(known) == 0 {
			return nil, left("kind %q is none of Kubernetes' own: its resource's name is not known", kind)
		}
		for _, gvk := range known {
			resource, _ := meta.UnsafeGuessKindToResource(gvk)
			rules = append(rules, admissionregistrationv1.NamedRuleWithOperations{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
				Operations: operations,
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{gvk.Group}, APIVersions: []string{gvk.Version}, Resources: []string{resource.Resource}},
			}})
		}
	}
	return rules, nil
}

// builtin are the stable versions of a kind of Kubernetes' own that a pattern
// of group and version, either of which may be "*" or empty, selects.
func builtin(group, version, kind string) []schema.GroupVersionKind {
	selects := func(pattern, value string) bool { return pattern == "" || pattern == "*" || pattern == value }
	return slices.DeleteFunc(scenario.Stable(kind), func(k schema.GroupVersionKind) bool {
		return !selects(group, k.Group) || !selects(version, k.Version)
	})
}

// merged adds rules, resources of one group, version and operations together.
func merged(rules, more []admissionregistrationv1.NamedRuleWithOperations) []admissionregistrationv1.NamedRuleWithOperations {
	for _, rule := range more {
		at := slices.IndexFunc(rules, func(r admissionregistrationv1.NamedRuleWithOperations) bool {
			return slices.Equal(r.APIGroups, rule.APIGroups) && slices.Equal(r.APIVersions, rule.APIVersions) && slices.Equal(r.Operations, rule.Operations)
		})
		switch {
		case at < 0:
			rules = append(rules, rule)
		case !slices.Contains(rules[at].Resources, rule.Resources[0]):
			rules[at].Resources = append(rules[at].Resources, rule.Resources...)
		}
	}
	return rules
}
