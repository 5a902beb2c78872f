package guards

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
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
	{Name: "platform-labels", Core: true},
	{Name: "platform-objects", Core: true},
	{Name: "platform-accounts", Core: true},
	{Name: "platform-policies", Core: true},
	{Name: "isolated-first", Core: true},
	{Name: "network-peers", Core: true},
	{Name: "tenant-onboarding", Core: true},
	{Name: "feature-gates", Gate: GateIsolationModels},
	{Name: "pod-placement"},
	{Name: "storage-classes"},
	{Name: "registries"},
	{Name: "services"},
	{Name: "paved-road"},
}

// All returns every guard. The objects are the caller's own copies.
//
// It panics when an embedded source is malformed, which the package's tests
// rule out.
func All() []Guard {
	all := slices.Clone(catalogue)
	for i := range all {
		objects, err := load(all[i].Name)
		if err != nil {
			panic(fmt.Sprintf("embedded guard %q: %v", all[i].Name, err))
		}
		all[i].Objects = objects
	}
	return all
}

// Objects returns what is created through the API, but for the guards whose
// gates are open. With static true it leaves out the core guards, which the API
// server then loads from the files that [Static] renders.
func Objects(static bool, open ...Gate) []client.Object {
	var objects []client.Object
	for _, guard := range All() {
		fromFile := static && guard.Core
		superfluous := guard.Gate != "" && slices.Contains(open, guard.Gate)
		if !fromFile && !superfluous {
			objects = append(objects, guard.Objects...)
		}
	}
	return objects
}

// load renders and parses one embedded source.
func load(name string) ([]client.Object, error) {
	source, err := render(name)
	if err != nil {
		return nil, err
	}
	var objects []client.Object
	for document := range strings.SplitSeq(source, "\n---\n") {
		object, err := parse([]byte(document))
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

// render fills the names of identities and platform namespaces into a source.
func render(name string) (string, error) {
	file := name + ".yaml"
	t, err := template.New(file).Option("missingkey=error").Funcs(vocabulary).ParseFS(sources, file)
	if err != nil {
		return "", err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, nil); err != nil {
		return "", err
	}
	return out.String(), nil
}

// parse decodes one document into its type; unknown fields are errors.
func parse(document []byte) (client.Object, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := yaml.Unmarshal(document, &head); err != nil {
		return nil, fmt.Errorf("read kind: %w", err)
	}
	object, err := empty(head.Kind)
	if err != nil {
		return nil, err
	}
	if err := yaml.UnmarshalStrict(document, object); err != nil {
		return nil, fmt.Errorf("read %s: %w", head.Kind, err)
	}
	return object, nil
}

func empty(kind string) (client.Object, error) {
	switch kind {
	case "ValidatingAdmissionPolicy":
		return &admissionv1.ValidatingAdmissionPolicy{}, nil
	case "ValidatingAdmissionPolicyBinding":
		return &admissionv1.ValidatingAdmissionPolicyBinding{}, nil
	case "MutatingAdmissionPolicy":
		return &admissionv1.MutatingAdmissionPolicy{}, nil
	case "MutatingAdmissionPolicyBinding":
		return &admissionv1.MutatingAdmissionPolicyBinding{}, nil
	default:
		return nil, fmt.Errorf("kind %q is not an admission policy or binding", kind)
	}
}
