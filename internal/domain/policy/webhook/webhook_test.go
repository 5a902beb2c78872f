package webhook_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
)

// fake is a policy about a resource, and about images where it has patterns.
type fake struct {
	name     string
	lane     policy.Lane
	tier     policy.Tier
	resource string
	images   []string
	closed   bool
	remote   bool
}

func (f fake) Info() policy.Info {
	return policy.Info{Name: f.name, Lane: f.lane, Tier: cmp.Or(f.tier, policy.Mandatory), Admission: true, Remote: f.remote || f.images != nil}
}

func (f fake) Scopes() []policy.Scope {
	group := ""
	if f.resource == "deployments" {
		group = "apps"
	}
	return []policy.Scope{{Group: group, Version: "v1", Resource: f.resource, Operations: []admissionv1.Operation{admissionv1.Create, admissionv1.Update}}}
}

func (f fake) ImagePatterns() []string { return f.images }
func (f fake) FailsClosed() bool       { return f.closed }

func (f fake) Validate(_ context.Context, r *policy.Request, _ policy.World) []policy.Result {
	if r.Resource.Resource != f.resource && f.resource != "*" {
		return nil
	}
	return []policy.Result{{Policy: f.name, Rule: "r", Tier: f.tier, Lane: f.lane, Status: policy.Fail, Message: "because"}}
}

// divisible is a policy of several sorts of rules.
type divisible struct {
	fake
	parts []policy.Evaluator
}

func (d divisible) Divide() []policy.Evaluator { return d.parts }

// mutating adds a label.
type mutating struct{ fake }

func (m mutating) Mutate(_ context.Context, r *policy.Request, _ policy.World, _ policy.Waived) (map[string]any, []policy.Result) {
	object := runtime.DeepCopyJSON(r.Object)
	object["metadata"].(map[string]any)["labels"] = map[string]any{"by": m.name}
	return object, []policy.Result{{Policy: m.name, Rule: "r", Tier: m.tier, Status: policy.Pass}}
}

var served = []policy.Served{
	{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true},
	{Version: "v1", Kind: "ConfigMap", Resource: "configmaps", Namespaced: true},
	{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments", Namespaced: true},
}

func at(path string) admissionregistrationv1.WebhookClientConfig {
	url := "https://127.0.0.1" + path
	return admissionregistrationv1.WebhookClientConfig{URL: &url}
}

// TestConfigure sends no more here than policies need.
func TestConfigure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason string
		policies     []policy.Evaluator
		want         []string
	}{
		{"native only", "the API server needs nobody", []policy.Evaluator{fake{name: "n", lane: policy.Native, resource: "pods"}}, nil},
		{"lookup", "fails open", []policy.Evaluator{fake{name: "l", lane: policy.Engine, resource: "deployments"}}, []string{"open.validate.policy.roadbed.dev Ignore apps/v1/deployments"}},
		{"a service", "fails open, later", []policy.Evaluator{fake{name: "l", lane: policy.Engine, resource: "deployments", remote: true}}, []string{"remote.validate.policy.roadbed.dev Ignore apps/v1/deployments"}},
		{"strict", "says so itself", []policy.Evaluator{fake{name: "s", lane: policy.Legacy, resource: "configmaps", closed: true}}, []string{"strict.validate.policy.roadbed.dev Fail /v1/configmaps"}},
		{"images", "closed for Pods", []policy.Evaluator{fake{name: "i", lane: policy.Engine, resource: "pods", images: []string{"registry.corp.com/*"}}}, []string{"images.validate.policy.roadbed.dev Fail /v1/pods narrowed"}},
		{"images of deployments", "open for what makes Pods", []policy.Evaluator{fake{name: "i", lane: policy.Engine, resource: "deployments", images: []string{"registry.corp.com/*"}}}, []string{"remote.validate.policy.roadbed.dev Ignore apps/v1/deployments"}},
		{"images that are advised", "nothing waits for a warning", []policy.Evaluator{fake{name: "i", lane: policy.Engine, tier: policy.Recommended, resource: "pods", images: []string{"registry.corp.com/*"}}}, []string{"remote.validate.policy.roadbed.dev Ignore /v1/pods"}},
		{"images and failurePolicy: Fail", "Pods run images, so nothing else waits", []policy.Evaluator{fake{name: "i", lane: policy.Engine, resource: "deployments", images: []string{"registry.corp.com/*"}, closed: true}}, []string{"remote.validate.policy.roadbed.dev Ignore apps/v1/deployments"}},
		{
			"images among other rules", "each in its class",
			[]policy.Evaluator{divisible{fake{name: "d", lane: policy.Legacy, resource: "pods"}, []policy.Evaluator{
				fake{name: "d", lane: policy.Legacy, resource: "pods", closed: true},
				fake{name: "d", lane: policy.Legacy, resource: "pods", images: []string{"registry.corp.com/*"}},
			}}},
			[]string{"strict.validate.policy.roadbed.dev Fail /v1/pods", "images.validate.policy.roadbed.dev Fail /v1/pods narrowed"},
		},
		{"mutation", "both are asked", []policy.Evaluator{mutating{fake{name: "m", lane: policy.Legacy, resource: "pods"}}}, []string{"open.validate.policy.roadbed.dev Ignore /v1/pods", "open.mutate.policy.roadbed.dev Ignore /v1/pods"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := gocmp.Diff(test.want, summary(webhook.Configure(test.policies, served, at))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
		})
	}
}

// summary is a line for each webhook.
func summary(validating *admissionregistrationv1.ValidatingWebhookConfiguration, mutating *admissionregistrationv1.MutatingWebhookConfiguration) []string {
	var lines []string
	line := func(name string, failure *admissionregistrationv1.FailurePolicyType, rules []admissionregistrationv1.RuleWithOperations, conditions []admissionregistrationv1.MatchCondition) {
		parts := []string{name, string(*failure)}
		for _, rule := range rules {
			parts = append(parts, rule.APIGroups[0]+"/"+rule.APIVersions[0]+"/"+strings.Join(rule.Resources, ","))
		}
		if conditions != nil {
			parts = append(parts, "narrowed")
		}
		lines = append(lines, strings.Join(parts, " "))
	}
	for _, hook := range validating.Webhooks {
		line(hook.Name, hook.FailurePolicy, hook.Rules, hook.MatchConditions)
	}
	for _, hook := range mutating.Webhooks {
		line(hook.Name, hook.FailurePolicy, hook.Rules, hook.MatchConditions)
	}
	return lines
}

type cluster struct{}

func (cluster) Namespace(context.Context, string) (map[string]any, error) { return nil, nil }

func (cluster) Roles(context.Context, authenticationv1.UserInfo) (roles, clusterRoles []string, err error) {
	return nil, nil, nil
}

func deps(t *testing.T, evaluators ...policy.Evaluator) webhook.Deps {
	t.Helper()
	metrics, err := webhook.NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	d := webhook.Deps{Policies: &webhook.Policies{}, Cluster: cluster{}, Clock: clocktesting.NewFakePassiveClock(time.Unix(0, 0)), Metrics: metrics}
	d.Policies.Use(evaluators, nil)
	return d
}

func pod(t *testing.T) admission.Request {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "p"}})
	if err != nil {
		t.Fatal(err)
	}
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		Operation: admissionv1.Create, Namespace: "shop", Name: "p",
		Kind:     metav1.GroupVersionKind{Version: "v1", Kind: "Pod"},
		Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"},
		Object:   runtime.RawExtension{Raw: raw},
	}}
}

// TestHandle: a tier decides whether a failure refuses or warns; a policy about
// images is asked once.
func TestHandle(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason string
		policy       fake
		class        webhook.Class
		allowed      bool
		warnings     int
	}{
		{"mandatory", "refused", fake{name: "p", lane: policy.Legacy, tier: policy.Mandatory, resource: "pods"}, webhook.Open, false, 0},
		{"recommended", "warned", fake{name: "p", lane: policy.Legacy, tier: policy.Recommended, resource: "pods"}, webhook.Open, true, 1},
		{"images", "asked in its class", fake{name: "p", lane: policy.Engine, tier: policy.Mandatory, resource: "pods", images: []string{"x.example/*"}}, webhook.Images, false, 0},
		{"images elsewhere", "and only there", fake{name: "p", lane: policy.Engine, tier: policy.Mandatory, resource: "pods", images: []string{"x.example/*"}}, webhook.Open, true, 0},
		{"other class", "not its business", fake{name: "p", lane: policy.Engine, tier: policy.Mandatory, resource: "pods", closed: true}, webhook.Open, true, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response := webhook.Validator(test.class, deps(t, test.policy)).Handle(t.Context(), pod(t))
			if response.Allowed != test.allowed || len(response.Warnings) != test.warnings {
				t.Errorf("%s: allowed %v with warnings %q", test.reason, response.Allowed, response.Warnings)
			}
			if !test.allowed && !strings.Contains(response.Result.Message, "policy p, rule r (Mandatory): because") {
				t.Errorf("%s: message %q", test.reason, response.Result.Message)
			}
		})
	}
}

// always is an override that covers everything.
type always string

func (a always) Waives(policy.Info, string, *policy.Request, time.Time) string { return string(a) }

func (always) Narrows(policy.Info, string, *policy.Request, time.Time) []policy.Narrowing { return nil }

// TestHandleTellsOfOverrides: the audit event names them so that their use gets
// onto the trail.
func TestHandleTellsOfOverrides(t *testing.T) {
	t.Parallel()
	d := deps(t)
	d.Policies.Use([]policy.Evaluator{fake{name: "p", lane: policy.Legacy, tier: policy.Default, resource: "pods"}}, always("shop/o"))
	response := webhook.Validator(webhook.Open, d).Handle(t.Context(), pod(t))
	if !response.Allowed || response.AuditAnnotations[override.AuditKey] != "p=shop/o" {
		t.Fatalf("allowed %v, annotations %v", response.Allowed, response.AuditAnnotations)
	}
	event := `{"stage":"ResponseComplete","verb":"create","responseStatus":{"code":201},"user":{"username":"ann"},"objectRef":{"resource":"pods","namespace":"shop","name":"p"},` +
		`"annotations":{"open.validate.policy.roadbed.dev/overrides":"` + response.AuditAnnotations[override.AuditKey] + `"}}`
	uses, err := override.Uses([]byte(event))
	if err != nil || len(uses) != 1 || uses[0].Override != "shop/o" || uses[0].Policy != "p" {
		t.Errorf("uses %+v, %v", uses, err)
	}
	d.Policies.Use([]policy.Evaluator{fake{name: "p", lane: policy.Legacy, tier: policy.Default, resource: "pods"}}, always("shop/o,shop/q"))
	response = webhook.Validator(webhook.Open, d).Handle(t.Context(), pod(t))
	if got := response.AuditAnnotations[override.AuditKey]; got != "p=shop/o,p=shop/q" {
		t.Errorf("overrides that took the rule together are told as %q", got)
	}
}

// TestHandleMutates answers with a patch.
func TestHandleMutates(t *testing.T) {
	t.Parallel()
	response := webhook.Mutator(webhook.Open, deps(t, mutating{fake{name: "m", lane: policy.Legacy, tier: policy.Default, resource: "pods"}})).Handle(t.Context(), pod(t))
	if !response.Allowed || len(response.Patches) != 1 || response.Patches[0].Path != "/metadata/labels" {
		t.Errorf("allowed %v, patches %v", response.Allowed, response.Patches)
	}
}

// hurried says how much time it has.
type hurried struct {
	fake
	left *time.Duration
}

func (h hurried) Validate(ctx context.Context, _ *policy.Request, _ policy.World) []policy.Result {
	end, limited := ctx.Deadline()
	if limited {
		*h.left = time.Until(end)
	}
	return nil
}

// TestHandleInTime: policies have less time than the API server has patience, so
// that those that block can still refuse.
func TestHandleInTime(t *testing.T) {
	t.Parallel()
	for class, patience := range map[webhook.Class]time.Duration{webhook.Open: 2 * time.Second, webhook.Remote: 5 * time.Second, webhook.Images: 10 * time.Second} {
		var left time.Duration
		p := hurried{fake{name: "p", lane: policy.Legacy, tier: policy.Mandatory, resource: "pods"}, &left}
		if class == webhook.Images {
			p.images = []string{"x.example/*"}
		}
		p.remote = class == webhook.Remote
		webhook.Validator(class, deps(t, p)).Handle(t.Context(), pod(t))
		if left <= 0 || left >= patience {
			t.Errorf("policies of class %s have %v while the API server waits %v", class, left, patience)
		}
	}
}

// TestPatience: who fails open does not keep requests waiting while nobody answers.
func TestPatience(t *testing.T) {
	t.Parallel()
	validating, _ := webhook.Configure([]policy.Evaluator{
		fake{name: "a", lane: policy.Legacy, resource: "configmaps"},
		fake{name: "b", lane: policy.Engine, resource: "configmaps", remote: true},
		fake{name: "c", lane: policy.Legacy, resource: "configmaps", closed: true},
		fake{name: "d", lane: policy.Engine, resource: "pods", images: []string{"x.example/*"}},
	}, served, at)
	want := map[string]int32{"open": 2, "remote": 5, "strict": 5, "images": 10}
	for _, hook := range validating.Webhooks {
		class, _, _ := strings.Cut(hook.Name, ".")
		if *hook.TimeoutSeconds != want[class] {
			t.Errorf("%s: the API server waits %d s, want %d", hook.Name, *hook.TimeoutSeconds, want[class])
		}
	}
	if len(validating.Webhooks) != len(want) {
		t.Errorf("there are %d webhooks, want %d", len(validating.Webhooks), len(want))
	}
}

// TestStubborn: a policy that does not notice that its time is over is answered
// for, before the API server stops waiting: one that blocks refuses, and one that
// only warns does not.
func TestStubborn(t *testing.T) {
	t.Parallel()
	for tier, want := range map[policy.Tier]bool{policy.Mandatory: false, policy.Recommended: true} {
		t.Run(string(tier), func(t *testing.T) {
			t.Parallel()
			begun := time.Now()
			p := stubborn{fake{name: "p", lane: policy.Legacy, tier: tier, resource: "pods"}, t.Context().Done()}
			response := webhook.Validator(webhook.Open, deps(t, p)).Handle(t.Context(), pod(t))
			if took := time.Since(begun); response.Allowed != want || took < time.Second {
				t.Errorf("allowed %v after %v, want %v: %+v", response.Allowed, took, want, response)
			}
			if text := fmt.Sprint(response.Result, response.Warnings); !strings.Contains(text, "takes too long") {
				t.Errorf("it does not say why: %s", text)
			}
		})
	}
}

// stubborn judges until somebody ends it.
type stubborn struct {
	fake
	end <-chan struct{}
}

func (s stubborn) Validate(context.Context, *policy.Request, policy.World) []policy.Result {
	<-s.end
	return nil
}

// TestPanic: a policy that panics ends its own request, by whoever serves it, and not
// the process.
func TestPanic(t *testing.T) {
	t.Parallel()
	p := panics{fake{name: "p", lane: policy.Legacy, tier: policy.Mandatory, resource: "pods"}}
	served := &admission.Webhook{Handler: webhook.Mutator(webhook.Open, deps(t, p))}
	response := served.Handle(t.Context(), pod(t))
	if response.Allowed || !strings.Contains(response.Result.Message, "a nil map") {
		t.Errorf("got %+v, want a refusal that says why", response)
	}
}

// panics is a policy with a mistake.
type panics struct{ fake }

func (panics) Mutate(context.Context, *policy.Request, policy.World, policy.Waived) (map[string]any, []policy.Result) {
	panic("a nil map")
}
