package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	policyrbac "github.com/roadbed-dev/roadbed/internal/domain/policy/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/rbac"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// toInstall is what to do about most of what is missing.
const toInstall = "call \"roadbed install --apply\" as a cluster admin"

// guardProbe is the name of a namespace that doctor tries to make, as a dry run.
const guardProbe = "roadbed-doctor-probe"

// guards checks that every guard is there as this program has it, and tries the
// first of the core ones.
func (e examination) guards(ctx context.Context) []finding {
	static, held := e.tryGuard(ctx)
	if held.Verdict != verdictOK && held.Verdict != verdictWarn {
		static = false
	}
	const check = "guards installed"
	var missing, changed []string
	for _, guard := range guards.All() {
		if static && guard.Core {
			continue
		}
		for _, want := range guard.Objects {
			live, err := manifest.Live(ctx, e.client, want)
			switch {
			case err != nil:
				return []finding{held, undecided(check, err)}
			case live == nil && guard.Gate == "":
				missing = append(missing, manifest.Title(want))
			case live != nil && !manifest.Contains(live, want):
				changed = append(changed, manifest.Title(want))
			}
		}
	}
	return []finding{held, guardFinding(check, missing, changed)}
}

// guardFinding sums up what is missing and what is not as this program has it.
func guardFinding(check string, missing, changed []string) finding {
	switch {
	case len(missing) > 0:
		return fail(check, "missing: "+strings.Join(missing, ", "), toInstall)
	case len(changed) > 0:
		return warn(check, "not as this program installs them by default: "+strings.Join(changed, ", "),
			"in order where the platform's namespaces have other names; otherwise "+toInstall)
	default:
		return ok(check, "all are there, as this program has them")
	}
}

// tryGuard tries what a core guard must refuse and says who refused it: the
// guard from the API server's files, or the one that was made through the API.
func (e examination) tryGuard(ctx context.Context) (static bool, held finding) {
	const check = "guards hold"
	forged := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: guardProbe, Labels: map[string]string{tenancyv1.LabelTenant: guardProbe},
	}}
	err := e.client.Create(ctx, forged, client.DryRunAll)
	switch {
	case err == nil:
		return false, fail(check, "anybody who may make namespaces may forge a tenant's labels", toInstall)
	case strings.Contains(err.Error(), "roadbed-platform-labels.static.k8s.io"):
		return true, ok(check, "Mandatory, from the API server's own files: no request removes them")
	case strings.Contains(err.Error(), "roadbed-platform-labels"):
		return false, warn(check, "Mandatory, API-deletable: whoever may delete admission policies removes them",
			"where the API server's files are yours, give it the core guards as static manifests (Kubernetes 1.37)")
	default:
		return false, undecided(check, err)
	}
}

// permissions asks the cluster about each right that Roadbed's roles list.
func (e examination) permissions(ctx context.Context) []finding {
	const check = "Roadbed's permissions"
	rights := neededRights()
	denied := make([]string, len(rights))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for i, right := range rights {
		group.Go(func() error {
			review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
				User: identity.Roadbed, Groups: identity.RoadbedGroups(), ResourceAttributes: &right,
			}}
			if err := e.client.Create(ctx, review); err != nil {
				return err
			}
			if !review.Status.Allowed {
				denied[i] = right.Verb + " " + rightName(right)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return []finding{undecided(check, err)}
	}
	denied = slices.DeleteFunc(denied, func(d string) bool { return d == "" })
	if len(denied) > 0 {
		return []finding{fail(check, fmt.Sprintf("%d of %d rights are missing, such as %s", len(denied), len(rights), denied[0]), toInstall)}
	}
	return []finding{ok(check, fmt.Sprintf("all %d rights of the roles roadbed:controller and roadbed:policies", len(rights)))}
}

func rightName(right authorizationv1.ResourceAttributes) string {
	name := right.Resource
	if right.Subresource != "" {
		name += "/" + right.Subresource
	}
	if right.Group != "" {
		name += "." + right.Group
	}
	return name
}

// neededRights are those of Roadbed's own cluster roles.
func neededRights() []authorizationv1.ResourceAttributes {
	var rights []authorizationv1.ResourceAttributes
	for _, object := range slices.Concat(rbac.Objects(), policyrbac.Objects()) {
		role, ok := object.(*rbacv1.ClusterRole)
		if !ok || role.Name != "roadbed:controller" && role.Name != "roadbed:policies" {
			continue
		}
		for _, rule := range role.Rules {
			rights = append(rights, rightsOf(rule)...)
		}
	}
	return rights
}

// rightsOf takes a rule apart: each verb on each resource of each group.
func rightsOf(rule rbacv1.PolicyRule) []authorizationv1.ResourceAttributes {
	rights := []authorizationv1.ResourceAttributes{{}}
	rights = times(rights, rule.APIGroups, func(r *authorizationv1.ResourceAttributes, group string) { r.Group = group })
	rights = times(rights, rule.Resources, func(r *authorizationv1.ResourceAttributes, resource string) {
		r.Resource, r.Subresource, _ = strings.Cut(resource, "/")
	})
	rights = times(rights, rule.Verbs, func(r *authorizationv1.ResourceAttributes, verb string) { r.Verb = verb })
	if len(rule.ResourceNames) > 0 {
		rights = times(rights, rule.ResourceNames, func(r *authorizationv1.ResourceAttributes, name string) { r.Name = name })
	}
	return rights
}

// times repeats the rights for each value.
func times(rights []authorizationv1.ResourceAttributes, values []string, set func(*authorizationv1.ResourceAttributes, string)) []authorizationv1.ResourceAttributes {
	product := make([]authorizationv1.ResourceAttributes, 0, len(rights)*len(values))
	for _, right := range rights {
		for _, value := range values {
			set(&right, value)
			product = append(product, right)
		}
	}
	return product
}

// tiers says whether there is a tier for a tenant to name.
func (e examination) tiers(ctx context.Context) []finding {
	const check = "tiers"
	var list tenancyv1.TierList
	if err := e.client.List(ctx, &list); err != nil {
		return []finding{undecided(check, err)}
	}
	if len(list.Items) == 0 {
		return []finding{fail(check, "none, so no tenant can name one", toInstall)}
	}
	names := make([]string, len(list.Items))
	for i, t := range list.Items {
		names[i] = t.Name
	}
	return []finding{ok(check, strings.Join(names, ", "))}
}

// controllers says whether somebody looks after Roadbed's objects: each has been
// seen in its present generation.
func (e examination) controllers(ctx context.Context) []finding {
	const check = "controllers"
	var tenants tenancyv1.TenantList
	if err := e.client.List(ctx, &tenants); err != nil {
		return []finding{undecided(check, err)}
	}
	var tiers tenancyv1.TierList
	if err := e.client.List(ctx, &tiers); err != nil {
		return []finding{undecided(check, err)}
	}
	behind, unready := 0, 0
	for i := range tenants.Items {
		t := &tenants.Items[i]
		switch {
		case t.Status.ObservedGeneration < t.Generation:
			behind++
		case !listing.IsReady(t):
			unready++
		}
	}
	for i := range tiers.Items {
		if t := &tiers.Items[i]; t.Status.ObservedGeneration < t.Generation {
			behind++
		}
	}
	switch {
	case behind > 0:
		return []finding{warn(check, verb.Count(behind, "object")+" not yet seen by a controller",
			"when this stays, no server runs: \"roadbed up\", \"roadbed server\", or the Deployment of \"roadbed install\"")}
	case unready > 0:
		return []finding{warn(check, fmt.Sprintf("%d of %s not Ready", unready, verb.Count(len(tenants.Items), "tenant")),
			"\"roadbed tenant list -o wide\" says why")}
	}
	return []finding{ok(check, fmt.Sprintf("%s and %s are looked after", verb.Count(len(tenants.Items), "tenant"), verb.Count(len(tiers.Items), "tier")))}
}
