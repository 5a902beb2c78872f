package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	roadv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/contract"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
	"github.com/roadbed-dev/roadbed/internal/kernel/steps"
)

// retry is how soon a deletion that waits for claims is looked at again.
const retry = 5 * time.Second

// unwatchedAgain is how soon what blocks a Capability is looked for again that
// nobody watches.
const unwatchedAgain = 10 * time.Second

// unwatched is a result that nobody's change takes back.
func unwatched(result steps.Result) steps.Result {
	result.After = unwatchedAgain
	return result
}

// consumersAgain is how soon those who use a capability are counted again.
const consumersAgain = time.Minute

// httpRoute is the kind of routes.
var httpRoute = schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: "v1", Kind: "HTTPRoute"}

// errTaken is returned for a kind that somebody else has defined.
var errTaken = errors.New("was defined by somebody else: choose other names, or delete it")

// definition is the claims' kind as the API server has it, or nil.
func (r *registry) definition(ctx context.Context, c *v1alpha1.Capability) (*apiextensionsv1.CustomResourceDefinition, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	err := r.live.Get(ctx, types.NamespacedName{Name: capability.Definition(c)}, &crd)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", capability.Definition(c), err)
	}
	return &crd, nil
}

// define makes the kind what it is planned to be.
func (c *capabilities) define(ctx context.Context, published *v1alpha1.Capability, wanted *apiextensionsv1.CustomResourceDefinition) error {
	live, err := c.definition(ctx, published)
	if err != nil {
		return err
	}
	if live == nil {
		if err := c.publishing(ctx, published); err != nil {
			return err
		}
		return c.client.Create(ctx, wanted, client.FieldOwner(apply.FieldManager))
	}
	if live.Labels[v1alpha1.LabelCapability] != published.Name {
		return fmt.Errorf("kind %s %w", live.Name, errTaken)
	}
	if alike(live, wanted) {
		return nil
	}
	if err := c.publishing(ctx, published); err != nil {
		return err
	}
	if err := c.migrate(ctx, published, live, wanted); err != nil {
		return err
	}
	live.Labels, live.Annotations, live.Spec = wanted.Labels, wanted.Annotations, wanted.Spec
	return c.client.Update(ctx, live, client.FieldOwner(apply.FieldManager))
}

// alike says whether writing wanted would change nothing.
func alike(live, wanted *apiextensionsv1.CustomResourceDefinition) bool {
	filled := wanted.DeepCopy()
	apiextensionsv1.SetDefaults_CustomResourceDefinition(filled)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&filled.Spec)
	if conversion := filled.Spec.Conversion; conversion != nil && conversion.Webhook != nil && conversion.Webhook.ClientConfig != nil && conversion.Webhook.ClientConfig.Service != nil {
		apiextensionsv1.SetDefaults_ServiceReference(conversion.Webhook.ClientConfig.Service)
	}
	return equality.Semantic.DeepEqual(generic(live.Spec), generic(filled.Spec)) &&
		live.Annotations[v1alpha1.AnnotationFlags] == wanted.Annotations[v1alpha1.AnnotationFlags] &&
		equality.Semantic.DeepEqual(live.Labels, wanted.Labels)
}

func generic(spec apiextensionsv1.CustomResourceDefinitionSpec) any {
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil
	}
	var made any
	if err := json.Unmarshal(raw, &made); err != nil {
		return nil
	}
	return made
}

// migrate rewrites the claims that may be stored in a version that goes, so
// that the API server lets it go.
func (c *capabilities) migrate(ctx context.Context, published *v1alpha1.Capability, live, wanted *apiextensionsv1.CustomResourceDefinition) error {
	gone := slices.ContainsFunc(live.Status.StoredVersions, func(stored string) bool {
		return !slices.ContainsFunc(wanted.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool { return v.Name == stored })
	})
	if !gone {
		return nil
	}
	claims, err := c.claims(ctx, published)
	if err != nil {
		return err
	}
	for i := range claims {
		err := c.client.Update(ctx, &claims[i], client.FieldOwner(apply.FieldManager))
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("rewrite %s/%s in the version that is stored now: %w", claims[i].GetNamespace(), claims[i].GetName(), err)
		}
	}
	live.Status.StoredVersions = []string{capability.Storage(published).Name}
	if err := c.client.Status().Update(ctx, live); err != nil {
		return fmt.Errorf("say which versions of %s are stored: %w", live.Name, err)
	}
	return nil
}

// defined is what an error in defining the kind means.
func defined(err error) steps.Result {
	switch {
	case errors.Is(err, errTaken):
		return unwatched(steps.Blocked(capability.ReasonNameTaken, err.Error()))
	case apierrors.IsInvalid(err):
		return steps.Blocked(capability.ReasonNamesRefused, err.Error())
	}
	return steps.Failed(capability.ReasonPublishFailed, err)
}

// brokenBy compares a version with the kind as it is served.
func brokenBy(live *apiextensionsv1.CustomResourceDefinition, v *v1alpha1.CapabilityVersion) ([]contract.Break, error) {
	for i := range live.Spec.Versions {
		served := &live.Spec.Versions[i]
		if served.Name != v.Name || served.Schema == nil || served.Schema.OpenAPIV3Schema == nil {
			continue
		}
		spec := served.Schema.OpenAPIV3Schema.Properties["spec"]
		delete(spec.Properties, capability.PlatformField)
		raw, err := json.Marshal(spec)
		if err != nil {
			return nil, fmt.Errorf("read the schema of %s/%s: %w", live.Name, v.Name, err)
		}
		before := v.DeepCopy()
		before.Schema.Spec = runtime.RawExtension{Raw: raw}
		return contract.Schemas(before, v)
	}
	return nil, nil
}

// keep keeps in the status since when each version is in its stage and has
// its contract.
func (c *capabilities) keep(published *v1alpha1.Capability) error {
	now := metav1.NewTime(c.clock.Now()).Rfc3339Copy()
	var all []v1alpha1.CapabilityVersionStatus
	for i := range published.Spec.Versions {
		v := &published.Spec.Versions[i]
		status := v1alpha1.CapabilityVersionStatus{Name: v.Name, Since: now, ContractSince: now}
		if old := capability.VersionStatus(published, v.Name); old != nil {
			status = *old
		}
		if status.Stage != v.Stage {
			status.Stage, status.Since = v.Stage, now
		}
		status.WasGA = status.WasGA || v.Stage == v1alpha1.StageGA
		status.Path = ""
		if capability.Served(v) {
			status.Path = capability.Path(published, v.Name)
		}
		hash, err := capability.ContractHash(v)
		if err != nil {
			return err
		}
		if status.Contract != hash {
			status.Contract, status.ContractSince = hash, now
		}
		all = append(all, status)
	}
	published.Status.Versions = all
	return nil
}

// count says in the status how many claims and users each version has, and names
// the users to the platform team.
func (c *capabilities) count(ctx context.Context, published *v1alpha1.Capability, claims map[string][]string) error {
	published.Status.Claims = 0
	users := map[string][]capability.Consumer{}
	for i := range published.Status.Versions {
		status := &published.Status.Versions[i]
		status.Claims = int32(len(claims[status.Name]))
		published.Status.Claims += status.Claims
		found, err := c.Usage.Consumers(ctx, capability.API(published), status.Name, c.clock.Now().Add(-capability.UsageWindow))
		if err != nil {
			c.log.WarnContext(ctx, "who uses a capability cannot be read", "kind", "Capability", "name", published.Name, "error", err)
			return nil // What was known stays.
		}
		status.Consumers = int32(len(found))
		users[status.Name] = found
	}
	measured().record(published)
	named, err := capability.ConsumersOf(published, c.Settings, users)
	if err != nil {
		return err
	}
	_, err = apply.New(c.client, c.live, apply.WithSurplus(overdone)).Apply(ctx, []client.Object{named})
	return err
}

func accepted(c *v1alpha1.Capability) bool {
	return condition.IsTrue(c.Status.Conditions, capability.ConditionAccepted)
}

// surroundings are what the cluster has, as far as plans depend on it.
func (c *capabilities) surroundings() capability.World {
	has := func(kind schema.GroupVersionKind) bool {
		_, err := c.client.RESTMapper().RESTMapping(kind.GroupKind(), kind.Version)
		return err == nil
	}
	return capability.World{
		Webhook: c.Reach(capability.ConversionPath),
		Gateway: has(httpRoute) && has(roadv1alpha1.GroupVersion.WithKind("LifecyclePolicy")),
		Sloth:   has(capability.SLOKind),
	}
}

// inventory is what may be taken away again.
func (c *capabilities) inventory(published *v1alpha1.Capability) apply.Inventory {
	kinds := []schema.GroupVersionKind{
		admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"),
		admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"),
		rbacv1.SchemeGroupVersion.WithKind("ClusterRoleBinding"),
		rbacv1.SchemeGroupVersion.WithKind("ClusterRole"),
	}
	if c.surroundings().Gateway {
		kinds = append(kinds, httpRoute)
		for _, kind := range []string{"LifecyclePolicy", "RateLimitPolicy", "AuthorizationPolicy"} {
			kinds = append(kinds, roadv1alpha1.GroupVersion.WithKind(kind))
		}
	}
	return apply.Inventory{
		Labels: map[string]string{
			tenancyv1alpha1.LabelManagedBy: tenancyv1alpha1.ManagedBy,
			v1alpha1.LabelCapability:       published.Name, v1alpha1.LabelPublished: "true",
		},
		Kinds: append(kinds, corev1.SchemeGroupVersion.WithKind("ConfigMap")),
	}
}

// overdone says whether an object says more than is planned, which an earlier
// plan has said: it would hold on.
func overdone(live, planned client.Object) bool {
	switch l := live.(type) {
	case *gatewayv1.HTTPRoute:
		return len(l.Spec.Hostnames) > len(planned.(*gatewayv1.HTTPRoute).Spec.Hostnames)
	case *corev1.ConfigMap:
		return len(l.Data) > len(planned.(*corev1.ConfigMap).Data)
	case *roadv1alpha1.LifecyclePolicy:
		p := planned.(*roadv1alpha1.LifecyclePolicy)
		return l.Spec.Flag != "" && p.Spec.Flag == "" || l.Spec.Successor != "" && p.Spec.Successor == "" ||
			l.Spec.Deprecated != nil && p.Spec.Deprecated == nil || l.Spec.Sunset != nil && p.Spec.Sunset == nil
	}
	return false
}

// flagUsers are the versions that a flag opens, as CAPABILITY/VERSION.
func flagUsers(name string, all []v1alpha1.Capability) []string {
	var users []string
	for i := range all {
		for _, v := range capability.Living(&all[i]) {
			if v.Flag == name && v.Stage == v1alpha1.StageAlpha {
				users = append(users, strings.Join([]string{all[i].Name, v.Name}, "/"))
			}
		}
	}
	slices.Sort(users)
	return users
}
