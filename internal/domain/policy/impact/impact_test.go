package impact_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/impact"
)

// owner wants a label.
type owner struct{ tier policy.Tier }

func (o owner) Info() policy.Info {
	return policy.Info{Name: "owner", Tier: o.tier, Rules: []string{"label", "never"}}
}

func (o owner) Validate(_ context.Context, r *policy.Request, _ policy.World) []policy.Result {
	result := policy.Result{Policy: "owner", Rule: "label", Tier: o.tier, Status: policy.Pass}
	if r.Labels()["owner"] == "" {
		result.Status, result.Message = policy.Fail, "no owner"
	}
	return []policy.Result{result}
}

func existing(namespace, name string, labels map[string]any) *policy.Request {
	object := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": namespace, "labels": labels}}
	in := map[string]any{"metadata": map[string]any{"labels": map[string]any{tenancyv1alpha1.LabelTenant: namespace, tenancyv1alpha1.LabelOwner: "team-" + namespace}}}
	return policy.Existing(object, policy.Served{Version: "v1", Kind: "ConfigMap", Resource: "configmaps"}, in)
}

func all(requests ...*policy.Request) iter.Seq2[*policy.Request, error] {
	return func(yield func(*policy.Request, error) bool) {
		for _, request := range requests {
			if !yield(request, nil) {
				return
			}
		}
	}
}

// TestRun counts by rule and tenant, the same with any number of workers.
func TestRun(t *testing.T) {
	t.Parallel()
	requests := all(existing("b", "2", nil), existing("a", "1", map[string]any{"owner": "x"}), existing("b", "1", nil), existing("b", "3", map[string]any{"owner": "x"}))
	want := &impact.Forecast{
		Requests: 4, Refused: 2,
		Rules: []impact.Rule{
			{Policy: "owner", Rule: "label", Tier: policy.Default, Counts: impact.Counts{Pass: 2, Fail: 2}, Tenants: []string{"b"}, Examples: []impact.Example{{Kind: "ConfigMap", Namespace: "b", Name: "1", Tenant: "b", Message: "no owner"}}},
			{Policy: "owner", Rule: "never", Tier: policy.Default},
		},
		Tenants: []impact.Tenant{{Tenant: "b", Team: "team-b", Requests: 3, Refused: 2}, {Tenant: "a", Team: "team-a", Requests: 1}},
	}
	for _, workers := range []int{1, 4} {
		got, err := impact.Run(t.Context(), policy.NewSet([]policy.Evaluator{owner{policy.Default}}, nil), requests, impact.Options{Examples: 1, Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d workers (-want +got):\n%s", workers, diff)
		}
		if !got.Refuses() || !got.Warns() || got.Errs() {
			t.Errorf("refuses %v, warns %v, errs %v", got.Refuses(), got.Warns(), got.Errs())
		}
	}
}

// TestRunWarns: what is recommended refuses nothing.
func TestRunWarns(t *testing.T) {
	t.Parallel()
	got, err := impact.Run(t.Context(), policy.NewSet([]policy.Evaluator{owner{policy.Recommended}}, nil), all(existing("a", "1", nil)), impact.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Refuses() || got.Warned != 1 {
		t.Errorf("refused %d, warned %d", got.Refused, got.Warned)
	}
}

// TestRecording reads audit events and reviews, and counts what it leaves out.
func TestRecording(t *testing.T) {
	t.Parallel()
	event := func(verb, stage string, code int, object string) string {
		return fmt.Sprintf(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":%q,"verb":%q,"user":{"username":"ann"},"objectRef":{"resource":"configmaps","namespace":"a","name":"x","apiVersion":"v1"},"responseStatus":{"code":%d}%s}`, stage, verb, code, object)
	}
	const object = `,"requestObject":{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"a"}}`
	text := strings.Join([]string{
		event("create", "ResponseComplete", 201, object),
		event("create", "RequestReceived", 0, object),
		event("get", "ResponseComplete", 200, ""),
		event("create", "ResponseComplete", 403, object),
		event("patch", "ResponseComplete", 200, object),
		event("patch", "ResponseComplete", 200, strings.Replace(object, "request", "response", 1)),
		`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"operation":"DELETE","kind":{"version":"v1","kind":"ConfigMap"},"resource":{"version":"v1","resource":"configmaps"},"namespace":"a","name":"x","oldObject":{"kind":"ConfigMap"}}}`,
		"",
	}, "\n")
	recording := impact.NewRecording("audit.log", strings.NewReader(text), func(string) map[string]any { return nil })
	var got []string
	for request, err := range recording.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s/%s by %q", request.Operation, request.Namespace, request.Name, request.User.Username))
	}
	if diff := cmp.Diff([]string{`CREATE a/x by "ann"`, `UPDATE a/x by "ann"`, `DELETE a/x by ""`}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	want := map[string]int{"no write": 2, "refused at the time": 1, "recorded without the object: the audit policy must have level RequestResponse for it": 1}
	if diff := cmp.Diff(want, recording.Left); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
}

// TestRecordingRefuses names the line.
func TestRecordingRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"{}\n", "\n{\"kind\":", "\n\n{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\"}"} {
		recording := impact.NewRecording("audit.log", strings.NewReader(text), nil)
		for _, err := range recording.Requests() {
			if err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("audit.log:%d: ", 1+strings.Count(strings.TrimRight(text, "\n"), "\n"))) {
				t.Errorf("%q: %v", text, err)
			}
		}
	}
}

// FuzzRecording: no recording makes a panic.
func FuzzRecording(f *testing.F) {
	f.Add(`{"kind":"Event","apiVersion":"audit.k8s.io/v1","stage":"ResponseComplete","verb":"create","objectRef":{},"requestObject":{"kind":"Pod"}}`)
	f.Add(`{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","request":{"object":{"a":1}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		recording := impact.NewRecording("f", strings.NewReader(text), func(string) map[string]any { return nil })
		for request, err := range recording.Requests() {
			if (request == nil) == (err == nil) {
				t.Error("neither a request nor an error, or both")
			}
		}
	})
}
