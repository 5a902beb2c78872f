package exceptions

import (
	"fmt"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	kyvernov2 "github.com/roadbed-dev/roadbed/api/kyverno/v2"
	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
)

// legacyScopes are what a match block covers: each filter of any by itself. An
// override cannot say that several filters hold at once, so that of all the
// first is taken.
func (d *draft) legacyScopes(match kyvernov2.MatchResources) []scope {
	filters := match.Any
	if len(match.All) > 0 {
		filters = match.All[:1]
		if len(match.All) > 1 || len(match.Any) > 0 {
			d.drop("match.all joins several filters, of which an override keeps the first")
		}
	}
	if len(filters) == 0 {
		return []scope{{}}
	}
	var scopes []scope
	for _, filter := range filters {
		scopes = append(scopes, d.scopesOf(filter)...)
	}
	return scopes
}

// scopesOf are the scopes of one filter: one for each namespace, because an
// override lives with the tenant it is for.
func (d *draft) scopesOf(filter kyvernov1.ResourceFilter) []scope {
	if len(filter.Roles)+len(filter.ClusterRoles)+len(filter.Subjects) > 0 {
		d.drop("roles, clusterRoles and subjects narrow the exception to people, which an override does not")
	}
	r := filter.Resources
	d.dropSelectors(r)
	common := v1alpha1.OverrideScope{Kinds: d.kinds(r.Kinds), Names: names(r)}
	var scopes []scope
	for _, namespace := range r.Namespaces {
		if hasWildcard(namespace) {
			d.drop(fmt.Sprintf("namespace %q is a pattern: the platform team's override covers every namespace", namespace))
			return []scope{{OverrideScope: common}}
		}
		scopes = append(scopes, scope{namespace, common})
	}
	if len(scopes) == 0 {
		return []scope{{OverrideScope: common}}
	}
	return scopes
}

func (d *draft) dropSelectors(r kyvernov1.ResourceDescription) {
	for _, each := range []struct {
		there bool
		what  string
	}{
		{r.Selector != nil, "selector narrows the exception by labels, which an override does not"},
		{r.NamespaceSelector != nil, "namespaceSelector narrows the exception by the labels of namespaces, which an override does not"},
		{len(r.Annotations) > 0, "annotations narrow the exception, which they do not for an override"},
		{len(r.Operations) > 0, "operations narrow the exception, and an override holds for all"},
	} {
		if each.there {
			d.drop(each.what)
		}
	}
}

// names are the patterns of names; "*" does not narrow.
func names(r kyvernov1.ResourceDescription) []string {
	all := r.Names
	if r.Name != "" {
		all = append([]string{r.Name}, all...)
	}
	var patterns []string
	for _, name := range all {
		if name == "*" {
			return nil
		}
		patterns = append(patterns, name)
	}
	return unique(patterns)
}

// kinds are the kinds as an override names them.
func (d *draft) kinds(list []string) []string {
	var kinds []string
	for _, each := range list {
		kind, ok := kindOf(each)
		if !ok {
			d.drop(fmt.Sprintf("kind %q is a pattern or a subresource: every kind is waived", each))
			return nil
		}
		if kind == "*" {
			return nil
		}
		kinds = append(kinds, kind)
	}
	return unique(kinds)
}

// kindOf reads Kind, version/Kind and group/version/Kind, in which group and
// version may be *.
func kindOf(text string) (string, bool) {
	parts := strings.Split(text, "/")
	kind := parts[len(parts)-1]
	switch {
	case kind == "*" && len(parts) == 1:
		return kind, true
	case hasWildcard(kind) || kind == "" || kind[0] < 'A' || kind[0] > 'Z' || len(parts) > 3:
		return "", false
	case len(parts) == 3 && parts[0] != "*":
		return kind + "." + parts[0], !hasWildcard(parts[0])
	}
	return kind, true
}
