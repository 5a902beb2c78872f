package problem_test

import (
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

func TestFromStatus(t *testing.T) {
	t.Parallel()
	tenants := schema.GroupKind{Group: "tenancy.roadbed.dev", Kind: "Tenant"}
	cases := map[string]struct {
		reason  string
		refusal apierrors.APIStatus
		want    problem.Problem
	}{
		"Invalid": {
			reason: "each cause of an invalid object is a field that is wrong",
			refusal: apierrors.NewInvalid(tenants, "payments", field.ErrorList{
				field.NotFound(field.NewPath("spec", "tier"), "tier-9"),
				field.Required(field.NewPath("spec", "owner"), "name the team"),
			}),
			want: problem.Problem{
				Type: "about:blank", Title: "Unprocessable Entity", Status: 422,
				Detail: `Tenant.tenancy.roadbed.dev "payments" is invalid: [spec.tier: Not found: "tier-9", spec.owner: Required value: name the team]`,
				Errors: []problem.FieldError{
					{Field: "spec.tier", Detail: `Not found: "tier-9"`},
					{Field: "spec.owner", Detail: "Required value: name the team"},
				},
			},
		},
		"NotFound": {
			reason:  "a refusal that is about no field has no fields",
			refusal: apierrors.NewNotFound(schema.GroupResource{Resource: "tenants"}, "payments"),
			want:    problem.Problem{Type: "about:blank", Title: "Not Found", Status: 404, Detail: `tenants "payments" not found`},
		},
		"CauseWithoutMessage": {
			reason: "a cause that says nothing is told by its type, one without a field not at all",
			refusal: &apierrors.StatusError{ErrStatus: metav1.Status{Code: 400, Message: "bad", Details: &metav1.StatusDetails{
				Causes: []metav1.StatusCause{{Type: "FieldValueInvalid", Field: "spec.quota"}, {Type: "UnexpectedServerResponse", Message: "?"}},
			}}},
			want: problem.Problem{
				Type: "about:blank", Title: "Bad Request", Status: 400, Detail: "bad",
				Errors: []problem.FieldError{{Field: "spec.quota", Detail: "FieldValueInvalid"}},
			},
		},
		"NoCode": {
			reason:  "a status that is no HTTP error is a fault of ours",
			refusal: &apierrors.StatusError{ErrStatus: metav1.Status{Message: "what"}},
			want:    problem.Problem{Type: "about:blank", Title: "Internal Server Error", Status: 500, Detail: "what"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, problem.FromStatus(tc.refusal)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestWrite(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason  string
		problem problem.Problem
		want    string
		status  int
	}{
		"Plain": {
			reason:  "what a status says all about needs no type of its own",
			problem: problem.New(403, `ask an admin of business unit "retail"`),
			want:    `{"type":"about:blank","title":"Forbidden","status":403,"detail":"ask an admin of business unit \"retail\""}`,
			status:  403,
		},
		"Zero": {
			reason: "an empty problem is still a whole answer",
			want:   `{"type":"about:blank","title":"Internal Server Error","status":500}`,
			status: 500,
		},
		"Typed": {
			reason:  "what is given is kept",
			problem: problem.Problem{Type: "https://roadbed.dev/problems/envelope", Title: "Envelope exceeded", Status: 409, Instance: "/tenants/payments"},
			want:    `{"type":"https://roadbed.dev/problems/envelope","title":"Envelope exceeded","status":409,"instance":"/tenants/payments"}`,
			status:  409,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := httptest.NewRecorder()
			problem.Write(answer, tc.problem)
			if got := answer.Header().Get("Content-Type"); got != problem.ContentType || answer.Code != tc.status {
				t.Errorf("answered %d %s: %s", answer.Code, got, tc.reason)
			}
			if diff := cmp.Diff(compact(t, tc.want), compact(t, answer.Body.String())); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func compact(t *testing.T, text string) map[string]any {
	t.Helper()
	var content map[string]any
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, text)
	}
	return content
}
