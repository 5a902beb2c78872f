package account

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// closedGroups are API groups that no capability gets rights in: who has them
// could give himself more.
var closedGroups = []string{
	"rbac.authorization.k8s.io", "admissionregistration.k8s.io", "authentication.k8s.io",
	"authorization.k8s.io", "certificates.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io",
}

// closedResources are resources of the core group that no capability gets rights
// in: they are the tenant's isolation, or ways to act as others.
var closedResources = []string{"serviceaccounts", "namespaces", "nodes", "resourcequotas", "limitranges", "bindings", "persistentvolumes"}

// Check finds what permissions ask for beyond what a capability may have. The
// native rules say the same of roles; here it is told by field, before a claim
// meets it.
func Check(permissions []v1alpha1.Permission) error {
	var found []error
	add := func(i int, format string, args ...any) {
		found = append(found, fmt.Errorf("provisioner.permissions[%d]: %s", i, fmt.Sprintf(format, args...)))
	}
	for i, each := range permissions {
		for _, group := range each.APIGroups {
			if group == "*" || slices.Contains(closedGroups, group) || group == "roadbed.dev" || strings.HasSuffix(group, ".roadbed.dev") {
				add(i, "rights in API group %q could be used to get further rights: name the groups of the objects that are provisioned", group)
			}
		}
		for _, resource := range each.Resources {
			switch {
			case strings.ContainsAny(resource, "*/"):
				add(i, "resource %q reaches beyond objects: name whole resources, without * and subresources", resource)
			case slices.Contains(each.APIGroups, "") && slices.Contains(closedResources, resource):
				add(i, "resource %q is part of the tenant's isolation: no capability may change it", resource)
			}
		}
		for _, verb := range each.Verbs {
			if !slices.Contains(usual, verb) {
				add(i, "verb %q is none of %s", verb, strings.Join(usual, ", "))
			}
		}
	}
	return errors.Join(found...)
}
