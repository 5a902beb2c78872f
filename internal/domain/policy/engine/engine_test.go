package engine

import (
	"errors"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// decoded reads YAML into a type.
func decoded[T any](t testing.TB, text string) *T {
	t.Helper()
	into := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return into
}

// creating is a request to create a namespaced object of Kubernetes' own kinds.
func creating(t testing.TB, resource, text string) *policy.Request {
	t.Helper()
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	metadata, _ := object["metadata"].(map[string]any)
	namespace, _ := metadata["namespace"].(string)
	name, _ := metadata["name"].(string)
	version, err := schema.ParseGroupVersion(object["apiVersion"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return &policy.Request{
		Operation: admissionv1.Create, Kind: version.WithKind(object["kind"].(string)), Resource: version.WithResource(resource),
		Namespace: namespace, Name: name, Object: object,
	}
}

const pod = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  containers:
  - {name: web, image: "nginx:1", resources: {limits: {memory: 1Gi}}}
  - {name: side, image: "ghcr.io/acme/side:2"}
`

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "nginx:1"}
`

const podRule = `
  matchConstraints:
    resourceRules:
    - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods]}
`

func TestValidatingPolicy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason, metadata, spec string
		request                      func(testing.TB) *policy.Request
		want                         []string
	}{
		{
			name: "pass", reason: "the expression is true",
			spec: `  validations: [{expression: "object.spec.containers.all(c, c.image != '')"}]`, want: []string{"validations[0] pass "},
		},
		{
			name: "fail", reason: "the first message that there is counts: the evaluated one",
			spec: `  validations: [{expression: "object.spec.containers.size() == 1", message: static, messageExpression: "'has ' + string(object.spec.containers.size())"}]`,
			want: []string{"validations[0] fail has 2"},
		},
		{
			name: "no message", reason: "the API server falls back on the expression",
			spec: `  validations: [{expression: "false"}]`, want: []string{"validations[0] fail failed expression: false"},
		},
		{
			name: "error", reason: "a missing key is an error, and refuses",
			spec: `  validations: [{expression: "object.metadata.annotations.x == ''"}]`,
			want: []string{"validations[0] error expression 'object.metadata.annotations.x == ''' resulted in error: no such key: annotations"},
		},
		{
			name: "ignored", reason: "unless the failure policy says otherwise",
			spec: "  failurePolicy: Ignore\n" + `  validations: [{expression: "object.metadata.annotations.x == ''"}]`,
			want: []string{"validations[0] warn ignored, as the failure policy says: expression 'object.metadata.annotations.x == ''' resulted in error: no such key: annotations"},
		},
		{
			name: "always there", reason: "Go types always write resources, so the API server always has it",
			spec: `  validations: [{expression: "object.spec.containers.all(c, has(c.resources))"}]`, want: []string{"validations[0] pass "},
		},
		{
			name: "variables", reason: "a variable may use those before it",
			spec: "  variables: [{name: images, expression: 'object.spec.containers.map(c, c.image)'}, {name: count, expression: variables.images.size()}]\n" +
				`  validations: [{expression: variables.count == 2}]`, want: []string{"validations[0] pass "},
		},
		{
			name: "condition", reason: "a request that a condition excludes has no results",
			spec: "  matchConditions: [{name: other, expression: \"object.metadata.name == 'other'\"}]\n" + `  validations: [{expression: "false"}]`,
		},
		{
			name: "system", reason: "system namespaces are exempt", request: func(t testing.TB) *policy.Request {
				t.Helper()
				r := creating(t, "pods", pod)
				r.Namespace = "kube-system"
				return r
			},
			spec: `  validations: [{expression: "false"}]`,
		},
		{
			name: "system included", reason: "unless the policy asks for them", metadata: `, labels: {policy.roadbed.dev/include-system: "true"}`,
			request: func(t testing.TB) *policy.Request {
				t.Helper()
				r := creating(t, "pods", pod)
				r.Namespace = "kube-system"
				return r
			},
			spec: `  validations: [{expression: "false", message: refused}]`, want: []string{"validations[0] fail refused"},
		},
		{
			name: "autogen", reason: "a policy about Pods concerns what creates them",
			request: func(t testing.TB) *policy.Request { t.Helper(); return creating(t, "deployments", deployment) },
			spec:    `  validations: [{expression: "object.spec.containers.all(c, c.image.startsWith('ghcr.io/'))", message: refused}]`,
			want:    []string{"autogen-validations[0] fail refused"},
		},
		{
			name: "budget", reason: "an evaluation that costs more than the API server allows is an error",
			spec: `  validations: [{expression: "object.spec.containers.all(a, ['a','b','c','d','e','f','g','h','i','j'].all(b, ['a','b','c','d','e','f','g','h','i','j'].all(c, ['a','b','c','d','e','f','g','h','i','j'].all(d, ['a','b','c','d','e','f','g','h','i','j'].all(e, ['a','b','c','d','e','f','g','h','i','j'].all(f, a.image != c + d + e + f))))))"}]`,
			want: []string{"validations[0] error operation cancelled: actual cost limit exceeded"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text := "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: p" + test.metadata + "}\nspec:" + podRule + test.spec
			compiled, err := CompileValidating(decoded[policiesv1.ValidatingPolicy](t, text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			request := creating(t, "pods", pod)
			if test.request != nil {
				request = test.request(t)
			}
			compare(t, compiled.Validate(t.Context(), request, policy.World{}), test.want, test.reason)
		})
	}
}

func compare(t *testing.T, results []policy.Result, want []string, reason string) {
	t.Helper()
	got := make([]string, len(results))
	for i, result := range results {
		got[i] = result.Rule + " " + string(result.Status) + " " + result.Message
	}
	if len(got) != len(want) {
		t.Fatalf("%s\n got %q\nwant %q", reason, got, want)
	}
	for i := range got {
		if got[i] != want[i] && !(strings.Contains(want[i], "cost limit") && strings.Contains(got[i], "cost limit")) {
			t.Errorf("%s\n got %s\nwant %s", reason, got[i], want[i])
		}
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, reason, spec, want string }{
		{"syntax", "the place inside the expression is named", `  validations: [{expression: "true"}, {expression: "object.spec. == 1"}]`, "spec.validations[1].expression, line 1, column 14: Syntax error"},
		{"function", "unknown functions are named", `  validations: [{expression: "nonsense(object)"}]`, "spec.validations[0].expression, line 1, column 9: undeclared reference to 'nonsense'"},
		{"line", "lines count from 1", "  validations:\n  - expression: |\n      true &&\n      nope", "spec.validations[0].expression, line 2, column 1: undeclared reference to 'nope'"},
		{"type", "a validation is a boolean", `  validations: [{expression: "1"}]`, "spec.validations[0].expression: must evaluate to bool but got int"},
		{"message", "a message is a string", `  validations: [{expression: "true", messageExpression: "1"}]`, "spec.validations[0].messageExpression: must evaluate to string but got int"},
		{"variable", "variables have types", "  variables: [{name: num, expression: '1'}]\n  validations: [{expression: variables.num == 'x'}]", "spec.validations[0].expression, line 1, column 15: found no matching overload for '_==_'"},
		{"unknown variable", "and names", "  variables: [{name: num, expression: '1'}]\n  validations: [{expression: variables.mum == 1}]", "spec.validations[0].expression, line 1, column 10: undefined field 'mum'"},
		{"selector", "selectors are parsed", "  matchConditions: [{name: x, expression: '1'}]", "spec.matchConditions[0].expression: must evaluate to bool but got int"},
		{"generator", "what creates objects is not supported", `  validations: [{expression: "generator.Apply('x', [])"}]`, "generator.Apply is not supported"},
		{"budget", "an expression that can never be evaluated is refused", `  validations: [{expression: "` + nested(7) + `"}]`, "costs at least"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text := "apiVersion: policies.kyverno.io/v1\nkind: ValidatingPolicy\nmetadata: {name: p}\nspec:" + podRule + test.spec
			compiled, err := CompileValidating(decoded[policiesv1.ValidatingPolicy](t, text), Options{})
			var faults FaultsError
			if !errors.As(err, &faults) || compiled != nil {
				t.Fatalf("%s: got %v, %v; want faults and no policy", test.reason, compiled, err)
			}
			if !strings.Contains(faults.Error(), test.want) {
				t.Errorf("%s\n got %s\nwant %s", test.reason, faults, test.want)
			}
		})
	}
}

// nested is loops in loops over ten numbers each.
func nested(depth int) string {
	expression := "true"
	for range depth {
		expression = "[1,2,3,4,5,6,7,8,9,10].map(x, " + expression + ").size() == 10"
	}
	return expression
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"object.spec.containers.size() > 0":                              "",
		"resource.List('v1', 'pods', 'x').items.size() > 0":              "it looks other objects up (resource.*)",
		"image(object.spec.containers[0].image).registry() == 'ghcr.io'": "it uses functions that the API server does not have: undeclared reference to 'image' (in container '')",
		"time.now() > timestamp('2020-01-01T00:00:00Z')":                 "it asks what time it is",
		"globalContext.Get('x', '') != null":                             "it reads the global context",
		"image.GetMetadata('x').config.size() > 0":                       "it reads images from their registry",
	} {
		text := "metadata: {name: p}\nspec:" + podRule + "  validations:\n  - expression: >-\n      " + expression
		p := decoded[policiesv1.ValidatingPolicy](t, text)
		if got := Needs(p); got != want {
			t.Errorf("Needs(%s) = %q, want %q", expression, got, want)
		}
		compiled, err := CompileValidating(p, Options{})
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		if info := compiled.Info(); (info.Lane == policy.Engine) != (want != "") || info.LaneReason != want {
			t.Errorf("%s: lane %s because %q", expression, info.Lane, info.LaneReason)
		}
	}
}

// TestKyvernosRequest shows expressions what Kyverno shows them and the API server
// does not.
func TestKyvernosRequest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, spec, lane string }{
		{"objects", `  validations: [{expression: "request.object.metadata.name == 'web' && request.oldObject == null && has(request.object) && request.operation == 'CREATE'"}]`, "engine"},
		{"namespace in a condition", "  matchConditions: [{name: x, expression: namespaceObject.metadata.name == 'shop'}]\n" + `  validations: [{expression: "namespaceObject.metadata.name == 'shop'"}]`, "engine"},
		{
			"namespace in a variable", "  variables: [{name: home, expression: namespaceObject.metadata.name}]\n  matchConditions: [{name: x, expression: variables.home == 'shop'}]\n" +
				`  validations: [{expression: "variables.home == 'shop'"}]`, "engine",
		},
		{"namespace in a validation", `  validations: [{expression: "namespaceObject.metadata.name == 'shop'"}]`, "native"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			compiled, err := CompileValidating(decoded[policiesv1.ValidatingPolicy](t, "metadata: {name: p}\nspec:"+podRule+test.spec), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if info := compiled.Info(); string(info.Lane) != test.lane {
				t.Errorf("lane %s because %q, want %s", info.Lane, info.LaneReason, test.lane)
			}
			compare(t, compiled.Validate(t.Context(), creating(t, "pods", pod), policy.World{}), []string{"validations[0] pass "}, "everything is there")
		})
	}
}

func TestMutatingPolicy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, reason, resource, object, mutation, want, status string }{
		{
			name: "apply", reason: "lists are merged by their keys", resource: "pods", object: pod,
			mutation: "{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{metadata: Object.metadata{labels: {'team': 'a'}}, spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, imagePullPolicy: 'Always'})}}\"}}",
			want: `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, team: a}}
spec:
  containers:
  - {name: web, image: "nginx:1", imagePullPolicy: Always, resources: {limits: {memory: 1Gi}}}
  - {name: side, image: "ghcr.io/acme/side:2", imagePullPolicy: Always}
`, status: "mutations[0] pass the object was changed",
		},
		{
			name: "patch", reason: "JSON patches see fields that Go types always write", resource: "pods", object: pod,
			mutation: "{patchType: JSONPatch, jsonPatch: {expression: \"[JSONPatch{op: 'add', path: '/spec/containers/1/resources/limits', value: {'memory': '2Gi'}}]\"}}",
			want: `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  containers:
  - {name: web, image: "nginx:1", resources: {limits: {memory: 1Gi}}}
  - {name: side, image: "ghcr.io/acme/side:2", resources: {limits: {memory: 2Gi}}}
`, status: "mutations[0] pass the object was changed",
		},
		{
			name: "nothing", reason: "what is there already is no change", resource: "pods", object: pod,
			mutation: "{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{metadata: Object.metadata{labels: {'app': 'web'}}}\"}}",
			status:   "mutations[0] skip there is nothing to change",
		},
		{
			name: "atomic", reason: "atomic lists may not be applied", resource: "pods", object: pod,
			mutation: "{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{spec: Object.spec{containers: [Object.spec.containers{name: 'web', args: ['x']}]}}\"}}",
			status:   "mutations[0] error error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].args",
		},
		{
			name: "added", reason: "elements of the object stay beside those that are written", resource: "pods", object: pod,
			mutation: "{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{spec: Object.spec{containers: object.spec.containers + [Object.spec.containers{name: 'log', image: 'log:1'}]}}\"}}",
			want: `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  containers:
  - {name: web, image: "nginx:1", resources: {limits: {memory: 1Gi}}}
  - {name: side, image: "ghcr.io/acme/side:2"}
  - {name: log, image: "log:1", resources: {}}
`, status: "mutations[0] pass the object was changed",
		},
		{
			name: "replaced", reason: "unless the policy applies as server-side apply does", resource: "pods", object: pod,
			mutation: "{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{spec: Object.spec{containers: [Object.spec.containers{name: 'web', args: ['x']}]}}\"}}]\n  evaluation: {useServerSideApply: true}\n  variables: [",
			want: `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  containers:
  - {name: web, image: "nginx:1", args: [x], resources: {limits: {memory: 1Gi}}}
  - {name: side, image: "ghcr.io/acme/side:2"}
`, status: "mutations[0] pass the object was changed",
		},
		{
			name: "autogen", reason: "what creates Pods is changed in its template", resource: "deployments", object: deployment,
			mutation: "{patchType: ApplyConfiguration, applyConfiguration: {expression: \"Object{spec: Object.spec{hostNetwork: false, automountServiceAccountToken: false}}\"}}",
			want: `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      containers:
      - {name: web, image: "nginx:1"}
`, status: "autogen-mutations[0] pass the object was changed",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text := "metadata: {name: p}\nspec:" + podRule + "  mutations: [" + test.mutation + "]"
			compiled, err := CompileMutating(decoded[policiesv1.MutatingPolicy](t, text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			request := creating(t, test.resource, test.object)
			untouched := creating(t, test.resource, test.object)
			object, results := compiled.Mutate(t.Context(), request, policy.World{Now: time.Unix(0, 0)}, nil)
			compare(t, results, []string{test.status}, test.reason)
			same(t, object, test.want, test.reason)
			if !equalObjects(request.Object, untouched.Object) {
				t.Error("the request's own object was changed")
			}
		})
	}
}

// TestAnnotatedChanges notes what an object became, and refuses nothing for a note
// that cannot be had.
func TestAnnotatedChanges(t *testing.T) {
	t.Parallel()
	text := "metadata: {name: p}\nspec:" + podRule + `
  variables: [{name: team, expression: "'a'"}]
  matchConditions: [{name: web, expression: "object.metadata.name == 'web'"}]
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{metadata: Object.metadata{labels: {'team': variables.team}}}"}}]
  auditAnnotations:
  - {key: team, valueExpression: "'team ' + object.metadata.labels.team"}
  - {key: owner, valueExpression: "string(object.metadata.labels.owner)"}
`
	compiled, err := CompileMutating(decoded[policiesv1.MutatingPolicy](t, text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if lane := compiled.Info().Lane; lane != policy.Native {
		t.Errorf("notes make the lane %s: the API server changes objects without them", lane)
	}
	_, results := compiled.Mutate(t.Context(), creating(t, "pods", pod), policy.World{}, nil)
	compare(t, results, []string{"mutations[0] pass the object was changed", "auditAnnotations pass ", "auditAnnotations[1] warn expression 'string(object.metadata.labels.owner)' resulted in error: no such key: owner"}, "a note that fails is a warning")
	if len(results) > 1 && results[1].AuditAnnotations["team"] != "team a" {
		t.Errorf("annotations %v, want those of the changed object", results[1].AuditAnnotations)
	}
	_, results = compiled.Mutate(t.Context(), creating(t, "deployments", deployment), policy.World{}, nil)
	if len(results) != 3 || results[1].AuditAnnotations["team"] != "team a" {
		t.Errorf("results %+v, want what is noted of the template", results)
	}
	other := creating(t, "pods", strings.Replace(pod, "name: web,", "name: other,", 1))
	if _, results = compiled.Mutate(t.Context(), other, policy.World{}, nil); len(results) > 0 {
		t.Errorf("results %v of an object that the policy does not concern", results)
	}
}

// TestExistingObjects names what Roadbed does not do.
func TestExistingObjects(t *testing.T) {
	t.Parallel()
	text := "metadata: {name: p}\nspec:" + podRule + `
  targetMatchConditions: [{name: x, expression: "true"}]
  evaluation: {mutateExisting: {enabled: true}, skipBackgroundRequests: false}
  mutations: [{patchType: JSONPatch, jsonPatch: {expression: "[JSONPatch{op: 'remove', path: '/spec'}]"}}]
`
	_, err := CompileMutating(decoded[policiesv1.MutatingPolicy](t, text), Options{})
	var faults FaultsError
	if !errors.As(err, &faults) || len(faults) != 2 || !faults[0].Unsupported || faults[0].Field != "spec.targetMatchConditions" || faults[1].Field != "spec.evaluation.mutateExisting" {
		t.Errorf("got %v, want both fields by name", err)
	}
}

func same(t *testing.T, object map[string]any, want, reason string) {
	t.Helper()
	var wanted map[string]any
	if want != "" {
		wanted = *decoded[map[string]any](t, want)
	}
	if !equalObjects(object, wanted) {
		got, _ := yaml.Marshal(object)
		t.Errorf("%s\n got %s\nwant %s", reason, got, want)
	}
}

func equalObjects(a, b map[string]any) bool {
	left, _ := yaml.Marshal(a)
	right, _ := yaml.Marshal(b)
	return string(left) == string(right)
}

func TestAdmissionPolicy(t *testing.T) {
	t.Parallel()
	vap := decoded[admissionregistrationv1.ValidatingAdmissionPolicy](t, `
metadata: {name: replicas}
spec:
  paramKind: {apiVersion: v1, kind: ConfigMap}
  matchConstraints:
    resourceRules: [{apiGroups: [apps], apiVersions: [v1], operations: [CREATE], resources: [deployments]}]
  validations:
  - {expression: "object.spec.replicas <= int(params.data.max)", messageExpression: "'at most ' + params.data.max"}
  auditAnnotations: [{key: max, valueExpression: string(params.data.max)}]
`)
	bindings := []*admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		decoded[admissionregistrationv1.ValidatingAdmissionPolicyBinding](t, `
metadata: {name: b}
spec: {policyName: replicas, paramRef: {selector: {}, parameterNotFoundAction: Deny}, validationActions: [Deny]}
`),
		decoded[admissionregistrationv1.ValidatingAdmissionPolicyBinding](t, `
metadata: {name: other}
spec: {policyName: another, validationActions: [Deny]}
`),
	}
	param := func(name, maximum string) map[string]any {
		return map[string]any{
			"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": name, "namespace": "shop"},
			"data": map[string]any{"max": maximum},
		}
	}
	request := creating(t, "deployments", deployment)
	request.Object["spec"].(map[string]any)["replicas"] = int64(4)
	for _, test := range []struct {
		name, reason string
		params       []map[string]any
		want         []string
	}{
		{"one", "each parameter is one evaluation", []map[string]any{param("a", "3")}, []string{"validations[0] fail at most 3"}},
		{"two", "and all of them count", []map[string]any{param("a", "3"), param("b", "5")}, []string{"validations[0] fail at most 3", "validations[0] pass "}},
		{"none", "the binding says what no parameter means", nil, []string{"matchConstraints error failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			compiled, err := CompileVAP(vap, bindings, Options{Params: test.params})
			if err != nil {
				t.Fatal(err)
			}
			results := compiled.Validate(t.Context(), request, policy.World{})
			compare(t, results, test.want, test.reason)
			if len(test.params) > 0 && results[0].AuditAnnotations["max"] != "3" {
				t.Errorf("audit annotations %v, want max: 3", results[0].AuditAnnotations)
			}
		})
	}
}

func TestJSONMode(t *testing.T) {
	t.Parallel()
	compiled, err := CompileValidating(decoded[policiesv1.ValidatingPolicy](t, `
metadata: {name: p}
spec:
  evaluation: {mode: JSON}
  validations: [{expression: "object.foo.bar == 3", message: refused}]
`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	payload := &policy.Request{Object: map[string]any{"foo": map[string]any{"bar": int64(4)}}}
	compare(t, compiled.Validate(t.Context(), payload, policy.World{}), []string{"validations[0] fail refused"}, "a document is judged whatever it is")
}

func variable(name, expression string) admissionregistrationv1.Variable {
	return admissionregistrationv1.Variable{Name: name, Expression: expression}
}
