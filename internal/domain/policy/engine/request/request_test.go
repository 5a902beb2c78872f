package request

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// about is a request about a widget, which is a custom resource, or about one of
// Kubernetes' own kinds.
func about(group, version, kind, resource string, object map[string]any) *policy.Request {
	return &policy.Request{
		Operation: admissionv1.Create, Kind: schema.GroupVersionKind{Group: group, Version: version, Kind: kind},
		Resource:  schema.GroupVersionResource{Group: group, Version: version, Resource: resource},
		Namespace: "shop", Name: "x", Object: object,
		NamespaceObject: map[string]any{"metadata": map[string]any{"name": "shop", "labels": map[string]any{"env": "prod"}}},
	}
}

func widget(labels map[string]any) map[string]any {
	return map[string]any{"apiVersion": "acme.example/v1", "kind": "Widget", "metadata": map[string]any{"name": "x", "namespace": "shop", "labels": labels}}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	widgets := about("acme.example", "v1", "Widget", "widgets", widget(map[string]any{"team": "a"}))
	for _, test := range []struct {
		name, reason, match string
		request             *policy.Request
		want                bool
	}{
		{"rule", "group, version, resource and operation", "{resourceRules: [{apiGroups: [acme.example], apiVersions: [v1], operations: [CREATE], resources: [widgets]}]}", widgets, true},
		{"operation", "another operation is another request", "{resourceRules: [{apiGroups: [acme.example], apiVersions: [v1], operations: [DELETE], resources: [widgets]}]}", widgets, false},
		{"star", "a star is everything", "{resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]}", widgets, true},
		{"subresource", "subresources are asked for by name", "{resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['widgets/status']}]}", widgets, false},
		{"equivalent", "versions of a custom resource are one", "{resourceRules: [{apiGroups: [acme.example], apiVersions: [v2], operations: [CREATE], resources: [widgets]}]}", widgets, true},
		{"exact", "unless they shall not be", "{matchPolicy: Exact, resourceRules: [{apiGroups: [acme.example], apiVersions: [v2], operations: [CREATE], resources: [widgets]}]}", widgets, false},
		{"excluded", "exclusion wins", "{resourceRules: [{apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}], excludeResourceRules: [{apiGroups: [acme.example], apiVersions: ['*'], operations: ['*'], resources: [widgets]}]}", widgets, false},
		{"name", "resources have names", "{resourceRules: [{resourceNames: [y], apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*']}]}", widgets, false},
		{"object", "labels select objects", "{objectSelector: {matchLabels: {team: b}}}", widgets, false},
		{"namespace", "and namespaces", "{namespaceSelector: {matchExpressions: [{key: env, operator: In, values: [prod]}]}}", widgets, true},
		{"namespace name", "the server labels each namespace with its name", "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}}", widgets, true},
		{"built in", "a version that Kubernetes does not serve is none", "{resourceRules: [{apiGroups: [apps], apiVersions: [v1beta1], operations: ['*'], resources: [deployments]}]}", about("apps", "v1", "Deployment", "deployments", map[string]any{}), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var resources admissionregistrationv1.MatchResources
			if err := yaml.UnmarshalStrict([]byte(test.match), &resources); err != nil {
				t.Fatal(err)
			}
			constraints, wrong := NewConstraints(&resources)
			if len(wrong) > 0 {
				t.Fatal(wrong)
			}
			found, err := constraints.Match(test.request)
			if err != nil || (found != nil) != test.want {
				t.Fatalf("matched %v, %v; want %v: %s", found != nil, err, test.want, test.reason)
			}
		})
	}
}

// TestNamespaces are the API server's special cases.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	labelled := func(env string) map[string]any {
		return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop", "labels": map[string]any{"env": env}}}
	}
	production, _ := NewConstraints(&admissionregistrationv1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"env": "prod"}}})
	for _, test := range []struct {
		name, reason string
		operation    admissionv1.Operation
		object, old  map[string]any
		want         bool
	}{
		{"created", "a namespace is selected by the labels it shall have", admissionv1.Create, labelled("prod"), nil, true},
		{"changed", "also when they change", admissionv1.Update, labelled("test"), labelled("prod"), false},
		{"deleted", "and by those it has when it goes", admissionv1.Delete, nil, labelled("prod"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			request := about("", "v1", "Namespace", "namespaces", test.object)
			request.Operation, request.OldObject, request.NamespaceObject = test.operation, test.old, nil
			found, err := production.Match(request)
			if err != nil || (found != nil) != test.want {
				t.Fatalf("matched %v, %v; want %v: %s", found != nil, err, test.want, test.reason)
			}
			if found != nil && found.Namespace != nil {
				t.Error("the API server gives policies about namespaces no namespaceObject")
			}
		})
	}
}

func TestEquivalentObjectsHaveTheVersionAskedFor(t *testing.T) {
	t.Parallel()
	equivalent := admissionregistrationv1.Equivalent
	rule := func(group, version, resource string) *Constraints {
		made, _ := NewConstraints(&admissionregistrationv1.MatchResources{
			MatchPolicy: &equivalent,
			ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
				Operations: []admissionregistrationv1.OperationType{"*"},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{version}, Resources: []string{resource}},
			}}},
		})
		return made
	}
	request := about("acme.example", "v1", "Widget", "widgets", widget(nil))
	found, err := rule("acme.example", "v2", "widgets").Match(request)
	if err != nil {
		t.Fatal(err)
	}
	if got := found.Versioned.VersionedObject.Object().GetObjectKind().GroupVersionKind().Version; got != "v2" || found.Resource.Version != "v2" {
		t.Errorf("the object is of version %s, the resource of %s, want v2", got, found.Resource.Version)
	}
	if request.Object["apiVersion"] != "acme.example/v1" {
		t.Error("the request's own object was changed")
	}
	scaler := about("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", map[string]any{"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler"})
	if _, err := rule("autoscaling", "v1", "horizontalpodautoscalers").Match(scaler); !errors.Is(err, errNoConversion) {
		t.Errorf("got %v, want an error: only the API server can convert its own kinds", err)
	}
}

func TestExempt(t *testing.T) {
	t.Parallel()
	if !Exempt(about("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy", "validatingadmissionpolicies", nil)) {
		t.Error("the API server asks no policy about policies")
	}
	if Exempt(about("", "v1", "Pod", "pods", nil)) {
		t.Error("it asks about Pods")
	}
}

// answers says yes to everything it can be asked.
type answers struct {
	policy.Lookup
	answer any
	err    error
}

func (a answers) Call(context.Context, string, string, any) (any, error) { return a.answer, a.err }

func TestReviewer(t *testing.T) {
	t.Parallel()
	wanted := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "alice"}, Verb: "get", Resource: "pods", ResourceRequest: true}
	status := func(key string) map[string]any { return map[string]any{"status": map[string]any{key: true}} }
	for _, test := range []struct {
		name   string
		world  policy.World
		want   authorizer.Decision
		failed bool
	}{
		{"allowed", policy.World{Lookup: answers{answer: status("allowed")}}, authorizer.DecisionAllow, false},
		{"denied", policy.World{Lookup: answers{answer: status("denied")}}, authorizer.DecisionDeny, false},
		{"neither", policy.World{Lookup: answers{answer: map[string]any{}}}, authorizer.DecisionNoOpinion, false},
		{"down", policy.World{Lookup: answers{err: errors.New("down")}}, authorizer.DecisionNoOpinion, true},
		{"nobody to ask", policy.World{}, authorizer.DecisionNoOpinion, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			reviewer := NewReviewer(test.world)
			got, _, err := reviewer.Authorize(t.Context(), wanted)
			if got != test.want || (err != nil) != test.failed || (reviewer.Err() != nil) != test.failed {
				t.Errorf("got %v, %v, %v", got, err, reviewer.Err())
			}
		})
	}
}

// asked keeps what is asked.
type asked struct {
	policy.Lookup
	body any
}

func (a *asked) Call(_ context.Context, _, _ string, body any) (any, error) {
	a.body = body
	return map[string]any{}, nil
}

func TestReviewerAsksWithSelectors(t *testing.T) {
	t.Parallel()
	by, err := labels.NewRequirement("app", selection.NotIn, []string{"web", "api"})
	if err != nil {
		t.Fatal(err)
	}
	lookup := &asked{}
	_, _, err = NewReviewer(policy.World{Lookup: lookup}).Authorize(t.Context(), authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: "alice"}, Verb: "list", Resource: "pods", ResourceRequest: true,
		FieldSelectorRequirements: fields.Requirements{{Operator: selection.Equals, Field: "spec.nodeName", Value: "n1"}},
		LabelSelectorRequirements: labels.Requirements{*by},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got authorizationv1.SubjectAccessReview
	encoded, err := json.Marshal(lookup.body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &got); err != nil {
		t.Fatal(err)
	}
	want := authorizationv1.ResourceAttributes{
		Verb: "list", Resource: "pods",
		FieldSelector: &authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{{Key: "spec.nodeName", Operator: metav1.FieldSelectorOpIn, Values: []string{"n1"}}}},
		LabelSelector: &authorizationv1.LabelSelectorAttributes{Requirements: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"api", "web"}}}},
	}
	if diff := cmp.Diff(want, *got.Spec.ResourceAttributes); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

func TestDecodeNeverFails(t *testing.T) {
	t.Parallel()
	for name, object := range map[string]map[string]any{
		"wrong type": {"spec": "text"}, "numbers": {"spec": map[string]any{"containers": 3}}, "odd": {"spec": struct{}{}}, "empty": {},
	} {
		r := about("", "v1", "Pod", "pods", object)
		if v := viewOf(r); v.Attributes.GetObject() == nil {
			t.Errorf("%s: an object that fits no type is judged as it is", name)
		}
	}
}
