package guards_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// advisory is a hole that another multi-tenancy platform had, told in Roadbed's
// terms. The attackers hold whatever rights the advisory presumes, so that
// nothing but the guard stands in their way.
type advisory struct {
	id    string
	story string
	// offences are the ways to get through that hole.
	offences []offence
}

func testAdvisories(t *testing.T, p *plane) {
	t.Parallel()
	s := stage(t, p, "advisories")
	s.presume(t)
	for _, a := range advisories() {
		t.Run(a.id, func(t *testing.T) {
			for _, who := range s.personas {
				t.Run(who.name, func(t *testing.T) {
					t.Parallel()
					for _, o := range a.offences {
						t.Run(o.name, func(t *testing.T) { judge(t, o, who.client, s) })
					}
				})
			}
		})
	}
}

// presume gives the personas the rights that the advisories presume, and puts
// an account of the platform with every right into their namespace.
func (s *scene) presume(t *testing.T) {
	t.Helper()
	name := s.tenant + "-presumed"
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"namespaces", "namespaces/status", "namespaces/finalize"}, Verbs: []string{"get", "create", "update", "patch", "delete"}},
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"tenants"}, Verbs: []string{"create"}},
		{APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{"businessunits"}, ResourceNames: []string{s.unit}, Verbs: []string{"onboard"}},
	}}
	create(t, s.admin, role, &rbacv1.ClusterRoleBinding{
		ObjectMeta: role.ObjectMeta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   s.binding("", "", "").Subjects,
	})
	create(t, s.roadbed, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: agent}})
	create(t, s.admin, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: s.tenant + "-agent"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: s.mine, Name: agent}},
	})
	for _, who := range s.personas {
		awaitRight(t, who.name, func() error { return patches(own, paint)(t.Context(), who.client, s) })
	}
}

// agent is the name of a service account of the platform in a tenant's namespace.
const agent = "roadbed-agent"

func advisories() []advisory {
	return []advisory{
		{
			id:       "CVE-2022-46167",
			story:    "whoever may patch his own namespace takes off what makes it the tenant's, and with it every guardrail",
			offences: strippingOnesOwnNamespace(),
		},
		{
			id:       "CVE-2023-46254",
			story:    "a namesake of another kind or namespace is taken for the owner",
			offences: beingANamesake(),
		},
		{
			id:       "CVE-2024-39690",
			story:    "a namespace that no tenant owns is taken over",
			offences: takingOverNamespaces(),
		},
		{
			id:       "CVE-2025-55205",
			story:    "labels are put on system namespaces, so that selectors take them for the tenant's",
			offences: labellingSystemNamespaces(),
		},
		{
			id:       "GHSA-2ww6-hf35-mfjm",
			story:    "namespaces/status and namespaces/finalize store metadata too, and nobody looks there",
			offences: goingThroughSubresources(),
		},
		{
			id:       "CVE-2026-22872",
			story:    "a privileged account of the platform makes cluster-scoped objects for the tenant",
			offences: []offence{{"by a token of the platform's account", "platform-accounts", becomesClusterAdmin(tokenByRequest), requestsDeployerToken}},
		},
		{
			id:       "CVE-2026-65835",
			story:    "the same, by the ways that the first fix forgot",
			offences: usingThePlatformsAccountOtherwise(),
		},
	}
}

func own(s *scene) client.Object { return namespaceNamed(s.mine) }

func namespaceNamed(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

// paint changes a label that nobody trusts.
const paint = `{"metadata":{"labels":{"colour":"blue"}}}`

func strippingOnesOwnNamespace() []offence {
	const guard = "platform-labels"
	control := patches(own, paint)
	deletes := func(ctx context.Context, c client.Client, s *scene) error {
		return c.Delete(ctx, own(s), client.DryRunAll)
	}
	return []offence{
		{"take off the tenant's label", guard, patches(own, `{"metadata":{"labels":{"tenancy.roadbed.dev/tenant":null}}}`), control},
		{"take off Roadbed's mark", guard, patches(own, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`), control},
		{"become another tenant's", guard, patches(own, `{"metadata":{"labels":{"tenancy.roadbed.dev/tenant":"other"}}}`), control},
		{"lower Pod Security", guard, patches(own, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`), control},
		{"pin an old Pod Security", guard, patches(own, `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce-version":"v1.0"}}}`), control},
		{"charge another cost centre", guard, patches(own, `{"metadata":{"labels":{"cost-center":"other"}}}`), control},
		{"grant oneself a peer", guard, patches(own, `{"metadata":{"annotations":{"tenancy.roadbed.dev/egress-cidrs":"0.0.0.0/0"}}}`), control},
		{"end a cordon before it begins", guard, patches(own, `{"metadata":{"annotations":{"tenancy.roadbed.dev/cordoned":"false"}}}`), control},
		{"add an owner to be collected with", guard, patches(own, `{"metadata":{"ownerReferences":[{"apiVersion":"v1","kind":"Namespace","name":"x","uid":"x"}]}}`), control},
		{"hold the namespace", guard, patches(own, `{"metadata":{"finalizers":["example.com/hold"]}}`), control},
		{"delete the namespace", guard, deletes, control},
	}
}

// beingANamesake is refused because bindings name the subject's kind and a
// service account's namespace; there is no guard to switch off.
func beingANamesake() []offence {
	reads := func(namespace func(*scene) string) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			return c.List(ctx, &corev1.ConfigMapList{}, client.InNamespace(namespace(s)))
		}
	}
	return []offence{{
		"read a namesake's tenant", byExactSubjects,
		reads(func(s *scene) string { return s.other }), reads(func(s *scene) string { return s.mine }),
	}}
}

func takingOverNamespaces() []offence {
	bystander := func(s *scene) client.Object { return namespaceNamed(s.bystander) }
	labelled := func(key, value string) deed {
		return creates(func(*scene) client.Object {
			return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "guards-claimed", Labels: map[string]string{key: value}}}
		})
	}
	adopts := func(name func(*scene) string) deed {
		return creates(func(s *scene) client.Object {
			tenant := s.describe("guards-adopter")
			tenant.Spec.Namespaces = []v1alpha1.TenantNamespace{{Name: "dev", Adopt: name(s)}}
			return tenant
		})
	}
	adoptsNone := adopts(func(*scene) string { return "" })
	return []offence{
		{"label it", "platform-labels", patches(bystander, `{"metadata":{"labels":{"tenancy.roadbed.dev/tenant":"mine"}}}`), patches(bystander, paint)},
		{"mark it", "platform-labels", patches(bystander, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":"roadbed"}}}`), patches(bystander, paint)},
		{"create it labelled", "platform-labels", labelled(v1alpha1.LabelTenant, "mine"), labelled("colour", "blue")},
		{"adopt it", "tenant-onboarding", adopts(func(s *scene) string { return s.bystander }), adoptsNone},
		{"adopt a neighbour's", "tenant-onboarding", adopts(func(s *scene) string { return s.other }), adoptsNone},
		{"adopt Kubernetes'", "tenant-onboarding", adopts(func(*scene) string { return "kube-system" }), adoptsNone},
	}
}

func labellingSystemNamespaces() []offence {
	var offences []offence
	for _, name := range []string{"kube-system", "default", "roadbed-system"} {
		system := func(*scene) client.Object { return namespaceNamed(name) }
		offences = append(offences, offence{
			"label " + name, "platform-labels",
			patches(system, `{"metadata":{"labels":{"tenancy.roadbed.dev/tenant":"mine"}}}`), patches(system, paint),
		})
	}
	return offences
}

func goingThroughSubresources() []offence {
	const guard = "platform-labels"
	status := func(name func(*scene) string, patch string) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			return c.Status().Patch(ctx, namespaceNamed(name(s)), mergePatch(patch), client.DryRunAll)
		}
	}
	finalize := func(name func(*scene) string, change func(*corev1.Namespace)) deed {
		return func(ctx context.Context, c client.Client, s *scene) error {
			ns := &corev1.Namespace{}
			if err := c.Get(ctx, client.ObjectKey{Name: name(s)}, ns); err != nil {
				return err
			}
			change(ns)
			return c.SubResource("finalize").Update(ctx, ns, client.DryRunAll)
		}
	}
	mine, bystander := func(s *scene) string { return s.mine }, func(s *scene) string { return s.bystander }
	fresh := func(s *scene) string { return s.fresh }
	set := func(key, value string) func(*corev1.Namespace) {
		return func(ns *corev1.Namespace) { ns.Labels[key] = value }
	}
	const claim = `{"metadata":{"labels":{"tenancy.roadbed.dev/tenant":"mine"}}}`
	const loosen = `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"privileged"}}}`
	const forge = `{"status":{"conditions":[{"type":"tenancy.roadbed.dev/Isolated","status":"True"}]}}`
	return []offence{
		{"take over by the status", guard, status(bystander, claim), status(bystander, paint)},
		{"loosen by the status", guard, status(mine, loosen), status(bystander, loosen)},
		{"forge isolation", guard, status(fresh, forge), nil},
		{"take over by finalize", guard, finalize(bystander, set(v1alpha1.LabelTenant, "mine")), finalize(bystander, set("colour", "blue"))},
		{"loosen by finalize", guard, finalize(mine, set("pod-security.kubernetes.io/enforce", "privileged")), nil},
		{"let go of the content", guard, finalize(mine, func(ns *corev1.Namespace) { ns.Spec.Finalizers = nil }), nil},
	}
}

func usingThePlatformsAccountOtherwise() []offence {
	as := func(account string) deed { return runs(func(p *corev1.Pod) { p.Spec.ServiceAccountName = account }) }
	return []offence{
		{"by a Secret that is filled with a token", "platform-accounts", becomesClusterAdmin(tokenBySecret), nil},
		{"by a pod that runs as the account", "platform-accounts", as(agent), as("default")},
	}
}

func requestsDeployerToken(ctx context.Context, c client.Client, s *scene) error {
	_, err := requestToken(ctx, c, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: "deployer"}})
	return err
}

// becomesClusterAdmin uses a token of the platform's account for what the
// account may do and the tenant may not.
func becomesClusterAdmin(token func(context.Context, client.Client, *scene) (string, error)) deed {
	return func(ctx context.Context, c client.Client, s *scene) error {
		stolen, err := token(ctx, c, s)
		if err != nil {
			return err
		}
		deputy, err := s.plane.bearing(stolen)
		if err != nil {
			return err
		}
		everything := []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}
		return deputy.Create(ctx, &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "guards-everything"}, Rules: everything}, client.DryRunAll)
	}
}

func tokenByRequest(ctx context.Context, c client.Client, s *scene) (string, error) {
	return requestToken(ctx, c, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.mine, Name: agent}})
}

// tokenBySecret asks the token controller, which serves whoever writes the
// right annotation.
func tokenBySecret(ctx context.Context, c client.Client, s *scene) (string, error) {
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.mine, GenerateName: "borrowed-",
			Annotations: map[string]string{corev1.ServiceAccountNameKey: agent},
		},
		Type: corev1.SecretTypeServiceAccountToken,
	}
	if err := c.Create(ctx, secret); err != nil {
		return "", err
	}
	err := wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 10*time.Second, true, func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKeyFromObject(secret), secret)
		return len(secret.Data[corev1.ServiceAccountTokenKey]) > 0, err
	})
	if err != nil {
		return "", fmt.Errorf("the Secret stayed empty: %w", err)
	}
	return string(secret.Data[corev1.ServiceAccountTokenKey]), nil
}
