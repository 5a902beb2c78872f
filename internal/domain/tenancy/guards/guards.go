package guards

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"text/template"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

//go:embed *.yaml
var sources embed.FS

// Gate names a feature that is refused until somebody turns it on.
type Gate string

// GateIsolationModels opens the isolation models VirtualCluster and
// DedicatedCluster to tenants.
const GateIsolationModels Gate = "IsolationModels"

// Guard is one rule: a policy and what binds it.
type Guard struct {
	// Name is the guard's name without the prefix "roadbed-".
	Name string
	// Summary says in a few words what holds.
	Summary string
	// Core guards keep the platform itself safe from tampering. They are given
	// to the API server as files where its files are ours.
	Core bool
	// Gate is the gate whose opening makes the guard superfluous; usually empty.
	Gate Gate
	// Objects are the policy and its binding, ready to be created.
	Objects []client.Object
}

// catalogue lists the guards in the order in which documents name them.
var catalogue = []Guard{
	{Name: "platform-labels", Summary: "Nobody but Roadbed writes what tenancy trusts on a namespace", Core: true},
	{Name: "platform-objects", Summary: "Nobody but Roadbed changes what it generated for a tenant", Core: true},
	{Name: "platform-accounts", Summary: "Nobody acts as one of the platform's service accounts", Core: true},
	{Name: "platform-policies", Summary: "Nobody but Roadbed changes guards, their roles and its kinds", Core: true},
	{Name: "isolated-first", Summary: "Nothing starts in a namespace before its isolation is complete", Core: true},
	{Name: "network-peers", Summary: "A tenant's network policies open what was granted and no more", Core: true},
	{Name: "tenant-onboarding", Summary: "Tenants are onboarded by those who may, and their status is Roadbed's", Core: true},
	{Name: "feature-gates", Summary: "No tenant is promised isolation that does not exist yet", Gate: GateIsolationModels},
	{Name: "pod-placement", Summary: "Pods do not go round the scheduler"},
	{Name: "storage-classes", Summary: "Volumes are of a class that the tenant lists"},
	{Name: "registries", Summary: "Pods run images of registries that the tenant lists"},
	{Name: "services", Summary: "Services do not catch or borrow other people's traffic"},
	{Name: "paved-road", Summary: "Ordinary pods run restricted without their author's doing"},
	{Name: "load-balancers", Summary: "Load balancers take no ports of the nodes"},
}

// Option changes what the guards say from what they say by default.
type Option func(*options)

type options struct {
	platform Platform
	open     []Gate
}

// WithPlatform tells the guards where the platform's own places are.
func WithPlatform(p Platform) Option { return func(o *options) { o.platform = p } }

// WithGates opens gates: their guards are left out.
func WithGates(open ...Gate) Option { return func(o *options) { o.open = append(o.open, open...) } }

// All returns every guard whose gate is not open. The objects are the caller's
// own copies.
//
// It panics when an embedded source is malformed, which the package's tests
// rule out.
func All(opts ...Option) []Guard {
	o := options{platform: DefaultPlatform()}
	for _, set := range opts {
		set(&o)
	}
	var all []Guard
	for _, guard := range catalogue {
		if guard.Gate != "" && slices.Contains(o.open, guard.Gate) {
			continue
		}
		objects, err := load(guard.Name, o.platform)
		if err != nil {
			panic(fmt.Sprintf("embedded guard %q: %v", guard.Name, err))
		}
		guard.Objects = objects
		all = append(all, guard)
	}
	return all
}

// Objects returns what is created through the API. With static true it leaves
// out the core guards, which the API server then loads from the files that
// [Static] renders.
func Objects(static bool, opts ...Option) []client.Object {
	var objects []client.Object
	for _, guard := range All(opts...) {
		if !(static && guard.Core) {
			objects = append(objects, guard.Objects...)
		}
	}
	return objects
}

// load renders and parses one embedded source.
func load(name string, platform Platform) ([]client.Object, error) {
	source, err := render(name, platform)
	if err != nil {
		return nil, err
	}
	return apply.DecodeFile(admissionKinds(), name+".yaml", source)
}

// admissionKinds are the kinds that a guard may consist of.
func admissionKinds() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(admissionv1.AddToScheme(scheme))
	return scheme
}

// render fills the names of identities and platform namespaces into a source.
func render(name string, platform Platform) (string, error) {
	file := name + ".yaml"
	t, err := template.New(file).Funcs(platform.vocabulary()).ParseFS(sources, file)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, nil); err != nil {
		return "", err
	}
	return out.String(), nil
}
