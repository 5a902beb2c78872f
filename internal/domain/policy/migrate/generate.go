package migrate

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// generator makes objects around what a policy names.
type generator struct {
	random *rand.Rand
	trees  []map[string]any
	values []any
	kinds  []policy.Served
	// debugged tells to make containers that are put into running Pods, too.
	debugged bool
}

// kinds are those that objects are made of.
func everyKind() []policy.Served {
	return []policy.Served{
		{Version: "v1", Kind: "Pod", Resource: "pods", Namespaced: true},
		{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments", Namespaced: true},
		{Group: "batch", Version: "v1", Kind: "CronJob", Resource: "cronjobs", Namespaced: true},
		{Version: "v1", Kind: "ConfigMap", Resource: "configmaps", Namespaced: true},
		{Version: "v1", Kind: "Service", Resource: "services", Namespaced: true},
		{Group: "networking.k8s.io", Version: "v1", Kind: "Ingress", Resource: "ingresses", Namespaced: true},
		{Version: "v1", Kind: "Namespace", Resource: "namespaces"},
	}
}

// newGenerator reads patterns, patches and conditions for the fields and values
// that they name.
func newGenerator(around []any, seed uint64) *generator {
	g := &generator{random: rand.New(rand.NewPCG(seed, 1)), kinds: everyKind()} //nolint:gosec // made-up objects need no secrecy
	g.values = []any{"", "x", "web", "true", int64(0), int64(1), int64(5), true, false, "1Gi", "100m", "nginx:latest", "registry.corp.example/app:1"}
	for _, tree := range around {
		if m, ok := g.skeleton(tree).(map[string]any); ok {
			g.trees = append(g.trees, m)
		}
	}
	return g
}

// skeleton is a pattern without anchors; values are collected on the way.
func (g *generator) skeleton(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		made := map[string]any{}
		for _, key := range sortedKeys(tree) {
			name := key
			if parts := anchored.FindStringSubmatch(key); parts != nil {
				name = parts[2]
			}
			made[name] = g.skeleton(tree[key])
		}
		return made
	case []any:
		made := make([]any, len(tree))
		for i, each := range tree {
			made[i] = g.skeleton(each)
		}
		return made
	case string:
		g.values = append(g.values, examplesOf(tree)...)
	case nil:
	default:
		g.values = append(g.values, tree)
	}
	return leaf{tree}
}

// leaf is a place for a value, with what the pattern says there.
type leaf struct{ pattern any }

// operators are what patterns are made of besides values.
var operators = regexp.MustCompile(`[|&]|>=|<=|[<>!]`)

// examplesOf are values that are like a pattern, and close to it.
func examplesOf(pattern string) []any {
	var examples []any
	for part := range strings.SplitSeq(operators.ReplaceAllString(pattern, "|"), "|") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		examples = append(examples, strings.NewReplacer("*", "a", "?", "b").Replace(part), strings.NewReplacer("*", "", "?", "").Replace(part), part+"x")
	}
	return examples
}

// attempts is how often an object is made up anew that no API server would take.
const attempts = 50

// request makes an object and the request that creates it.
func (g *generator) request() *policy.Request {
	for range attempts {
		if r := g.attempt(); sent(r) {
			return r
		}
	}
	g.trees = nil // nothing that the policy names fits the kinds: plain objects
	r := g.attempt()
	sent(r)
	return r
}

// sent puts the object into the form in which the API server sends it to who
// judges it: unknown fields and empty ones are gone. It tells whether the API
// server could read it.
func sent(r *policy.Request) bool {
	typed, err := scheme.Scheme.New(r.Kind)
	if err != nil {
		return false
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(r.Object, typed); err != nil {
		return false
	}
	object, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return false
	}
	object["apiVersion"], object["kind"] = r.Object["apiVersion"], r.Object["kind"]
	delete(object, "status")
	delete(child(object, "metadata"), "creationTimestamp")
	r.Object = object
	return true
}

// attempt makes an object of a kind.
func (g *generator) attempt() *policy.Request {
	kind := g.kinds[g.random.IntN(len(g.kinds))]
	if g.random.IntN(2) == 0 {
		kind = g.kinds[0]
	}
	object := g.object(kind)
	if g.debugged && kind.Kind == "Pod" && g.random.IntN(6) == 0 {
		return g.debugging(object, kind)
	}
	if kind.Kind == "Deployment" || kind.Kind == "CronJob" {
		nest(object, kind.Kind)
	}
	namespace := shop()
	if !kind.Namespaced {
		namespace = nil
	}
	r := policy.Existing(object, kind, namespace)
	r.User = g.user()
	return r
}

// shop is the namespace that objects are in.
func shop() map[string]any {
	return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "shop", "labels": map[string]any{"kubernetes.io/metadata.name": "shop"}}}
}

// debugging is a request about containers that are put into a running Pod: those
// that were made up for it, beside an ordinary one. It is made as others are, as if
// nothing had been there.
func (g *generator) debugging(pod map[string]any, kind policy.Served) *policy.Request {
	spec := child(pod, "spec")
	containers, _ := spec["containers"].([]any)
	spec["ephemeralContainers"] = containers
	spec["containers"] = []any{map[string]any{"name": "app", "image": "nginx:1"}}
	r := policy.Existing(pod, kind, shop())
	r.User = g.user()
	r.SubResource = "ephemeralcontainers"
	return r
}

// user is somebody who sends the object: admission always knows one.
func (g *generator) user() authenticationv1.UserInfo {
	user := authenticationv1.UserInfo{Username: "somebody", Groups: []string{"system:authenticated"}}
	if name, ok := g.value(nil).(string); ok && name != "" {
		user.Username = name
	}
	if group, ok := g.value(nil).(string); ok && group != "" {
		user.Groups = append(user.Groups, group)
	}
	return user
}

// object makes an object of a kind: what the policy names is there or not, and
// of a value that it names or of another.
func (g *generator) object(kind policy.Served) map[string]any {
	object := map[string]any{}
	if len(g.trees) > 0 {
		tree := g.trees[g.random.IntN(len(g.trees))]
		if made, ok := g.grow(tree).(map[string]any); ok {
			object = made
		}
	}
	object["apiVersion"], object["kind"] = strings.TrimPrefix(kind.Group+"/"+kind.Version, "/"), kind.Kind
	metadata := child(object, "metadata")
	if _, named := metadata["name"].(string); !named {
		metadata["name"] = fmt.Sprintf("o%d", g.random.IntN(10))
	}
	if kind.Namespaced {
		metadata["namespace"] = "shop"
	} else {
		delete(metadata, "namespace")
	}
	if kind.Kind == "Pod" || kind.Kind == "Deployment" || kind.Kind == "CronJob" {
		g.containers(child(object, "spec"))
	}
	return object
}

// imageName is a name that registries could have.
var imageName = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*(/[a-z0-9]+([._-][a-z0-9]+)*)*(:[\w.-]+)?$`)

// containers gives a Pod at least one container, each with a name and an image.
func (g *generator) containers(spec map[string]any) {
	list, _ := spec["containers"].([]any)
	if len(list) == 0 {
		list = []any{map[string]any{}}
	}
	for i, each := range list {
		container, ok := each.(map[string]any)
		if !ok {
			container = map[string]any{}
			list[i] = container
		}
		container["name"] = fmt.Sprintf("c%d", i)
		if image, named := container["image"].(string); !named || !imageName.MatchString(image) {
			container["image"] = "nginx:1"
		}
	}
	spec["containers"] = list
}

// grow makes a value of a skeleton.
func (g *generator) grow(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		made := map[string]any{}
		for _, key := range sortedKeys(tree) {
			if g.random.IntN(5) > 0 {
				made[key] = g.grow(tree[key])
			}
		}
		return made
	case []any:
		var made []any
		for range g.random.IntN(4) {
			if len(tree) > 0 {
				made = append(made, g.grow(tree[g.random.IntN(len(tree))]))
			}
		}
		return slices.Clip(made)
	case leaf:
		return g.value(tree.pattern)
	}
	return tree
}

// value is one that the pattern wants, or any of those that were seen.
func (g *generator) value(pattern any) any {
	if text, ok := pattern.(string); ok && (text == "null" || text == "*") && g.random.IntN(3) == 0 {
		return map[string]any{} // whatever it is: that it is there is what counts
	}
	if text, ok := pattern.(string); ok && g.random.IntN(2) == 0 {
		if examples := examplesOf(text); len(examples) > 0 {
			return examples[g.random.IntN(len(examples))]
		}
	}
	if pattern != nil && g.random.IntN(3) == 0 {
		if _, text := pattern.(string); !text {
			return pattern
		}
	}
	return g.values[g.random.IntN(len(g.values))]
}

// nest moves a Pod's spec into what makes Pods.
func nest(object map[string]any, kind string) {
	template := map[string]any{"spec": object["spec"], "metadata": runtime.DeepCopyJSON(child(object, "metadata"))}
	delete(template["metadata"].(map[string]any), "namespace")
	object["spec"] = map[string]any{"template": template}
	if kind == "CronJob" {
		object["spec"] = map[string]any{"jobTemplate": map[string]any{"spec": map[string]any{"template": template}}}
	}
}

// child is a map within a map, made if it is not there.
func child(of map[string]any, name string) map[string]any {
	made, ok := of[name].(map[string]any)
	if !ok {
		made = map[string]any{}
		of[name] = made
	}
	return made
}
