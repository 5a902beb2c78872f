package claim_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

// TestClaims runs on a plane of its own: guards are in force for everybody.
func TestClaims(t *testing.T) {
	t.Parallel()
	p := start(t, factories())
	p.publish(t, boxes)
	t.Run("together", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *platform){
			"chart": testChart, "rotation": testRotation, "deaf": testDeaf,
			"life": testLife, "drift": testDrift, "taken": testTaken, "plan": testPlan, "accounts": testAccounts,
			"no tenant": testNoTenant, "no record": testNoRecord, "retained": testRetained, "no such builtin": testNoBuiltin,
		} {
			t.Run(name, func(t *testing.T) { t.Parallel(); test(t, p) })
		}
	})
}

func object(kind, namespace, name string) *unstructured.Unstructured {
	made := &unstructured.Unstructured{}
	made.SetAPIVersion("v1")
	made.SetKind(kind)
	made.SetNamespace(namespace)
	made.SetName(name)
	return made
}

func testLife(t *testing.T, p *platform) {
	namespace, dev := p.tenant(t, "life", "tier-2", "internal")
	made := claimed(t, dev, wish(namespace, "Box", "one", `{"size":3,"extra":true}`))
	ready(t, dev, made)
	status, _, _ := unstructured.NestedMap(made.Object, "status")
	if status["endpoint"] != "one.life" || status["version"] != "v1" {
		t.Errorf("status is %v", status)
	}
	if diff := cmp.Diff(map[string]any{"amount": "4.5", "currency": "EUR", "per": "Month"}, status["cost"]); diff != "" {
		t.Error(diff)
	}
	secret := &corev1.Secret{}
	if err := dev.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "one-connection"}, secret); err != nil || string(secret.Data["host"]) != "one.life" {
		t.Errorf("the connection Secret holds %v: %v", secret.Data, err)
	}
	// What the spec no longer asks for goes, and what it asks for instead comes.
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"size":4,"extra":false}}`))
	if err := dev.Patch(t.Context(), made, patch); err != nil {
		t.Fatal(err)
	}
	ready(t, dev, made)
	extra := object("ConfigMap", namespace, "one-extra")
	kubetest.Eventually(t, patience, "the extra is gone", func() error {
		if err := dev.Get(t.Context(), client.ObjectKeyFromObject(extra), extra); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
	settings := &corev1.ConfigMap{}
	if err := dev.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "one"}, settings); err != nil || settings.Data["size"] != "4" {
		t.Errorf("settings are %v: %v", settings.Data, err)
	}
	grant := "capability.account.grant " + account.RoleName(p.revisions(t, "box", 1)[0].Name)
	if diff := cmp.Diff([]string{grant, claim.ActionProvision + " one", claim.ActionUpdate + " one"}, p.deeds(namespace)); diff != "" {
		t.Errorf("on the trail: %s", diff)
	}
	if err := dev.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	// The garbage collector learns of new kinds every half minute.
	kubetest.Eventually(t, 3*patience, "everything went with the claim", func() error {
		var left corev1.ConfigMapList
		if err := p.admin.List(t.Context(), &left, client.InNamespace(namespace), client.MatchingLabels{v1alpha1.LabelClaim: "one"}); err != nil || len(left.Items) > 0 {
			return fmt.Errorf("%d are left: %w", len(left.Items), err)
		}
		return nil
	})
}

func testDrift(t *testing.T, p *platform) {
	namespace, dev := p.tenant(t, "drift", "tier-2", "internal")
	made := claimed(t, dev, wish(namespace, "Box", "one", `{"size":3}`))
	ready(t, dev, made)
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "one"}}
	patch := client.RawPatch(types.MergePatchType, []byte(`{"data":{"size":"9"}}`))
	if err := dev.Patch(t.Context(), settings, patch); err != nil {
		t.Fatal(err)
	}
	restored := func() error {
		if err := dev.Get(t.Context(), client.ObjectKeyFromObject(settings), settings); err != nil {
			return err
		}
		if settings.Data["size"] != "3" {
			return fmt.Errorf("data is %v", settings.Data)
		}
		return nil
	}
	kubetest.Eventually(t, patience, "the edit is undone", restored)
	if err := dev.Delete(t.Context(), settings); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the object is back", restored)
}

func testTaken(t *testing.T, p *platform) {
	namespace, dev := p.tenant(t, "taken", "tier-2", "internal")
	mine := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "one"}, Data: map[string]string{"mine": "yes"}}
	p.create(t, dev, mine)
	made := claimed(t, dev, wish(namespace, "Box", "one", `{"size":3}`))
	conditioned(t, dev, made, claim.ConditionProvisioned, claim.ReasonNameTaken, "ConfigMap one exists")
	if err := dev.Get(t.Context(), client.ObjectKeyFromObject(mine), mine); err != nil || !maps.Equal(mine.Data, map[string]string{"mine": "yes"}) {
		t.Errorf("the tenant's own object is %v: %v", mine.Data, err)
	}
}

// A capability of a provisioner that is not there was let through when nobody
// asked: its claims say so, name those there are, and can be given up.
func testNoBuiltin(t *testing.T, p *platform) {
	p.publish(t, `
metadata: {name: ledger}
spec:
  description: books, for tests
  layer: data
  owner: {team: books}
  names: {kind: Ledger, plural: ledgers}
  versions:
  - name: v1
    stage: ga
    storage: true
    schema: {spec: {type: object, properties: {size: {type: integer}}}}
    provisioner: {type: Builtin, builtin: {name: postgress}}
`)
	namespace, dev := p.tenant(t, "misspelt", "tier-2", "internal")
	made := claimed(t, dev, wish(namespace, "Ledger", "one", `{"size":3}`))
	conditioned(t, dev, made, claim.ConditionAccepted, claim.ReasonInvalidProvisioner, `there is no provisioner "postgress": use one of deaf, safe`)
	if err := dev.Delete(t.Context(), made); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "the claim is gone", func() error {
		if err := dev.Get(t.Context(), client.ObjectKeyFromObject(made), made); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there: %w", err)
		}
		return nil
	})
}

func testNoTenant(t *testing.T, p *platform) {
	p.create(t, p.admin, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "nobodys"}})
	made := claimed(t, p.admin, wish("nobodys", "Box", "one", `{"size":3}`))
	conditioned(t, p.admin, made, claim.ConditionAccepted, claim.ReasonNoTenant, `namespace "nobodys" belongs to no tenant`)
}

// testNoRecord wants nothing to be made that cannot be recorded first.
func testNoRecord(t *testing.T, p *platform) {
	namespace, dev := p.tenant(t, "norecord", "tier-2", "internal")
	made := claimed(t, dev, wish(namespace, "Box", "unrecorded", `{"size":3}`))
	conditioned(t, dev, made, claim.ConditionProvisioned, claim.ReasonTrailUnavailable, controllertest.ErrFull.Error())
	settings := object("ConfigMap", namespace, "unrecorded")
	if err := dev.Get(t.Context(), client.ObjectKeyFromObject(settings), settings); !apierrors.IsNotFound(err) {
		t.Errorf("it was made all the same: %v", err)
	}
}

func testRetained(t *testing.T, p *platform) {
	namespace, dev := p.tenant(t, "retained", "tier-2", "restricted")
	made := claimed(t, dev, wish(namespace, "Box", "one", `{"size":3}`))
	ready(t, dev, made)
	settings := &corev1.ConfigMap{}
	if err := dev.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: "one"}, settings); err != nil {
		t.Fatal(err)
	}
	if len(settings.OwnerReferences) > 0 {
		t.Errorf("restricted data would go with its claim: owners %v", settings.OwnerReferences)
	}
	refused := claimed(t, dev, wish(namespace, "Box", "two", `{"size":3,"platform":{"deletionPolicy":"Snapshot"}}`))
	conditioned(t, dev, refused, claim.ConditionAccepted, claim.ReasonPolicyUnsupported, "choose Retain or Delete")
}

// testPlan wants a preview by a developer to be what is then applied.
func testPlan(t *testing.T, p *platform) {
	namespace, dev := p.tenant(t, "plan", "tier-2", "internal")
	asked := wish(namespace, "Box", "one", `{"size":3,"extra":true}`)
	kubetest.Eventually(t, patience, "the kind is served", func() error { return dev.Create(t.Context(), asked.DeepCopy(), client.DryRunAll) })
	dry := asked.DeepCopy()
	if err := dev.Create(t.Context(), dry, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	var plan *claim.Preview
	kubetest.Eventually(t, patience, "the claim can be planned", func() error {
		var err error
		plan, err = claim.NewPreviewer(dev, nil).Preview(t.Context(), "box", dry)
		return err
	})
	made := claimed(t, dev, asked)
	ready(t, dev, made)
	names := map[string]bool{}
	for _, planned := range plan.Objects {
		names[planned.GetKind()+" "+planned.GetName()] = true
		live := object(planned.GetKind(), namespace, planned.GetName())
		if err := dev.Get(t.Context(), client.ObjectKeyFromObject(live), live); err != nil {
			t.Errorf("planned and not there: %v", err)
			continue
		}
		comparePlanned(t, planned, live)
	}
	resources, _, _ := unstructured.NestedSlice(made.Object, "status", "resources")
	for _, each := range resources {
		entry := each.(map[string]any)
		if name := fmt.Sprintf("%v %v", entry["kind"], entry["name"]); !names[name] && name != "Secret "+plan.Secret {
			t.Errorf("%s is there and was not planned", name)
		}
	}
	if len(resources) != len(plan.Objects)+1 {
		t.Errorf("%d objects were planned and a Secret, %d are there", len(plan.Objects), len(resources))
	}
}

// comparePlanned wants everything planned in what is there, but for what cannot
// be known before: the claim's UID, the hash, and what other objects say.
func comparePlanned(t *testing.T, planned, live *unstructured.Unstructured) {
	t.Helper()
	for _, each := range []*unstructured.Unstructured{planned, live} {
		unstructured.RemoveNestedField(each.Object, "metadata", "ownerReferences")
		unstructured.RemoveNestedField(each.Object, "metadata", "labels", v1alpha1.LabelClaimUID)
	}
	if diff := cmp.Diff(planned.GetLabels(), live.GetLabels()); diff != "" {
		t.Errorf("labels of %s: %s", planned.GetName(), diff)
	}
	for _, field := range []string{"data", "spec"} {
		want, _, _ := unstructured.NestedMap(planned.Object, field)
		got, _, _ := unstructured.NestedMap(live.Object, field)
		for key, value := range want {
			if text, is := value.(string); is && strings.Contains(text, "${") {
				continue
			}
			if diff := cmp.Diff(value, got[key]); diff != "" {
				t.Errorf("%s of %s: %s", key, planned.GetName(), diff)
			}
		}
	}
}

// testAccounts wants nobody to act as a capability's account, and it to reach no
// further than it should.
func testAccounts(t *testing.T, p *platform) {
	namespace, dev := p.tenant(t, "accounts", "tier-2", "internal")
	other, _ := p.tenant(t, "bystander", "tier-2", "internal")
	ready(t, dev, claimed(t, dev, wish(namespace, "Box", "one", `{"size":3}`)))
	user := account.User("box", namespace)
	var roles rbacv1.RoleList
	if err := p.admin.List(t.Context(), &roles, client.InNamespace(namespace)); err != nil || len(roles.Items) != 1 {
		t.Fatalf("roles %v: %v", roles.Items, err)
	}
	role := roles.Items[0].Name
	as := p.env.ClientAs(t, user, "system:serviceaccounts", "system:serviceaccounts:"+account.Namespace, "system:authenticated")
	made := func(namespace string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "probe"}}
	}
	if err := as.Create(t.Context(), made(namespace)); err != nil {
		t.Errorf("positive control: the account may not do its work: %v", err)
	}
	if err := as.Create(t.Context(), made(other)); !apierrors.IsForbidden(err) {
		t.Errorf("the account reaches another tenant: %v", err)
	}
	subject := rbacv1.Subject{Kind: "ServiceAccount", Namespace: account.Namespace, Name: account.Name("box", namespace)}
	bind := func(name, role string, subjects ...rbacv1.Subject) *rbacv1.RoleBinding {
		return &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role}, Subjects: subjects,
		}
	}
	bindAll := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "everywhere"}, Subjects: []rbacv1.Subject{subject},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
	}
	me := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: "accounts-dev"}
	person := rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: user}
	roadbed := p.env.ClientAs(t, "system:serviceaccount:roadbed-system:roadbed", "system:serviceaccounts", "system:authenticated")
	wide := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account.RolePrefix + "x"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}}}
	outside := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: account.RolePrefix + "x"}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"configmaps"}, Verbs: []string{"get"}}}}
	pod := func(in string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: in, Name: "x"},
			Spec:       corev1.PodSpec{ServiceAccountName: account.Name("box", namespace), Containers: []corev1.Container{{Name: "x", Image: "x"}}},
		}
	}
	for name, test := range map[string]struct {
		c      client.Client
		object client.Object
		want   string
	}{
		"an account as object":              {p.admin, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: account.Namespace, Name: account.Name("box", namespace)}}, "names of the capabilities' accounts"},
		"a pod as the account":              {p.admin, pod(account.Namespace), "not found"},
		"a Secret beside the accounts":      {p.admin, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: account.Namespace, Name: "x"}}, "names of the capabilities' accounts"},
		"a binding of the account":          {p.admin, bind("x", "view", subject), "bound by Roadbed alone"},
		"a binding of the account as user":  {p.admin, bind("x", "view", person), "bound by Roadbed alone"},
		"a cluster binding of the account":  {p.admin, bindAll, "bound by Roadbed alone"},
		"a binding to the account's role":   {dev, bind("x", role, me), "bound by Roadbed alone"},
		"an admin's binding to such a role": {p.admin, bind("x", account.RolePrefix+"box", me), "bound by Roadbed alone"},
		"a role of such a name":             {p.admin, wide, "written by Roadbed alone"},
		"a role without bounds by Roadbed":  {roadbed, wide, "reaches beyond"},
		"a role elsewhere by Roadbed":       {roadbed, outside, "in tenants' namespaces"},
		"a role of another name by Roadbed": {roadbed, &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "mine"}}, "in tenants' namespaces"},
	} {
		err := test.c.Create(t.Context(), test.object, client.DryRunAll)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	token := &authenticationv1.TokenRequest{}
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: account.Namespace, Name: account.Name("box", namespace)}}
	if err := p.admin.SubResource("token").Create(t.Context(), sa, token); err == nil {
		t.Error("a token of the account can be had")
	}
	if err := dev.Create(t.Context(), bind("own", "view", me), client.DryRunAll); apierrors.IsForbidden(err) && strings.Contains(err.Error(), "Roadbed") {
		t.Errorf("positive control: an ordinary binding meets the guard: %v", err)
	}
}
