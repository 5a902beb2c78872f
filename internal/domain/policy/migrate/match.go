package migrate

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// matchOf rewrites match and exclude: kinds become resource rules, the only
// selectors of a rule become selectors, everything else a match condition.
func matchOf(rule kyvernov1.Rule) (*admissionregistrationv1.MatchResources, []admissionregistrationv1.MatchCondition, error) {
	filters, every := filtersOf(rule.Match)
	if len(filters) == 0 {
		return nil, nil, left("it matches nothing")
	}
	matched := &admissionregistrationv1.MatchResources{}
	var wanted []string
	for _, filter := range filters {
		rules, err := resourceRules(filter.Resources)
		if err != nil {
			return nil, nil, err
		}
		matched.ResourceRules = merged(matched.ResourceRules, rules)
		condition, err := filterOf(filter, len(filters) > 1)
		if err != nil {
			return nil, nil, err
		}
		wanted = append(wanted, condition)
	}
	if len(filters) == 1 {
		for _, selector := range []*metav1.LabelSelector{filters[0].Resources.NamespaceSelector, filters[0].Resources.Selector} {
			if text, err := json.Marshal(selector); err != nil || pattern.HasWildcard(string(text)) {
				return nil, nil, left("wildcards in selectors are not rewritten")
			}
		}
		matched.NamespaceSelector = filters[0].Resources.NamespaceSelector.DeepCopy()
		matched.ObjectSelector = filters[0].Resources.Selector.DeepCopy()
	}
	var conditions []admissionregistrationv1.MatchCondition
	if expression := joined(wanted, every); expression != "true" {
		conditions = append(conditions, admissionregistrationv1.MatchCondition{Name: "match", Expression: expression})
	}
	excluded, err := excludeOf(rule.Exclude)
	if err != nil || excluded == "" {
		return matched, conditions, err
	}
	return matched, append(conditions, admissionregistrationv1.MatchCondition{Name: "exclude", Expression: "!(" + excluded + ")"}), nil
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

func excludeOf(exclude *kyvernov1.MatchResources) (string, error) {
	if exclude == nil {
		return "", nil
	}
	filters, every := filtersOf(*exclude)
	var excluded []string
	for _, filter := range filters {
		condition, err := filterOf(filter, true)
		if err != nil {
			return "", fmt.Errorf("exclude: %w", err)
		}
		excluded = append(excluded, condition)
	}
	if len(excluded) == 0 {
		return "", nil
	}
	return joined(excluded, every), nil
}

func joined(conditions []string, every bool) string {
	if every {
		return and(conditions...)
	}
	return or(conditions...)
}

// filterOf is a filter as an expression. Kinds and selectors count only where
// the match constraints do not say them already.
func filterOf(f kyvernov1.ResourceFilter, whole bool) (string, error) {
	if len(f.Roles) > 0 || len(f.ClusterRoles) > 0 {
		return "", left("roles and clusterRoles have no like: match subjects, or say what they may with authorizer")
	}
	var all []string
	if whole {
		if f.Resources.Selector != nil || f.Resources.NamespaceSelector != nil {
			return "", left("selectors of one filter among several are not rewritten")
		}
		if kinds := kindsOf(f.Resources.Kinds); kinds != "" {
			all = append(all, kinds)
		}
	}
	if names := slices.Concat(f.Resources.Names, nonEmpty(f.Resources.Name)); len(names) > 0 {
		all = append(all, globs("object.metadata.?name.orValue(object.metadata.?generateName.orValue(''))", names))
	}
	if len(f.Resources.Namespaces) > 0 {
		all = append(all, globs("request.namespace", f.Resources.Namespaces))
	}
	for _, key := range sortedKeys(f.Resources.Annotations) {
		all = append(all, globs("object.metadata.?annotations["+`?`+quoted(key)+"].orValue('')", []string{f.Resources.Annotations[key]}))
	}
	if len(f.Subjects) > 0 {
		all = append(all, subjectsOf(f.UserInfo))
	}
	return and(all...), nil
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
			some = append(some, "request.userInfo.?groups.orValue([]).exists(g, "+globs("g", []string{subject.Name})+")")
		case "ServiceAccount":
			some = append(some, "request.userInfo.?username.orValue('') == "+quoted("system:serviceaccount:"+subject.Namespace+":"+subject.Name))
		default:
			some = append(some, globs("request.userInfo.?username.orValue('')", []string{subject.Name}))
		}
	}
	return or(some...)
}

func kindsOf(kinds []string) string {
	var some []string
	for _, kind := range kinds {
		name := kind[strings.LastIndex(kind, "/")+1:]
		if strings.Contains(name, "*") {
			return ""
		}
		some = append(some, "request.kind.kind == "+quoted(name))
	}
	if some == nil {
		return ""
	}
	return or(some...)
}

// kindPattern is "Kind", "version/Kind" or "group/version/Kind".
var kindPattern = regexp.MustCompile(`^(?:(?:([\w.*-]+)/)?([\w*]+)/)?([A-Z]\w*)$`)

// resourceRules are the rules for kinds of Kubernetes' own.
func resourceRules(d kyvernov1.ResourceDescription) ([]admissionregistrationv1.NamedRuleWithOperations, error) {
	operations := d.Operations
	if len(operations) == 0 {
		operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Create, admissionregistrationv1.Update}
	}
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
