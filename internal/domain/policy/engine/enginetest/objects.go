package enginetest

import (
	"fmt"

	"pgregory.net/rapid"
)

// Pods makes up Pods that an API server accepts: with several containers, with
// and without what policies usually ask for.
func Pods(namespace string) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		return object("v1", "Pod", namespace, t, podSpec(t, "Always"))
	})
}

// Deployments makes up Deployments.
func Deployments(namespace string) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		spec := map[string]any{
			"selector": map[string]any{"matchLabels": map[string]any{"app": "web"}},
			"template": map[string]any{
				"metadata": map[string]any{"labels": with(words(t, "template labels"), "app", "web")},
				"spec":     podSpec(t, "Always"),
			},
		}
		maybe(t, spec, "replicas", rapid.Int64Range(0, 5).AsAny())
		return object("apps/v1", "Deployment", namespace, t, spec)
	})
}

// ConfigMaps makes up ConfigMaps.
func ConfigMaps(namespace string) *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		made := object("v1", "ConfigMap", namespace, t, nil)
		made["data"] = words(t, "data")
		maybe(t, made, "immutable", rapid.Bool().AsAny())
		return made
	})
}

func object(version, kind, namespace string, t *rapid.T, spec map[string]any) map[string]any {
	metadata := map[string]any{"name": "o" + rapid.StringMatching(`[a-z]{1,6}`).Draw(t, "name"), "namespace": namespace}
	if labels := words(t, "labels"); len(labels) > 0 {
		metadata["labels"] = labels
	}
	if annotations := words(t, "annotations"); len(annotations) > 0 {
		metadata["annotations"] = annotations
	}
	made := map[string]any{"apiVersion": version, "kind": kind, "metadata": metadata}
	if spec != nil {
		made["spec"] = spec
	}
	return made
}

// words are labels, annotations or data.
func words(t *rapid.T, label string) map[string]any {
	keys := rapid.SampledFrom([]string{"app", "team", "tier", "version"})
	values := rapid.SampledFrom([]string{"web", "api", "a", "1", "true", "x"})
	made := map[string]any{}
	for key, value := range rapid.MapOfN(keys, values, 0, 3).Draw(t, label) {
		made[key] = value
	}
	return made
}

func with(made map[string]any, key string, value any) map[string]any {
	made[key] = value
	return made
}

// maybe sets a field in half of the cases.
func maybe(t *rapid.T, made map[string]any, key string, value *rapid.Generator[any]) {
	if rapid.Bool().Draw(t, "has "+key) {
		made[key] = value.Draw(t, key)
	}
}

// podSpec mounts no token: its volume has a random name.
func podSpec(t *rapid.T, restart string) map[string]any {
	spec := map[string]any{"restartPolicy": restart, "automountServiceAccountToken": false, "containers": containers(t, "c", 1)}
	if rapid.IntRange(0, 2).Draw(t, "init") == 0 {
		spec["initContainers"] = containers(t, "i", 1)
	}
	maybe(t, spec, "hostNetwork", rapid.Just[any](false))
	maybe(t, spec, "securityContext", securityContexts().AsAny())
	maybe(t, spec, "nodeSelector", rapid.Just[any](map[string]any{"disk": "ssd"}))
	if rapid.Bool().Draw(t, "volume") {
		spec["volumes"] = []any{rapid.SampledFrom([]map[string]any{
			{"name": "data", "emptyDir": map[string]any{}},
			{"name": "host", "hostPath": map[string]any{"path": "/var"}},
			{"name": "config", "configMap": map[string]any{"name": "c", "optional": true}},
		}).Draw(t, "kind of volume")}
	}
	return spec
}

func containers(t *rapid.T, prefix string, least int) []any {
	var made []any
	for i := range rapid.IntRange(least, 3).Draw(t, prefix+" containers") {
		container := map[string]any{
			"name": fmt.Sprintf("%s%d", prefix, i),
			"image": rapid.SampledFrom([]string{
				"nginx", "nginx:1.27", "ghcr.io/acme/web:2", "registry.acme.example/web@sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
			}).Draw(t, "image"),
		}
		maybe(t, container, "resources", resources().AsAny())
		maybe(t, container, "securityContext", containerContexts().AsAny())
		maybe(t, container, "imagePullPolicy", rapid.SampledFrom([]string{"Always", "IfNotPresent"}).AsAny())
		if rapid.Bool().Draw(t, "port") {
			container["ports"] = []any{map[string]any{"containerPort": rapid.Int64Range(1, 9000).Draw(t, "number")}}
		}
		made = append(made, container)
	}
	return made
}

func resources() *rapid.Generator[map[string]any] {
	amounts := rapid.SampledFrom([]any{"1Gi", "1024Mi", "500m", "0.5", int64(1), "2", "100k"})
	return rapid.Custom(func(t *rapid.T) map[string]any {
		made := map[string]any{}
		for _, kind := range []string{"limits"} {
			listed := rapid.MapOfN(rapid.SampledFrom([]string{"cpu", "memory"}), amounts, 0, 2).Draw(t, kind)
			if len(listed) > 0 {
				made[kind] = listed
			}
		}
		return made
	})
}

func securityContexts() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		made := map[string]any{}
		maybe(t, made, "runAsNonRoot", rapid.Bool().AsAny())
		maybe(t, made, "runAsUser", rapid.Int64Range(0, 3).AsAny())
		return made
	})
}

func containerContexts() *rapid.Generator[map[string]any] {
	return rapid.Custom(func(t *rapid.T) map[string]any {
		made := map[string]any{}
		maybe(t, made, "privileged", rapid.Bool().AsAny())
		maybe(t, made, "readOnlyRootFilesystem", rapid.Bool().AsAny())
		maybe(t, made, "runAsNonRoot", rapid.Bool().AsAny())
		return made
	})
}
