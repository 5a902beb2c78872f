package override

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Waivers are the overrides in force, for whoever is not the API server. They
// are immutable and safe for concurrent use.
type Waivers struct {
	byPolicy map[string][]waiver
}

var _ policy.Waivers = (*Waivers)(nil)

// waiver is an entry of the ledger with its pattern compiled.
type waiver struct {
	v1alpha1.Waiver
	names *regexp.Regexp
}

// NewWaivers reads the ledger's spec. An error names an entry whose pattern is
// no regular expression; Compile writes none.
func NewWaivers(ledger v1alpha1.OverrideLedgerSpec) (*Waivers, error) {
	byPolicy := make(map[string][]waiver, len(ledger.Policies))
	for name, entries := range ledger.Policies {
		for _, entry := range entries {
			names, err := regexp.Compile(entry.Names)
			if err != nil {
				return nil, fmt.Errorf("ledger entry of override %q for policy %q: %w", entry.Override, name, err)
			}
			byPolicy[name] = append(byPolicy[name], waiver{entry, names})
		}
	}
	return &Waivers{byPolicy: byPolicy}, nil
}

// Waives returns "namespace/name" of the first override in force at the time
// that covers the rule for the request, or "".
func (w *Waivers) Waives(info policy.Info, rule string, r *policy.Request, now time.Time) string {
	for _, entry := range w.byPolicy[info.Name] {
		if len(entry.PodSecurity) == 0 && entry.holds(rule, r, now) {
			return entry.Override
		}
	}
	return ""
}

// Narrows returns the overrides in force at the time that take controls out of
// the rule for the request.
func (w *Waivers) Narrows(info policy.Info, rule string, r *policy.Request, now time.Time) []policy.Narrowing {
	var found []policy.Narrowing
	for _, entry := range w.byPolicy[info.Name] {
		if len(entry.PodSecurity) > 0 && entry.holds(rule, r, now) {
			found = append(found, policy.Narrowing{Name: entry.Override, Override: true, Controls: controlsOf(entry.PodSecurity)})
		}
	}
	return found
}

// controlsOf are the controls as rules exclude them.
func controlsOf(list []v1alpha1.PodSecurityControl) []kyvernov1.PodSecurityStandard {
	controls := make([]kyvernov1.PodSecurityStandard, len(list))
	for i, control := range list {
		controls[i] = kyvernov1.PodSecurityStandard(control)
	}
	return controls
}

func (w waiver) holds(rule string, r *policy.Request, now time.Time) bool {
	return w.concerns(rule) && w.covers(r) && now.Before(w.ExpiresAt.Time)
}

func (w waiver) concerns(rule string) bool {
	return len(w.Rules) == 0 || slices.ContainsFunc(namesOf(rule), func(name string) bool { return slices.Contains(w.Rules, name) })
}

func (w waiver) covers(r *policy.Request) bool {
	return (len(w.Tenants) == 0 || slices.Contains(w.Tenants, tenantOf(r))) &&
		(len(w.Namespaces) == 0 || slices.Contains(w.Namespaces, r.Namespace)) &&
		(len(w.Kinds) == 0 || slices.Contains(w.Kinds, r.Kind.Kind) || slices.Contains(w.Kinds, r.Kind.Kind+"."+r.Kind.Group)) &&
		w.names.MatchString(nameOf(r))
}

// tenantOf is the tenant of the request's namespace, "" for none. A Namespace
// is an object of the cluster.
func tenantOf(r *policy.Request) string {
	if r.Kind.Group == "" && r.Kind.Kind == "Namespace" {
		return ""
	}
	return r.NamespaceLabels()[tenancyv1alpha1.LabelTenant]
}

// nameOf is the name that patterns must match: while one is still to be
// generated, what it begins with.
func nameOf(r *policy.Request) string {
	if r.Name != "" {
		return r.Name
	}
	object := unstructured.Unstructured{Object: r.Object}
	if r.Operation == admissionv1.Delete || r.Object == nil {
		object.Object = r.OldObject
	}
	if name := object.GetName(); name != "" {
		return name
	}
	return object.GetGenerateName()
}
