package manifest

import (
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

func TestRefusalsNameTheLine(t *testing.T) {
	t.Parallel()
	const text = `apiVersion: tenancy.roadbed.dev/v1alpha1
kind: Tenant
metadata:
  name: payments
spec:
  owner: payments-team
  businessUnit: retail
  tier: tier-1
  jurisdictions: [uk]
  costCenter: cc-1042
  namespaces:
  - name: dev
    quota:
      requests.cpu: "9"
  - name: dev
  model: VirtualCluster
`
	documents, err := Parse(Scheme(), "payments.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	fromFlags := Document{Object: documents[0].Object}
	spec := field.NewPath("spec")
	invalid := apierrors.NewInvalid(schema.GroupKind{Kind: "Tenant"}, "payments", field.ErrorList{
		field.Invalid(spec.Child("namespaces").Index(0).Child("quota").Key("requests.cpu"), "9", "more than the tenant's 8"),
		field.NotSupported(spec.Child("tier"), "tier-1", []string{"tier-2"}),
	})
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "tenants"}, "payments", nil)
	conflict := apierrors.NewApplyConflict([]metav1.StatusCause{{Field: ".spec.tier", Message: `conflict with "kubectl-edit"`}}, "1 conflict")
	twice := apierrors.NewBadRequest(`failed to create typed patch object (/payments; tenancy.roadbed.dev/v1alpha1, Kind=Tenant): .spec.namespaces: duplicate entries for key [name="dev"]`)
	guard := apierrors.NewInvalid(schema.GroupKind{Kind: "Tenant"}, "payments", nil)
	guard.ErrStatus.Details.Causes = []metav1.StatusCause{{
		Message: "ValidatingAdmissionPolicy 'roadbed-feature-gates' with binding 'roadbed-feature-gates' denied request: spec.model: isolation model VirtualCluster is not available",
	}}
	for _, test := range []struct {
		reason   string
		document Document
		err      error
		want     string
	}{
		{"each cause at its line", documents[0], invalid, `payments.yaml:14: spec.namespaces[0].quota[requests.cpu]: Invalid value: "9": more than the tenant's 8
payments.yaml:8: spec.tier: Unsupported value: "tier-1": supported values: "tier-2"`},
		{"without a file the object is named", fromFlags, invalid, `Tenant payments: spec.namespaces[0].quota[requests.cpu]: Invalid value: "9": more than the tenant's 8
Tenant payments: spec.tier: Unsupported value: "tier-1": supported values: "tier-2"`},
		{"a refusal without causes", documents[0], forbidden, `payments.yaml:1: tenants "payments" is forbidden: <nil>`},
		{"an entry that is there twice, at the second", documents[0], twice, `payments.yaml:15: spec.namespaces[1]: Duplicate value: name="dev"`},
		{"the same from flags", fromFlags, twice, `Tenant payments: spec.namespaces: Duplicate value: name="dev"`},
		{"a guard's refusal, at the field it names", documents[0], guard, `payments.yaml:16: spec.model: isolation model VirtualCluster is not available (guard roadbed-feature-gates)`},
		{"a conflict, whose path begins with a dot", documents[0], conflict, `payments.yaml:8: spec.tier: conflict with "kubectl-edit"`},
	} {
		got := test.document.Refused(test.err)
		if got.Error() != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.reason, got, test.want)
		}
	}
	if err := documents[0].Refused(conflict); !strings.Contains(verb.DescribeError(err), "--force-conflicts") {
		t.Errorf("%q does not say how to go on", verb.DescribeError(err))
	}
}
