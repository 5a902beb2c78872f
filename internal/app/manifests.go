package app

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/kinds"
	"github.com/roadbed-dev/roadbed/internal/app/policies"
	policyrbac "github.com/roadbed-dev/roadbed/internal/domain/policy/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/rbac"
)

// part is a group of objects that belong together, in the order in which they
// are applied.
type part struct {
	// name is the part's folder in config/.
	name    string
	objects []client.Object
}

// parts are everything that an installation consists of beside the kinds.
func parts(opts InstallOptions) []part {
	all := []part{
		{"rbac", slices.Concat(rbac.Objects(), policyrbac.Objects(), webhookRights(), settingsRights(), policyrbac.PullSecrets(opts.PullSecrets), gatedObjects(opts.FeatureGates))},
		{"install", append(platformNamespaces(opts.Settings), platformEntry(opts)...)},
		{"admission", append(guardObjects(opts), policies.OverrideGuards(opts.StaticGuards)...)},
	}
	if !opts.StaticGuards {
		all = append(all, part{"policies", policies.Mandatory()})
	}
	if opts.FeatureGates[capabilities.Gate] {
		all = append(all, part{capabilitiesPart, capabilities.Shipped()})
	}
	if opts.Webhook != WebhookOff {
		all = append(all, part{"webhook", installedWebhooks(opts)})
	}
	if behind := platformObjects(opts); len(behind) > 0 {
		all = append(all, part{"platform", behind})
	}
	return append(all, part{"tiers", tierObjects()}, part{"catalogue", policies.Advised()})
}

// GuardedPlatform is what guards are told of the settings, so that they and the
// controllers mean the same places. Empty names get their defaults.
func GuardedPlatform(settings tenancy.Settings) guards.Platform {
	settings = settings.WithDefaults()
	return guards.Platform{
		DNSNamespace: settings.DNSNamespace, IngressNamespace: settings.IngressNamespace,
		ObservabilityNamespace: settings.ObservabilityNamespace, ClusterCIDRs: settings.ClusterCIDRs,
	}
}

func guardObjects(opts InstallOptions) []client.Object {
	set := []guards.Option{guards.WithPlatform(GuardedPlatform(opts.Settings))}
	for gate, open := range opts.FeatureGates {
		if open {
			set = append(set, guards.WithGates(guards.Gate(gate)))
		}
	}
	return guards.Objects(opts.StaticGuards, set...)
}

// platformNamespaces are the places that every tenant may reach. The cluster
// brings the one for DNS.
func platformNamespaces(settings tenancy.Settings) []client.Object {
	var objects []client.Object
	for _, name := range []string{settings.IngressNamespace, settings.ObservabilityNamespace} {
		objects = append(objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return objects
}

func tierObjects() []client.Object {
	var objects []client.Object
	for _, tier := range tenancy.Tiers() {
		objects = append(objects, tier)
	}
	return objects
}

// Manifests renders what Install applies, and a Deployment that runs the
// server, as YAML documents in the order in which to apply them. The capabilities that
// ship with Roadbed are not among them: their webhook fails closed, and whoever applies
// documents applies it before there is a server.
func Manifests(opts InstallOptions) ([]byte, error) {
	opts = opts.withDefaults()
	text, err := kinds.Text()
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(text)
	for _, foreign := range foreignKinds(opts) {
		text, err := foreign.Text()
		if err != nil {
			return nil, err
		}
		out.Write(text)
	}
	for _, part := range append(parts(opts), part{"install", workload(opts)}) {
		if part.name == capabilitiesPart {
			continue
		}
		document, err := render(part.objects)
		if err != nil {
			return nil, err
		}
		out.Write(document)
	}
	return out.Bytes(), nil
}

// foreignKinds are the kinds of others that an installation needs.
func foreignKinds(opts InstallOptions) []kinds.Foreign {
	var needed []kinds.Foreign
	if !opts.NoKyvernoKinds {
		needed = append(needed, kinds.Kyverno())
	}
	if opts.FeatureGates[gateways.Gate] || opts.FeatureGates[capabilities.Gate] {
		needed = append(needed, kinds.Gateway())
	}
	return needed
}

// render writes objects as YAML documents, each with its kind and without what
// only a server fills in.
func render(objects []client.Object) ([]byte, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	for _, object := range objects {
		content, err := content(scheme, object)
		if err != nil {
			return nil, err
		}
		document, err := yaml.Marshal(content)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", object.GetName(), err)
		}
		out.WriteString("---\n")
		out.Write(document)
	}
	return out.Bytes(), nil
}

// content is an object as it is sent to a server.
func content(scheme *runtime.Scheme, object client.Object) (map[string]any, error) {
	gvk, err := apiutil.GVKForObject(object, scheme)
	if err != nil {
		return nil, fmt.Errorf("find the kind of %q: %w", object.GetName(), err)
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
	if err != nil {
		return nil, fmt.Errorf("convert %s %q: %w", gvk.Kind, object.GetName(), err)
	}
	fields["apiVersion"], fields["kind"] = gvk.ToAPIVersionAndKind()
	delete(fields, "status")
	// Rules of a role that is put together from others are not ours to set.
	maps.DeleteFunc(fields, func(_ string, value any) bool { return value == nil })
	if metadata, ok := fields["metadata"].(map[string]any); ok {
		delete(metadata, "creationTimestamp")
	}
	if spec, ok := fields["spec"].(map[string]any); ok && len(spec) == 0 {
		delete(fields, "spec")
	}
	return fields, nil
}

// imageOf is the image that the Deployment runs.
func imageOf(opts InstallOptions) string {
	return cmp.Or(opts.Image, "ghcr.io/roadbed-dev/roadbed:latest")
}
