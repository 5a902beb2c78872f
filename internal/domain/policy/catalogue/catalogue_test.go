package catalogue_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// TestPoliciesExplainThemselves wants of each policy what a reader of a list, or
// of a refusal, needs.
func TestPoliciesExplainThemselves(t *testing.T) {
	t.Parallel()
	for _, entry := range catalogue.All() {
		said := entry.Object.GetAnnotations()
		for _, key := range []string{policy.TitleAnnotation, policy.DescriptionAnnotation, policy.CategoryAnnotation, policy.SeverityAnnotation} {
			if said[key] == "" {
				t.Errorf("%s has no annotation %s", entry.Name, key)
			}
		}
		if severities := []string{"critical", "high", "medium", "low", "info"}; !slices.Contains(severities, said[policy.SeverityAnnotation]) {
			t.Errorf("%s: severity %q is none of %v", entry.Name, said[policy.SeverityAnnotation], severities)
		}
		validating, ok := entry.Object.(*policiesv1.ValidatingPolicy)
		if !ok {
			continue
		}
		if denies := slices.Contains(validating.Spec.ValidationActions, admissionv1.Deny); denies != entry.Tier.Blocks() {
			t.Errorf("%s is %s, and its own actions are %v: other tools would do another thing", entry.Name, entry.Tier, validating.Spec.ValidationActions)
		}
		for i, validation := range validating.Spec.Validations {
			what, todo, found := strings.Cut(validation.Message+validation.MessageExpression, ":")
			if !found || len(strings.TrimSpace(what)) < 20 || len(strings.TrimSpace(todo)) < 6 {
				t.Errorf("%s: validation %d does not say what is wrong, and after a colon what to do", entry.Name, i)
			}
		}
	}
}

// TestLanes wants all that CEL can say to be native, and every Mandatory policy
// to be a file.
func TestLanes(t *testing.T) {
	t.Parallel()
	needLookup := []string{"recommend-default-deny", "recommend-disruption-budget"}
	mutating := 0
	for _, entry := range catalogue.All() {
		objects, reason, err := compile(entry)
		if err != nil {
			t.Errorf("%s: %v", entry.Name, err)
		}
		if native := reason == ""; native == slices.Contains(needLookup, entry.Name) {
			t.Errorf("%s: native is %t, because %q", entry.Name, native, reason)
		}
		if entry.Tier == policy.Mandatory {
			if _, err := native.Static(objects); err != nil {
				t.Errorf("%s cannot be a file: %v", entry.Name, err)
			}
		}
		if _, ok := entry.Object.(*policiesv1.MutatingPolicy); ok {
			mutating += len(objects) / 2
		}
	}
	if mutating != 1 {
		t.Errorf("the catalogue has %d native mutating policies; each costs every request, so all defaults go into one", mutating)
	}
}

func TestEveryPolicyHasExamples(t *testing.T) {
	t.Parallel()
	for _, entry := range catalogue.All() {
		if _, err := os.Stat(filepath.Join("testdata", entry.Name+".txtar")); err != nil {
			t.Errorf("%s has no examples: %v", entry.Name, err)
		}
	}
}

func TestTiers(t *testing.T) {
	t.Parallel()
	total := 0
	for _, tier := range policy.Tiers() {
		of := catalogue.Of(tier)
		total += len(of)
		if len(of) == 0 {
			t.Errorf("no policy is %s", tier)
		}
	}
	if total != len(catalogue.All()) {
		t.Errorf("tiers hold %d policies, the catalogue %d", total, len(catalogue.All()))
	}
}

// compile returns a policy as the API server has it while an override is in force
// for somebody else.
func compile(entry catalogue.Entry) (native.Objects, native.Reason, error) {
	elsewhere := policyv1alpha1.Waivers{{Override: "elsewhere/o", Tenants: []string{"elsewhere"}, ExpiresAt: metav1.NewTime(time.Now().Add(time.Hour))}}
	switch p := entry.Object.(type) {
	case *policiesv1.ValidatingPolicy:
		return native.Validating(p, native.Options{Waivers: elsewhere})
	case *policiesv1.MutatingPolicy:
		return native.Mutating(p, native.Options{Waivers: elsewhere})
	}
	return nil, "", nil
}
