package guards_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/guards"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

const (
	patience = time.Minute
	place    = "tenant-payments"
	// people may write everything, so that nothing but the guards refuses; the
	// right to approve is for approvers.
	people = "corp:people"
)

// plane is an API server with the guards and a ledger, and nobody else's.
type plane struct {
	*kubetest.Env
	admin client.Client
}

func start(t *testing.T) *plane {
	t.Helper()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	p := &plane{Env: env, admin: env.Client}
	p.create(t, p.admin, guards.Objects()...)
	p.create(t, p.admin,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: identity.SystemNamespace}},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place, Labels: map[string]string{
			"tenancy.roadbed.dev/tenant": "payments", "tenancy.roadbed.dev/tier": "tier-2", "tenancy.roadbed.dev/business-unit": "retail",
		}}},
		role("people", rbacv1.PolicyRule{
			APIGroups: []string{"policy.roadbed.dev"}, Resources: []string{"policyoverrides", "policyoverrides/status", "overrideledgers"},
			Verbs: []string{"get", "list", "create", "update", "patch", "delete"},
		}), binding("people", people),
		role("platform", rbacv1.PolicyRule{APIGroups: []string{"policy.roadbed.dev"}, Resources: []string{"policyoverrides"}, Verbs: []string{"approve"}}),
		binding("platform", "corp:platform"),
		role("retail", rbacv1.PolicyRule{
			APIGroups: []string{"tenancy.roadbed.dev"}, Resources: []string{"businessunits"}, ResourceNames: []string{"retail"}, Verbs: []string{"approve-overrides"},
		}),
		binding("retail", "corp:retail"),
	)
	p.create(t, p.as(t, identity.Roadbed, "system:masters"), ledger())
	p.await(t)
	return p
}

func ledger() *v1alpha1.OverrideLedger {
	spec := override.Compile(nil, override.World{
		Policies: map[string]policy.Info{"require-signatures": {Tier: policy.Mandatory}},
		Terms:    map[string]tenancyv1alpha1.TierOverrides{"tier-2": {MaxDays: 10, Approver: tenancyv1alpha1.ApproverBusinessUnit}},
	}).Spec
	return &v1alpha1.OverrideLedger{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.LedgerName}, Spec: spec}
}

func role(name string, rules ...rbacv1.PolicyRule) *rbacv1.ClusterRole {
	return &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}
}

func binding(name, group string) *rbacv1.ClusterRoleBinding {
	return &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
	}
}

func (p *plane) create(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %v", object, object.GetName(), err)
		}
	}
}

// as acts as somebody. Admission and RBAC see only whom one acts as.
func (p *plane) as(t *testing.T, user string, groups ...string) client.Client {
	t.Helper()
	config := rest.CopyConfig(p.Admin)
	config.QPS = -1
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(slices.Clone(groups), people, "system:authenticated")}
	c, err := client.New(config, client.Options{Scheme: p.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// await returns when every guard judges.
func (p *plane) await(t *testing.T) {
	t.Helper()
	ann := p.as(t, "ann")
	kubetest.Eventually(t, patience, "requests are judged, and names filled in", func() error {
		asked := request("probe", func(o *v1alpha1.PolicyOverride) { o.Spec.ExpiresAt = in(-time.Hour) })
		if err := ann.Create(t.Context(), asked, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "over already") {
			return fmt.Errorf("an expired one: %w", err)
		}
		return ann.Create(t.Context(), request("probe"), client.DryRunAll)
	})
	p.create(t, ann, request("probe"))
	kubetest.Eventually(t, patience, "decisions are judged", func() error {
		if err := decide(t.Context(), ann, "probe", v1alpha1.VerdictRejected, client.DryRunAll); err == nil || !strings.Contains(err.Error(), "may not decide") {
			return fmt.Errorf("a decision by nobody in particular: %w", err)
		}
		return decide(t.Context(), p.as(t, "bob", "corp:platform"), "probe", v1alpha1.VerdictRejected, client.DryRunAll)
	})
	kubetest.Eventually(t, patience, "the ledger is guarded", func() error {
		if err := p.admin.Delete(t.Context(), ledger(), client.DryRunAll); err == nil {
			return errors.New("it can be deleted")
		}
		return nil
	})
}

func in(d time.Duration) metav1.Time { return metav1.NewTime(time.Now().Add(d).Truncate(time.Second)) }

func request(name string, changes ...func(*v1alpha1.PolicyOverride)) *v1alpha1.PolicyOverride {
	o := &v1alpha1.PolicyOverride{
		ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: name},
		Spec: v1alpha1.PolicyOverrideSpec{
			Policies:      []v1alpha1.OverriddenPolicy{{Name: "require-limits"}},
			Justification: "the vendor's image cannot run with a limit", Ticket: "CHG-1",
			ExpiresAt: in(9 * 24 * time.Hour),
		},
	}
	for _, change := range changes {
		change(o)
	}
	return o
}

func decide(ctx context.Context, c client.Client, name string, verdict v1alpha1.OverrideVerdict, opts ...client.SubResourcePatchOption) error {
	return patchStatus(ctx, c, name, fmt.Sprintf(`{"status":{"decision":{"verdict":%q}}}`, verdict), opts...)
}

func patchStatus(ctx context.Context, c client.Client, name, patch string, opts ...client.SubResourcePatchOption) error {
	o := &v1alpha1.PolicyOverride{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: name}}
	return c.Status().Patch(ctx, o, client.RawPatch(types.MergePatchType, []byte(patch)), opts...)
}

// wants is an error that must hold the words; "" wants success.
func wants(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case words == "" && err != nil:
		t.Errorf("refused: %v", err)
	case words != "" && (err == nil || !strings.Contains(err.Error(), words)):
		t.Errorf("want a refusal with %q, got: %v", words, err)
	}
}

func TestGuards(t *testing.T) {
	t.Parallel()
	p := start(t)
	t.Run("requests", func(t *testing.T) { testRequests(t, p) })
	t.Run("decisions", func(t *testing.T) { testDecisions(t, p) })
	t.Run("ledger", func(t *testing.T) { testLedger(t, p) })
}

func testRequests(t *testing.T, p *plane) {
	ann, root := p.as(t, "ann"), p.as(t, "root", "system:masters")
	for _, test := range []struct {
		name   string
		client client.Client
		change func(*v1alpha1.PolicyOverride)
		want   string
	}{
		{"an ordinary one", ann, func(*v1alpha1.PolicyOverride) {}, ""},
		{"with one's own name", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Requester = "ann" }, ""},
		{"with another's name, which is replaced", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Requester = "bob" }, ""},
		{"of a Mandatory policy", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Policies[0].Name = "require-signatures" }, "require-signatures cannot be waived, because Mandatory"},
		{"of a Mandatory policy by a cluster admin", root, func(o *v1alpha1.PolicyOverride) { o.Spec.Policies[0].Name = "require-signatures" }, "cannot be waived"},
		{"longer than the tier allows", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.ExpiresAt = in(11 * 24 * time.Hour) }, "overrides of tier tier-2 last at most 10 days"},
		{"over already", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.ExpiresAt = in(-time.Second) }, "over already"},
		{"with a short justification", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Justification = "because I can" }, "spec.justification"},
		{"without a ticket", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Ticket = "" }, "spec.ticket"},
		{"with a justification of blanks", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Justification = strings.Repeat(" ", 30) }, "blanks do not count"},
		{"with a ticket of blanks", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Ticket = " " }, "blanks do not count"},
		{"without a policy", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Policies = []v1alpha1.OverriddenPolicy{} }, "spec.policies"},
		{"for another tenant", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Scope.Tenants = []string{"fraud"} }, "reaches no further"},
		{"for any tenant by the platform", ann, func(o *v1alpha1.PolicyOverride) {
			o.Namespace, o.Spec.Scope.Tenants = identity.SystemNamespace, []string{"fraud"}
		}, ""},
		{"longer than a place of no tenant allows", ann, func(o *v1alpha1.PolicyOverride) {
			o.Namespace, o.Spec.ExpiresAt = identity.SystemNamespace, in(31*24*time.Hour)
		}, "a place of no tenant last at most 30 days"},
		{"with a pattern that is none", ann, func(o *v1alpha1.PolicyOverride) { o.Spec.Scope.Names = []string{"a b"} }, "spec.scope.names"},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := request("asked", test.change)
			err := test.client.Create(t.Context(), asked, client.DryRunAll)
			wants(t, err, test.want)
			if err == nil && asked.Spec.Requester != "ann" {
				t.Errorf("the requester is %q", asked.Spec.Requester)
			}
		})
	}
	t.Run("changed later", func(t *testing.T) {
		p.create(t, ann, request("frozen"))
		o := &v1alpha1.PolicyOverride{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: "frozen"}}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"expiresAt":"2099-01-01T00:00:00Z"}}`))
		wants(t, root.Patch(t.Context(), o, patch), "cannot be changed")
	})
}

func testDecisions(t *testing.T, p *plane) {
	p.create(t, p.as(t, "ann"), request("one"))
	annApproves, bob, cy := p.as(t, "ann", "corp:platform", "system:masters"), p.as(t, "bob", "corp:platform"), p.as(t, "cy", "corp:retail")
	dan, roadbed := p.as(t, "dan"), p.as(t, identity.Roadbed, "system:masters")
	const approved = `{"status":{"decision":{"verdict":"Approved"}}}`
	for _, test := range []struct {
		name, patch string
		client      client.Client
		want        string
	}{
		{"by the requester, whatever his rights", approved, annApproves, "nobody approves his own"},
		{"by somebody without the verb", approved, dan, "may not decide on overrides of tier tier-2"},
		{"by Roadbed", approved, roadbed, "makes none"},
		{"in another's name, which is replaced", `{"status":{"decision":{"verdict":"Approved","by":"dan"}}}`, bob, ""},
		{"with more than a decision", `{"status":{"phase":"Active","decision":{"verdict":"Approved"}}}`, bob, "nothing beside it"},
		{"revoked before it was approved", `{"status":{"decision":{"verdict":"Revoked"}}}`, bob, "undecided cannot become Revoked"},
		{"by the platform team", approved, bob, ""},
		{"by an admin of the business unit", approved, cy, ""},
		{"the status by somebody else", `{"status":{"phase":"Active"}}`, bob, "nothing beside it"},
		{"the status by Roadbed", `{"status":{"phase":"Pending"}}`, roadbed, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			wants(t, patchStatus(t.Context(), test.client, "one", test.patch, client.DryRunAll), test.want)
		})
	}
	wants(t, patchStatus(t.Context(), bob, "one", `{"status":{"decision":{"verdict":"Approved","by":"dan","comment":"for a month"}}}`), "")
	var one v1alpha1.PolicyOverride
	if err := p.admin.Get(t.Context(), client.ObjectKey{Namespace: place, Name: "one"}, &one); err != nil {
		t.Fatal(err)
	}
	if want := (v1alpha1.OverrideDecision{Verdict: "Approved", By: "bob", Comment: "for a month"}); *one.Status.Decision != want {
		t.Errorf("the decision is %+v, want %+v", *one.Status.Decision, want)
	}
	wants(t, patchStatus(t.Context(), bob, "one", `{"status":{"decision":null}}`), "cannot become undecided")
	wants(t, decide(t.Context(), bob, "one", v1alpha1.VerdictRejected), "Approved cannot become Rejected")
	wants(t, decide(t.Context(), dan, "one", v1alpha1.VerdictRevoked), "may not decide")
	wants(t, patchStatus(t.Context(), cy, "one", `{"status":{"decision":{"comment":"changed my mind"}}}`), "status.decision")
	wants(t, decide(t.Context(), cy, "one", v1alpha1.VerdictRevoked), "")
	wants(t, decide(t.Context(), bob, "one", v1alpha1.VerdictApproved), "Revoked cannot become Approved")
}

func testLedger(t *testing.T, p *plane) {
	roadbed := p.as(t, identity.Roadbed, "system:masters")
	for name, do := range map[string]func(client.Client) error{
		"delete": func(c client.Client) error { return c.Delete(t.Context(), ledger(), client.DryRunAll) },
		"change": func(c client.Client) error {
			patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"policies":{}}}`))
			return c.Patch(t.Context(), ledger(), patch, client.DryRunAll)
		},
	} {
		t.Run(name, func(t *testing.T) {
			wants(t, do(p.admin), "written by Roadbed alone")
			wants(t, do(roadbed), "")
		})
	}
	other := ledger()
	other.Name = "overrides-other"
	if err := roadbed.Create(t.Context(), other); !apierrors.IsInvalid(err) {
		t.Errorf("a second ledger: %v", err)
	}
}
