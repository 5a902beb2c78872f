package policy

import (
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

func TestAsksOutside(t *testing.T) {
	t.Parallel()
	cel := func(expression string) any {
		return policiesv1.ValidatingPolicySpec{Validations: []admissionregistrationv1.Validation{{Expression: expression}}}
	}
	rule := func(rule kyvernov1.Rule) any { return kyvernov1.Spec{Rules: []kyvernov1.Rule{rule}} }
	for _, test := range []struct {
		reason string
		spec   any
		want   bool
	}{
		{"a service", cel(`http.Get("https://x.example").ok`), true},
		{"a registry", cel(`image.GetMetadata(object.spec.containers[0].image).config.User != ""`), true},
		{"a signature", cel(`verifyImageSignatures(i, [attestors.a]) > 0`), true},
		{"the cluster", cel(`resource.Get("v1", "configmaps", "a", "b").data.image == "x"`), false},
		{"the object", cel(`object.spec.containers.all(c, c.image.startsWith("x"))`), false},
		{"signatures of a rule", rule(kyvernov1.Rule{VerifyImages: []kyvernov1.ImageVerification{{}}}), true},
		{"the registry of a rule", rule(kyvernov1.Rule{Context: []kyvernov1.ContextEntry{{ImageRegistry: &kyvernov1.ImageRegistry{}}}}), true},
		{"the service of a rule", rule(kyvernov1.Rule{Context: []kyvernov1.ContextEntry{{APICall: &kyvernov1.ContextAPICall{APICall: kyvernov1.APICall{Service: &kyvernov1.ServiceCall{}}}}}}), true},
		{"the API server of a rule", rule(kyvernov1.Rule{Context: []kyvernov1.ContextEntry{{APICall: &kyvernov1.ContextAPICall{APICall: kyvernov1.APICall{URLPath: "/api/v1/namespaces"}}}}}), false},
		{"what is no JSON", func() {}, true},
	} {
		if got := AsksOutside(test.spec); got != test.want {
			t.Errorf("%s: %v, want %v", test.reason, got, test.want)
		}
	}
}
