package legacy_test

import (
	"context"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// BenchmarkRules judges a Pod of three containers by one rule of each kind.
func BenchmarkRules(b *testing.B) {
	container := func(name string) any {
		return map[string]any{"name": name, "image": "registry.corp/" + name + ":1", "resources": map[string]any{"limits": map[string]any{"memory": "1Gi"}}}
	}
	r := &policy.Request{
		Operation: admissionv1.Create, Kind: schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, Namespace: "shop", Name: "web",
		Object: map[string]any{
			"metadata": map[string]any{"name": "web", "namespace": "shop", "labels": map[string]any{"app": "web"}},
			"spec":     map[string]any{"containers": []any{container("a"), container("b"), container("c")}},
		},
	}
	for name, rule := range map[string]string{
		"pattern": `validate: {pattern: {spec: {containers: [{image: "!*:latest"}]}}}`,
		"deny":    `validate: {deny: {conditions: {any: [{key: "{{ request.object.metadata.labels.app || '' }}", operator: Equals, value: ""}]}}}`,
		"foreach": `validate: {foreach: [{list: request.object.spec.containers, deny: {conditions: {any: [{key: "{{ element.image }}", operator: Equals, value: "*:latest"}]}}}]}`,
		"mutate":  `mutate: {patchStrategicMerge: {spec: {containers: [{(name): "*", resources: {limits: {+(cpu): 500m}}}]}}}`,
		"other":   `validate: {pattern: {spec: {x: 1}}}, exclude: {any: [{resources: {namespaces: [shop]}}]}`,
	} {
		evaluator, err := compile([]byte(`{metadata: {name: p}, spec: {rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, ` + rule + `}]}}`))
		if err != nil {
			b.Fatal(err)
		}
		set := policy.NewSet([]policy.Evaluator{evaluator}, nil)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set.Decide(context.Background(), r, policy.World{})
			}
		})
	}
}

// BenchmarkCompile tells what a policy costs to hold.
func BenchmarkCompile(b *testing.B) {
	source := []byte(`{metadata: {name: p}, spec: {rules: [{name: r, match: {any: [{resources: {kinds: [Pod]}}]}, validate: {message: "{{ request.name }}", pattern: {spec: {containers: [{image: "!*:latest", =(securityContext): {=(privileged): false}}]}}}}]}}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := compile(source); err != nil {
			b.Fatal(err)
		}
	}
}
