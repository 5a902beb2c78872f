package policy_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

type scoped []policy.Scope

func (s scoped) Scopes() []policy.Scope { return s }
func (scoped) Info() policy.Info        { return policy.Info{} }
func (scoped) Validate(context.Context, *policy.Request, policy.World) []policy.Result {
	return nil
}

func TestSelector(t *testing.T) {
	t.Parallel()
	write := []admissionv1.Operation{admissionv1.Create, admissionv1.Update}
	pods := policy.Served{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true}
	about := func(resource, objects string) scoped {
		return scoped{{Version: "v1", Resource: resource, Operations: write, Objects: objects}}
	}
	for _, test := range []struct {
		name, reason string
		evaluators   []policy.Evaluator
		want         string
	}{
		{"one", "its selector", []policy.Evaluator{about("pods", "a=b")}, "a=b"},
		{"agreed", "all say the same", []policy.Evaluator{about("pods", "a=b"), about("services", ""), about("pods", "a=b")}, "a=b"},
		{"another", "no selector says both", []policy.Evaluator{about("pods", "a=b"), about("pods", "a=c"), about("pods", "a=b")}, ""},
		{"all", "one concerns all", []policy.Evaluator{about("pods", "a=b"), about("pods", "")}, ""},
		{"unknown", "one does not know its scope", []policy.Evaluator{about("pods", "a=b"), struct{ policy.Evaluator }{}}, ""},
	} {
		if got := policy.Selector(test.evaluators, pods, admissionv1.Create); got != test.want {
			t.Errorf("%s: %s: got %q, want %q", test.name, test.reason, got, test.want)
		}
	}
}

func TestCovering(t *testing.T) {
	t.Parallel()
	write := []admissionv1.Operation{admissionv1.Create, admissionv1.Update}
	served := []policy.Served{
		{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true},
		{Version: "v1", Kind: "Pod", Resource: "pods", Subresource: "ephemeralcontainers", Namespaced: true},
		{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments", Namespaced: true},
		{Group: "apps", Version: "v1", Kind: "DaemonSet", Resource: "daemonsets", Namespaced: true},
	}
	for _, test := range []struct {
		name, reason string
		scopes       scoped
		want         []string
	}{
		{"resource", "by plural, the object only", scoped{{Version: "v1", Resource: "pods", Operations: write}}, []string{"v1/pods"}},
		{"subresource", "named", scoped{{Version: "*", Resource: "pods", Subresource: "ephemeralcontainers", Operations: write}}, []string{"v1/pods/ephemeralcontainers"}},
		{"everything", "wildcards", scoped{{Group: "*", Version: "*", Resource: "*", Subresource: "*", Operations: write}}, []string{"v1/pods", "v1/pods/ephemeralcontainers", "apps/v1/deployments", "apps/v1/daemonsets"}},
		{"kinds", "a pattern of kinds", scoped{{Group: "*", Version: "*", Kind: "D*", Operations: write}}, []string{"apps/v1/deployments", "apps/v1/daemonsets"}},
		{"operation", "not wanted at creation", scoped{{Version: "v1", Resource: "pods", Operations: []admissionv1.Operation{admissionv1.Delete}}}, nil},
	} {
		var got []string
		for _, resource := range policy.Covering([]policy.Evaluator{test.scopes}, served, admissionv1.Create) {
			got = append(got, resource.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s (-want +got):\n%s", test.name, test.reason, diff)
		}
	}
}
