package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
)

// builtIn are Kubernetes' own groups, each with its resources by kind. Nobody can
// add to them. Kinds that are sent and not stored are among them: they harm nobody.
func builtIn() map[string]map[string]string {
	groups := map[string]map[string]string{}
	for kind := range clientgoscheme.Scheme.AllKnownTypes() {
		if strings.HasSuffix(kind.Kind, "List") || kind.Version == "__internal" {
			continue
		}
		if groups[kind.Group] == nil {
			groups[kind.Group] = map[string]string{}
		}
		plural, _ := meta.UnsafeGuessKindToResource(kind)
		groups[kind.Group][kind.Kind] = plural.Resource
	}
	return groups
}

// kinds finds kinds of a legacy rule that nothing has.
func (c *checker) kinds(rule kyvernov1.Rule, at string) {
	c.kindsOf(rule.Name, at+".match.resources", rule.Match.Resources)
	for i, filter := range rule.Match.Any {
		c.kindsOf(rule.Name, fmt.Sprintf("%s.match.any[%d].resources", at, i), filter.Resources)
	}
	for i, filter := range rule.Match.All {
		c.kindsOf(rule.Name, fmt.Sprintf("%s.match.all[%d].resources", at, i), filter.Resources)
	}
}

func (c *checker) kindsOf(rule, field string, resources kyvernov1.ResourceDescription) {
	known := builtIn()
	for i, text := range resources.Kinds {
		selector, err := match.ParseKind(text)
		if err != nil || strings.ContainsAny(selector.Kind, "*?") {
			continue
		}
		at := fmt.Sprintf("%s.kinds[%d]", field, i)
		c.noKind(known, rule, at, selector)
		c.beyond(rule, at, selector)
	}
}

// noKind says that no kind is called so. A kind whose group is not said may be
// somebody's own, unless it is the plural of one of Kubernetes', or in other case.
func (c *checker) noKind(known map[string]map[string]string, rule, field string, selector match.KindSelector) {
	if group, ours := known[selector.Group]; ours {
		if _, there := group[selector.Kind]; !there {
			meant, _ := near(selector.Kind, group)
			c.find(Error, NeverFires, rule, field, "%s has no kind %q, so nothing is selected by it%s", groupName(selector.Group), selector.Kind, instead(meant))
		}
		return
	}
	all := map[string]string{}
	for _, group := range known {
		maps.Copy(all, group)
	}
	if _, there := all[selector.Kind]; there || selector.Group != "*" {
		return
	}
	meant, away := near(selector.Kind, all)
	switch {
	case meant == "":
	case away == 0:
		c.find(Error, NeverFires, rule, field, "no kind is called %q, so nothing is selected by it%s", selector.Kind, instead(meant))
	default:
		c.find(Warning, NeverFires, rule, field, "Kubernetes has no kind %q%s Of a kind of your own say the group too, as in group/version/Kind", selector.Kind, instead(meant))
	}
}

// resources finds resources of match constraints that nothing has.
func (c *checker) resources(constraints *admissionregistrationv1.MatchResources) {
	if constraints == nil {
		return
	}
	c.beyondOf(constraints)
	known := builtIn()
	for i, rule := range constraints.ResourceRules {
		served, closed := servedBy(known, rule.APIGroups)
		if !closed {
			continue
		}
		for j, resource := range rule.Resources {
			name, _, _ := strings.Cut(resource, "/")
			if strings.Contains(name, "*") || has(served, name) {
				continue
			}
			c.find(Error, NeverFires, "", fmt.Sprintf("spec.matchConstraints.resourceRules[%d].resources[%d]", i, j),
				"nothing in %s is called %q, so nothing is selected by it%s", groupName(strings.Join(rule.APIGroups, ", ")), name, elsewhere(known, name))
		}
	}
}

// servedBy are the resources by kind of some groups, and whether nobody can add
// to any of them.
func servedBy(known map[string]map[string]string, groups []string) (map[string]string, bool) {
	served := map[string]string{}
	for _, group := range groups {
		if known[group] == nil {
			return nil, false
		}
		maps.Copy(served, known[group])
	}
	return served, true
}

func has(served map[string]string, resource string) bool {
	for _, each := range served {
		if each == resource {
			return true
		}
	}
	return false
}

// elsewhere says where a resource is, or which one is spelt almost so.
func elsewhere(known map[string]map[string]string, name string) string {
	all := map[string]string{}
	var groups []string
	for group, kinds := range known {
		for _, resource := range kinds {
			all[resource] = resource
		}
		if has(kinds, name) {
			groups = append(groups, fmt.Sprintf("%q", group))
		}
	}
	if groups == nil {
		meant, _ := near(name, all)
		return instead(meant)
	}
	slices.Sort(groups)
	return "; its API group is " + strings.Join(groups, " or ")
}

func groupName(group string) string {
	if group == "" {
		return "the core group"
	}
	return group
}

func instead(meant string) string {
	if meant == "" {
		return ""
	}
	return "; is " + meant + " meant?"
}

// near is the name that a word is another spelling of, and how many letters are
// wrong: none for other case and for the resource of a kind. It is empty without
// one that is near; of several the first of the alphabet is taken.
func near(word string, names map[string]string) (string, int) {
	best, distance := "", 2
	if len(word) >= 8 {
		distance = 3
	}
	for name, resource := range names {
		away := apart(strings.ToLower(word), strings.ToLower(name))
		if strings.EqualFold(word, resource) {
			away = 0
		}
		if away < distance || away == distance && best != "" && name < best {
			best, distance = name, away
		}
	}
	return best, distance
}

// apart counts the letters to add, drop or replace between two words.
func apart(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
