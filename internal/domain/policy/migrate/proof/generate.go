package proof

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// generator makes objects around what a policy names.
type generator struct {
	random *rand.Rand
	trees  []map[string]any
	values []any
	kinds  []policy.Served
	// named are the kinds that the rule names.
	named []policy.Served
	// exemplary tells to make an object in which everything is there that the rule
	// names, of values that it names: else few would be as a strict rule wants.
	exemplary bool
	// debugged tells to make containers that are put into running Pods, too.
	debugged bool
}

// everyKind are those that objects are made of besides what a rule names.
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

// kindsOf are the kinds of Kubernetes' own that a policy names.
func kindsOf(e policy.Evaluator) []policy.Served {
	scoped, ok := e.(policy.Scoped)
	if !ok {
		return nil
	}
	known := scenario.NewKinds(nil)
	var kinds []policy.Served
	for _, scope := range scoped.Scopes() {
		for _, kind := range scenario.Stable(scope.Kind) {
			one := policy.Served{
				Group: kind.Group, Version: kind.Version, Kind: kind.Kind, Resource: known.Resource(kind).Resource,
				Namespaced: known.Scope(kind) == scenario.ScopeNamespace,
			}
			if !slices.Contains(kinds, one) {
				kinds = append(kinds, one)
			}
		}
	}
	return kinds
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
	plain := *g
	plain.trees = nil // nothing that the policy names fits the kind: a plain object
	r := plain.attempt()
	sent(r)
	return r
}

// sent puts the object into the form in which the API server sends it to who
// judges it: unknown fields and empty ones are gone. It tells whether the API
// server could read it.
func sent(r *policy.Request) bool {
	object, ok := read(r.Object, r.Kind)
	if ok {
		r.Object = object
	}
	return ok
}

// read is an object as the API server reads it.
func read(object map[string]any, kind schema.GroupVersionKind) (map[string]any, bool) {
	typed, err := scheme.Scheme.New(kind)
	if err != nil {
		return nil, false
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, typed); err != nil {
		return nil, false
	}
	made, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return nil, false
	}
	made["apiVersion"], made["kind"] = object["apiVersion"], object["kind"]
	delete(made, "status")
	delete(child(made, "metadata"), "creationTimestamp")
	return made, true
}

// attempt makes an object of a kind.
func (g *generator) attempt() *policy.Request {
	kind := g.kind()
	g.exemplary = g.random.IntN(3) == 0
	nested := makesPods(kind.Kind) && g.aboutPods()
	object := g.object(kind, nested)
	if g.debugged && kind.Kind == "Pod" && g.random.IntN(6) == 0 {
		return g.debugging(object, kind)
	}
	if nested {
		nest(object, kind.Kind)
	}
	r := policy.Existing(object, kind, in(object))
	r.User = g.user()
	return r
}

// kind is one that the rule names, most often the first, and now and then any.
func (g *generator) kind() policy.Served {
	if len(g.named) == 0 || g.random.IntN(5) == 0 {
		return g.kinds[g.random.IntN(len(g.kinds))]
	}
	if g.random.IntN(2) == 0 {
		return g.named[0]
	}
	return g.named[g.random.IntN(len(g.named))]
}

// aboutPods tells whether what the rule names is of Pods.
func (g *generator) aboutPods() bool {
	return len(g.named) == 0 || slices.ContainsFunc(g.named, func(kind policy.Served) bool { return kind.Kind == "Pod" })
}

// in is the namespace that an object is in; nil for one that is in none.
func in(object map[string]any) map[string]any {
	name, ok := child(object, "metadata")["namespace"].(string)
	if !ok {
		return nil
	}
	return map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{
		"name": name, "labels": map[string]any{"kubernetes.io/metadata.name": name, "team": name},
	}}
}

// debugging is a request about containers that are put into a running Pod: those
// that were made up for it, beside an ordinary one. It is made as others are, as if
// nothing had been there.
func (g *generator) debugging(pod map[string]any, kind policy.Served) *policy.Request {
	spec := child(pod, "spec")
	containers, _ := spec["containers"].([]any)
	spec["ephemeralContainers"] = containers
	spec["containers"] = []any{map[string]any{"name": "app", "image": "nginx:1"}}
	r := policy.Existing(pod, kind, in(pod))
	r.User = g.user()
	r.SubResource = "ephemeralcontainers"
	return r
}

// user is somebody who sends the object: admission always knows one.
func (g *generator) user() authenticationv1.UserInfo {
	user := authenticationv1.UserInfo{Username: "somebody", Groups: []string{"system:authenticated"}}
	if name := g.text(); name != "" {
		user.Username = name
	}
	if group := g.text(); group != "" {
		user.Groups = append(user.Groups, group)
	}
	return user
}

func makesPods(kind string) bool {
	return slices.Contains([]string{"CronJob", "DaemonSet", "Deployment", "Job", "ReplicaSet", "ReplicationController", "StatefulSet"}, kind)
}

// object makes an object of a kind: what the policy names is there or not, and
// of a value that it names or of another. What makes Pods is made as a Pod and
// nested later where the rule is about Pods.
func (g *generator) object(kind policy.Served, nested bool) map[string]any {
	object, as := map[string]any{}, kind
	if nested {
		as = everyKind()[0]
	}
	if t := typeOf(as); t != nil && len(g.trees) > 0 {
		object, _ = g.grow(g.trees[g.random.IntN(len(g.trees))], t).(map[string]any)
	}
	object["apiVersion"], object["kind"] = strings.TrimPrefix(kind.Group+"/"+kind.Version, "/"), kind.Kind
	g.identify(child(object, "metadata"), kind)
	switch {
	case nested, kind.Kind == "Pod":
		g.containers(child(object, "spec"))
	case kind.Kind == "CronJob":
		g.containers(child(child(child(child(child(object, "spec"), "jobTemplate"), "spec"), "template"), "spec"))
	case makesPods(kind.Kind):
		g.containers(child(child(child(object, "spec"), "template"), "spec"))
	}
	return object
}

// dns is a name that objects may have.
var dns = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$`)

// identify gives an object a name, and a namespace where its kind wants one.
func (g *generator) identify(metadata map[string]any, kind policy.Served) {
	if name, _ := metadata["name"].(string); !dns.MatchString(name) {
		metadata["name"] = fmt.Sprintf("o%d", g.random.IntN(10))
	}
	namespace, _ := metadata["namespace"].(string)
	switch {
	case !kind.Namespaced:
		delete(metadata, "namespace")
	case !dns.MatchString(namespace):
		metadata["namespace"] = []any{"shop", "shop", "shop", "default"}[g.random.IntN(4)]
	}
	delete(metadata, "generateName")
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
