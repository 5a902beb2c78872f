package engine_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/enginetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// samples is how many objects are compared for each policy.
const samples = 50

// trial is a policy that both judge.
type trial struct {
	name, reason, resource string
	objects                func(string) *rapid.Generator[map[string]any]
	// spec is that of a ValidatingAdmissionPolicy, or of a mutating one if
	// mutations are set.
	spec      string
	mutations string
	// onesided tells that the samples give one verdict only.
	onesided bool
}

var trials = []trial{
	{
		name: "labels", reason: "messages are evaluated", resource: "pods", objects: enginetest.Pods,
		spec: `
  validations:
  - expression: "'team' in object.metadata.?labels.orValue({})"
    messageExpression: "'Pod ' + object.metadata.name + ' of ' + request.userInfo.username + ' has no team, but ' + string(size(object.metadata.?labels.orValue({}))) + ' labels'"
`,
	},
	{
		name: "limits", reason: "variables use variables; has() sees what Go types write", resource: "pods", objects: enginetest.Pods,
		spec: `
  variables:
  - {name: all, expression: "object.spec.containers + object.spec.?initContainers.orValue([])"}
  - {name: bad, expression: "variables.all.filter(c, !has(c.resources) || !has(c.resources.limits) || !has(c.resources.limits.memory)).map(c, c.name)"}
  validations:
  - {expression: "size(variables.bad) == 0", messageExpression: "'no memory limit: ' + variables.bad.join(', ')"}
`,
	},
	{
		name: "quantities", reason: "quantities are canonical", resource: "pods", objects: enginetest.Pods,
		spec: `
  validations:
  - expression: "object.spec.containers.all(c, !has(c.resources.limits) || !('cpu' in c.resources.limits) || quantity(c.resources.limits['cpu']).isLessThan(quantity('1')))"
    messageExpression: "'limits: ' + object.spec.containers.filter(c, has(c.resources.limits)).map(c, c.resources.limits.map(k, string(c.resources.limits[k])).sort().join('+')).join(' ')"
`,
	},
	{
		name: "images", reason: "regular expressions and lists", resource: "deployments", objects: enginetest.Deployments,
		spec: `
  validations:
  - {expression: "object.spec.template.spec.containers.all(c, c.image.matches('^(ghcr.io/acme/|nginx:)'))", message: "an image is from elsewhere"}
  - {expression: "object.spec.replicas < 4", reason: Forbidden}
`,
	},
	{
		name: "security", reason: "false and absent are not the same", resource: "pods", objects: enginetest.Pods,
		spec: `
  validations:
  - {expression: "object.spec.?securityContext.?runAsNonRoot.orValue(false) || object.spec.containers.all(c, c.?securityContext.?runAsNonRoot.orValue(false))", message: " spaces are trimmed "}
  - {expression: "!has(object.spec.hostNetwork) && has(object.spec.securityContext)", message: "host network or no context"}
`,
	},
	{
		name: "errors", reason: "an error refuses, with its text", resource: "pods", objects: enginetest.Pods,
		spec: `
  validations: [{expression: "object.metadata.labels.team == 'a'"}]
`,
	},
	{
		name: "ignored", reason: "unless errors are ignored; a false still refuses", resource: "pods", objects: enginetest.Pods,
		spec: `
  failurePolicy: Ignore
  matchConditions: [{name: labelled, expression: "object.metadata.labels.app != 'x'"}]
  validations: [{expression: "object.metadata.labels.team == 'a'", message: "not of team a"}]
`,
	},
	{
		name: "conditions", reason: "an error in a condition refuses too, unless another is false", resource: "configmaps", objects: enginetest.ConfigMaps,
		spec: `
  matchConditions:
  - {name: named, expression: "object.metadata.name < 'os'"}
  - {name: labelled, expression: "object.metadata.labels.app in ['web', 'api']"}
  validations: [{expression: "object.data.exists(k, k == 'team')", message: "no team"}]
`,
	},
	{
		name: "namespaces", reason: "the namespace is known; selectors select", resource: "configmaps", objects: enginetest.ConfigMaps,
		spec: `
  validations:
  - {expression: "namespaceObject.metadata.labels['kubernetes.io/metadata.name'] == request.namespace && has(object.immutable)", messageExpression: "namespaceObject.metadata.name + ' ' + request.operation + ' ' + request.resource.resource + ' ' + string(request.dryRun)"}
`,
	},
	{
		name: "budget", reason: "what costs too much is an error", resource: "pods", objects: enginetest.Pods, onesided: true,
		spec: `
  validations:
  - expression: "object.spec.containers.all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, [1,2,3,4,5,6,7,8,9,10].all(g, a.name.size() + b + c + d + e + f + g > 0)))))))"
`,
	},
	{
		name: "apply", reason: "lists are merged by key", resource: "pods", objects: enginetest.Pods,
		mutations: `
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >-
        Object{
          metadata: Object.metadata{labels: {"team": "platform"}},
          spec: Object.spec{containers: object.spec.containers.map(c, Object.spec.containers{
            name: c.name, resources: Object.spec.containers.resources{limits: {"memory": c.?resources.?limits.?memory.orValue("256Mi")}}})}
        }
`,
	},
	{
		name: "patch", reason: "JSON patches add, replace and test", resource: "pods", objects: enginetest.Pods,
		mutations: `
  - patchType: JSONPatch
    jsonPatch:
      expression: >-
        object.spec.containers[0].?imagePullPolicy.orValue("") == "Always" ?
        [JSONPatch{op: "replace", path: "/spec/containers/0/imagePullPolicy", value: "IfNotPresent"}] :
        [JSONPatch{op: "test", path: "/spec/restartPolicy", value: "Never"}, JSONPatch{op: "add", path: "/metadata/labels", value: {"never": "seen"}}]
  - patchType: JSONPatch
    jsonPatch:
      expression: >-
        [JSONPatch{op: "add", path: "/metadata/annotations", value: {}},
         JSONPatch{op: "add", path: "/metadata/annotations/" + jsonpatch.escapeKey("acme.example/owner"), value: "platform"}]
`,
	},
	{
		name: "atomic", reason: "atomic lists may not be applied", resource: "deployments", objects: enginetest.Deployments,
		mutations: `
  - patchType: ApplyConfiguration
    applyConfiguration:
      expression: >-
        object.spec.replicas > 2 ?
        Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "c0", args: ["x"]}]}}}} :
        Object{metadata: Object.metadata{annotations: {"replicas": string(object.spec.replicas)}}}
`,
	},
	{
		name: "missing", reason: "a patch of what is not there refuses", resource: "configmaps", objects: enginetest.ConfigMaps,
		mutations: `
  - patchType: JSONPatch
    jsonPatch: {expression: '[JSONPatch{op: "remove", path: "/data/team"}]'}
`,
	},
}

// samples is how many objects are compared. A few do where all get the same
// verdict, for which the budget of an evaluation is used up each time: that takes
// a second under the race detector.
func (one trial) samples() int {
	if one.onesided {
		return 4
	}
	return samples
}

// TestEngineIsTheAPIServer compares verdicts, messages and changed objects.
func TestEngineIsTheAPIServer(t *testing.T) {
	t.Parallel()
	if os.Getenv(kubetest.BinaryVariable) == "" && testing.Short() {
		t.Skip("needs a control plane")
	}
	env := kubetest.Start(t)
	server := enginetest.Server{Client: quiet(t, env), User: authenticationv1.UserInfo{
		Username: standalone.AdminUser, Groups: []string{standalone.AdminGroup, "system:authenticated"},
	}}
	plain := newNamespace(t, env.Client, "twin-plain-")
	for _, one := range trials {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			home := newNamespace(t, env.Client, "twin-"+one.name+"-")
			evaluator := one.install(t, env.Client, home)
			one.wait(t, server, home)
			refused := 0
			for seed := range one.samples() {
				object := one.objects(home).Example(seed + 1)
				outcome, err := server.Compare(t.Context(), evaluator, enginetest.Homes{Plain: plain, Bound: home}, one.resource, object)
				if err != nil {
					t.Fatal(err)
				}
				if outcome.Difference != "" {
					t.Errorf("%s\n%s\nobject %v", one.reason, outcome.Difference, object)
				}
				if outcome.Refusal != "" {
					refused++
				}
			}
			if !one.onesided && one.mutations == "" && (refused == 0 || refused == samples) {
				t.Errorf("%d of %d were refused: the samples say nothing", refused, samples)
			}
		})
	}
}

// quiet is the administrator's client; it keeps the server's warnings to itself.
func quiet(t *testing.T, env *kubetest.Env) client.Client {
	t.Helper()
	config := rest.CopyConfig(env.Admin)
	config.WarningHandler, config.QPS = rest.NoWarnings{}, -1
	direct, err := client.New(config, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return direct
}

func newNamespace(t *testing.T, c client.Client, prefix string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace.Name
}

// probe is the name of an object that shows that the policy is in force: all
// else has names that begin with o.
const probe = "aprobe"

// install creates the policy for one namespace, and compiles it.
func (one trial) install(t *testing.T, c client.Client, home string) policy.Evaluator {
	t.Helper()
	match := fmt.Sprintf(`
  matchConstraints:
    matchPolicy: Equivalent
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: %s}}
    resourceRules: [{apiGroups: ["", apps], apiVersions: [v1], operations: [CREATE], resources: [%s]}]
`, home, one.resource)
	if one.mutations != "" {
		return one.installMutating(t, c, home, match)
	}
	vap, bound := new(admissionregistrationv1.ValidatingAdmissionPolicy), new(admissionregistrationv1.ValidatingAdmissionPolicyBinding)
	parse(t, "metadata: {name: "+home+"}\nspec:"+match+one.spec, vap)
	parse(t, "metadata: {name: "+home+"}\nspec: {policyName: "+home+", validationActions: [Deny]}", bound)
	vap.Spec.Validations = append(vap.Spec.Validations, admissionregistrationv1.Validation{
		Expression: "object.metadata.name != 'aprobe'", Message: probe,
	})
	create(t, c, vap, bound)
	compiled, err := engine.CompileVAP(vap, []*admissionregistrationv1.ValidatingAdmissionPolicyBinding{bound}, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func (one trial) installMutating(t *testing.T, c client.Client, home, match string) policy.Evaluator {
	t.Helper()
	mutating, bound := new(admissionregistrationv1.MutatingAdmissionPolicy), new(admissionregistrationv1.MutatingAdmissionPolicyBinding)
	parse(t, "metadata: {name: "+home+"}\nspec:"+match+"  reinvocationPolicy: Never\n  failurePolicy: Fail\n  mutations:"+one.mutations, mutating)
	parse(t, "metadata: {name: "+home+"}\nspec: {policyName: "+home+"}", bound)
	mutating.Spec.Mutations = append(mutating.Spec.Mutations, admissionregistrationv1.Mutation{
		PatchType: admissionregistrationv1.PatchTypeJSONPatch,
		JSONPatch: &admissionregistrationv1.JSONPatch{Expression: `object.metadata.name != 'aprobe' ? [] : [JSONPatch{op: "remove", path: "/nothing"}]`},
	})
	create(t, c, mutating, bound)
	compiled, err := engine.CompileMAP(mutating, []*admissionregistrationv1.MutatingAdmissionPolicyBinding{bound}, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

func create(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := c.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := c.Delete(context.WithoutCancel(t.Context()), object); client.IgnoreNotFound(err) != nil {
				t.Error(err)
			}
		})
	}
}

// wait returns when the API server has the policy.
func (one trial) wait(t *testing.T, server enginetest.Server, home string) {
	t.Helper()
	object := one.objects(home).Example(1)
	object["metadata"] = map[string]any{"name": probe, "labels": map[string]any{"app": "web"}}
	deadline := time.After(5 * time.Minute)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		verdict, err := server.Create(t.Context(), home, object)
		if err != nil {
			t.Fatal(err)
		}
		if verdict.Refusal != "" {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the policy never came into force")
		}
	}
}
