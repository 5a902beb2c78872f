package mutate_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/mutate"
)

var (
	pod     = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	service = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	rollout = schema.GroupVersionKind{Group: "argoproj.io", Version: "v1alpha1", Kind: "Rollout"}
)

const unmet = "unmet"

// defaultLimits is the overlay that Kyverno gets wrong on several containers.
const defaultLimits = `{spec: {containers: [{(name): "*", resources: {limits: {+(memory): 512Mi, +(cpu): 500m}}}]}}`

// TestSeveralContainers is the matrix of Pods on which Kyverno 1.19 decides
// +(key) once for all containers.
func TestSeveralContainers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, containers, want string
		reason                 string
	}{
		{
			"one without", `[{name: a}]`,
			`[{name: a, resources: {limits: {cpu: 500m, memory: 512Mi}}}]`,
			"both are missing, so both are added",
		},
		{
			"one with both", `[{name: a, resources: {limits: {cpu: "1", memory: 1Gi}}}]`,
			`[{name: a, resources: {limits: {cpu: "1", memory: 1Gi}}}]`,
			"what is set stays",
		},
		{
			"none, memory, both", `[{name: a}, {name: b, resources: {limits: {memory: 1Gi}}}, {name: c, resources: {limits: {memory: 2Gi, cpu: "1"}}}]`,
			`[{name: a, resources: {limits: {cpu: 500m, memory: 512Mi}}}, {name: b, resources: {limits: {cpu: 500m, memory: 1Gi}}}, {name: c, resources: {limits: {cpu: "1", memory: 2Gi}}}]`,
			"Kyverno gives all three 512Mi and 500m",
		},
		{
			"memory, none", `[{name: a, resources: {limits: {memory: 1Gi}}}, {name: b}]`,
			`[{name: a, resources: {limits: {cpu: 500m, memory: 1Gi}}}, {name: b, resources: {limits: {cpu: 500m, memory: 512Mi}}}]`,
			"Kyverno leaves the second without memory",
		},
		{
			"both, none", `[{name: a, resources: {limits: {memory: 1Gi, cpu: "1"}}}, {name: b}]`,
			`[{name: a, resources: {limits: {cpu: "1", memory: 1Gi}}}, {name: b, resources: {limits: {cpu: 500m, memory: 512Mi}}}]`,
			"Kyverno leaves the second without any",
		},
		{
			"cpu, memory", `[{name: a, resources: {limits: {cpu: "1"}}}, {name: b, resources: {limits: {memory: 1Gi}}}]`,
			`[{name: a, resources: {limits: {cpu: "1", memory: 512Mi}}}, {name: b, resources: {limits: {cpu: 500m, memory: 1Gi}}}]`,
			"each lacks another one",
		},
		{
			"requests only", `[{name: a, resources: {requests: {cpu: 100m}}}, {name: b, resources: {}}]`,
			`[{name: a, resources: {requests: {cpu: 100m}, limits: {cpu: 500m, memory: 512Mi}}}, {name: b, resources: {limits: {cpu: 500m, memory: 512Mi}}}]`,
			"what stands beside limits stays, and an empty object is as good as none",
		},
		{
			"other limits", `[{name: a, resources: {limits: {nvidia.com/gpu: "1"}}}, {name: b}]`,
			`[{name: a, resources: {limits: {nvidia.com/gpu: "1", cpu: 500m, memory: 512Mi}}}, {name: b, resources: {limits: {cpu: 500m, memory: 512Mi}}}]`,
			"limits the overlay does not name stay",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			object := parse(t, `{spec: {containers: `+test.containers+`}}`)
			want := parse(t, `{spec: {containers: `+test.want+`}}`)
			got := overlaid(t, object, defaultLimits, pod)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(want, overlaid(t, want, defaultLimits, pod)); diff != "" {
				t.Errorf("a second application changes it again (-first +second):\n%s", diff)
			}
		})
	}
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name            string
		kind            schema.GroupVersionKind
		object, overlay string
		want, reason    string
	}{
		{
			"plain keys", pod, `{spec: {a: 1, b: 2}}`, `{spec: {a: 3, c: 4}}`,
			`{spec: {a: 3, b: 2, c: 4}}`, "objects are merged",
		},
		{
			"null", pod, `{spec: {a: 1, b: 2}}`, `{spec: {a: null, x: null}}`,
			`{spec: {b: 2}}`, "null removes",
		},
		{
			"add where absent", pod, `{metadata: {labels: {a: "1"}}}`, `{metadata: {labels: {+(a): "2", +(b): "2"}}}`,
			`{metadata: {labels: {a: "1", b: "2"}}}`, "what is set stays",
		},
		{
			"add an object where absent", pod, `{spec: {}}`, `{spec: {+(securityContext): {runAsNonRoot: true, +(x): 1}}}`,
			`{spec: {securityContext: {runAsNonRoot: true, x: 1}}}`, "anchors below an absent key count as absent too",
		},
		{
			"add nothing where present", pod, `{spec: {securityContext: {}}}`, `{spec: {+(securityContext): {runAsNonRoot: true}}}`,
			`{spec: {securityContext: {}}}`, "an empty object is present",
		},
		{
			"condition met", pod, `{spec: {a: x, b: 1}}`, `{spec: {(a): "x*", b: 2}}`, `{spec: {a: x, b: 2}}`, "and is no change itself",
		},
		{
			"condition unmet", pod, `{spec: {a: y, b: 1}}`, `{metadata: {n: 1}, spec: {(a): "x*", b: 2}}`, unmet, "outside of lists it decides about all",
		},
		{
			"condition on an absent key", pod, `{spec: {}}`, `{spec: {(a): "*", b: 2}}`, unmet, "an absent key meets nothing",
		},
		{
			"condition around an object", pod, `{metadata: {labels: {app: web}}, spec: {}}`, `{(metadata): {labels: {app: "w*"}}, spec: {b: 2}}`,
			`{metadata: {labels: {app: web}}, spec: {b: 2}}`, "its wildcards never end up in the result",
		},
		{
			"addition inside a condition", pod, `{spec: {c: {a: 1}}}`, `{spec: {(c): {+(b): 2}}}`,
			`{spec: {c: {a: 1, b: 2}}}`, "where the key is, something is added",
		},
		{
			"condition in a list", pod, `{spec: {containers: [{name: a, image: "x:latest"}, {name: b, image: "x:1"}]}}`,
			`{spec: {containers: [{(image): "*:latest", imagePullPolicy: Always}]}}`,
			`{spec: {containers: [{name: a, image: "x:latest", imagePullPolicy: Always}, {name: b, image: "x:1"}]}}`, "each element by itself, in its place",
		},
		{
			"condition in a list met by none", pod, `{spec: {containers: [{name: b, image: "x:1"}]}}`,
			`{spec: {containers: [{(image): "*:latest", imagePullPolicy: Always}], x: 1}}`,
			`{spec: {containers: [{name: b, image: "x:1"}], x: 1}}`, "the rest of the overlay does not depend on it",
		},
		{
			"global met", pod, `{spec: {containers: [{name: a, image: corp/x}, {name: b, image: y}]}}`,
			`{spec: {containers: [{<(image): "corp/*"}], imagePullSecrets: [{name: k}]}}`,
			`{spec: {containers: [{name: a, image: corp/x}, {name: b, image: y}], imagePullSecrets: [{name: k}]}}`, "one element is enough for the rest",
		},
		{
			"global unmet", pod, `{spec: {containers: [{name: b, image: y}]}}`,
			`{spec: {containers: [{<(image): "corp/*"}], imagePullSecrets: [{name: k}]}}`, unmet, "no element meets it",
		},
		{
			"global without the list", pod, `{spec: {}}`,
			`{spec: {containers: [{<(image): "corp/*"}], imagePullSecrets: [{name: k}]}}`, unmet, "there is no element to meet it",
		},
		{
			"merge by name", pod, `{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}`, `{spec: {containers: [{name: b, image: z}, {name: c, image: w}]}}`,
			`{spec: {containers: [{name: c, image: w}, {name: a, image: x}, {name: b, image: z}]}}`, "known ones in their place, new ones in front",
		},
		{
			"merge by another key", service, `{spec: {ports: [{port: 80, name: http}]}}`, `{spec: {ports: [{port: 80, targetPort: 8080}, {port: 443}]}}`,
			`{spec: {ports: [{port: 443}, {port: 80, name: http, targetPort: 8080}]}}`, "ports of services are merged by port",
		},
		{
			"named element with an addition", pod, `{spec: {containers: [{name: a}, {name: b}]}}`, `{spec: {containers: [{name: b, +(image): z}]}}`,
			`{spec: {containers: [{name: a}, {name: b, image: z}]}}`, "a plain name means that element",
		},
		{
			"glob as name with an addition", pod, `{spec: {containers: [{name: web-1}, {name: db}]}}`, `{spec: {containers: [{name: "web-*", +(image): z}]}}`,
			`{spec: {containers: [{name: web-1, image: z}, {name: db}]}}`, "a glob means every element it fits",
		},
		{
			"additions without a list", pod, `{spec: {}}`, `{spec: {initContainers: [{+(image): z}]}}`, `{spec: {}}`, "there is no element to add to",
		},
		{
			"list of values", pod, `{metadata: {finalizers: [a]}, spec: {x: [1]}}`, `{metadata: {finalizers: [b, a]}, spec: {x: [2]}}`,
			`{metadata: {finalizers: [b, a]}, spec: {x: [2]}}`, "finalizers merge, others are replaced",
		},
		{
			"atomic list", pod, `{spec: {tolerations: [{key: a}]}}`, `{spec: {tolerations: [{key: b}]}}`, `{spec: {tolerations: [{key: b}]}}`, "tolerations have no key",
		},
		{
			"anchors in an atomic list", pod, `{spec: {tolerations: [{key: a}, {key: b}]}}`, `{spec: {tolerations: [{(key): b, effect: NoSchedule}]}}`,
			`{spec: {tolerations: [{key: a}, {key: b, effect: NoSchedule}]}}`, "elements are changed in their place, key or not",
		},
		{
			"unknown kind", rollout, `{spec: {template: {spec: {containers: [{name: a}, {name: b}]}}}}`, `{spec: {template: {spec: {containers: [{name: b, image: x}]}}}}`,
			`{spec: {template: {spec: {containers: [{name: a}, {name: b, image: x}]}}}}`, "merged by name",
		},
		{
			"unknown kind without names", rollout, `{spec: {steps: [{w: 1}]}}`, `{spec: {steps: [{w: 2}]}}`, `{spec: {steps: [{w: 2}]}}`, "replaced",
		},
		{
			"directive delete", pod, `{spec: {a: {b: 1}, containers: [{name: a}, {name: b}]}}`, `{spec: {a: {$patch: delete}, containers: [{name: a, $patch: delete}]}}`,
			`{spec: {containers: [{name: b}]}}`, "of objects and of elements",
		},
		{
			"directive replace", pod, `{spec: {a: {b: 1}, containers: [{name: a}]}}`, `{spec: {a: {$patch: replace, c: 1}, containers: [{$patch: replace}, {name: z}]}}`,
			`{spec: {a: {c: 1}, containers: [{name: z}]}}`, "of objects and of whole lists",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			object := parse(t, test.object)
			changed, err := mutate.Overlay(object, parse(t, test.overlay), test.kind)
			if diff := cmp.Diff(parse(t, test.object), object); diff != "" {
				t.Errorf("the object itself was changed (-before +after):\n%s", diff)
			}
			if test.want == unmet {
				if _, ok := mutate.AsUnmet(err); !ok {
					t.Errorf("got %v and %v, want an unmet condition: %s", changed, err, test.reason)
				}
				return
			}
			if diff := cmp.Diff(parse(t, test.want), changed); err != nil || diff != "" {
				t.Errorf("%s: %v (-want +got):\n%s", test.reason, err, diff)
			}
		})
	}
}

func TestCheckOverlay(t *testing.T) {
	t.Parallel()
	for overlay, want := range map[string]string{
		`{spec: {containers: [{=(name): "*"}]}}`:                    "overlay.spec.containers[0].=(name): the anchor =() judges and changes nothing; in an overlay use (key), <(key) or +(key)",
		`{spec: {X(a): null}}`:                                      "overlay.spec.X(a): the anchor X() judges and changes nothing; in an overlay use (key), <(key) or +(key)",
		`{spec: {$patch: remove}}`:                                  "overlay.spec.$patch: remove is no directive; use delete, replace or merge",
		`{spec: {(a): {=(b): 1}, +(c): 1, <(d): 1, $patch: merge}}`: "",
	} {
		got := ""
		if err := mutate.CheckOverlay(parse(t, overlay), "overlay"); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", overlay, got, want)
		}
	}
}

func TestDifferencesAreNamed(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, difference := range mutate.Differences() {
		if difference.Name == "" || difference.Kyverno == "" || difference.Roadbed == "" || seen[difference.Name] {
			t.Errorf("%+v: want a name of its own and both sides told", difference)
		}
		seen[difference.Name] = true
	}
}

func overlaid(t *testing.T, object map[string]any, overlay string, kind schema.GroupVersionKind) map[string]any {
	t.Helper()
	changed, err := mutate.Overlay(object, parse(t, overlay), kind)
	if err != nil {
		t.Fatalf("Overlay: %v", err)
	}
	return changed
}

func parse(t testing.TB, text string) map[string]any {
	t.Helper()
	var value map[string]any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func FuzzOverlay(f *testing.F) {
	for _, seed := range []string{
		`{"spec":{"containers":[{"(name)":"*","+(a)":1}]}}`, `{"a":[{"$patch":"replace"},{"name":"x"}]}`, `{"a":[[1],{"name":3}]}`,
		`{"<(a)":{"+(b)":null}}`, `{"metadata":{"finalizers":["a",null,{}]}}`, `{"spec":{"ports":[{"port":80}]}}`,
	} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, object, overlay string) {
		var left, right map[string]any
		if json.Unmarshal([]byte(object), &left) != nil || json.Unmarshal([]byte(overlay), &right) != nil {
			return
		}
		before, err := json.Marshal(left)
		if err != nil {
			t.Skip()
		}
		for _, kind := range []schema.GroupVersionKind{pod, service, rollout} {
			if _, err := mutate.Overlay(left, right, kind); err != nil {
				if _, ok := mutate.AsUnmet(err); !ok {
					t.Fatalf("Overlay failed otherwise than by a condition: %v", err)
				}
			}
		}
		if after, err := json.Marshal(left); err != nil || string(after) != string(before) {
			t.Errorf("the object was changed from %s to %s", before, after)
		}
	})
}
