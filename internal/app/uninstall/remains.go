package uninstall

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/report"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// held are the objects that one of Roadbed's finalizers keeps: those of its own
// kinds, and the role bindings by which tenants keep their access to the last.
func (r *remover) held(ctx context.Context) ([]apply.Ref, error) {
	claims, err := r.claimKinds(ctx)
	if err != nil {
		return nil, err
	}
	kinds := append(r.ownKinds(), rbacv1.SchemeGroupVersion.WithKind("RoleBinding"))
	for i := range claims {
		kinds = append(kinds, claimsOf(&claims[i]))
	}
	var found []apply.Ref
	for _, gvk := range kinds {
		objects, err := r.metadata(ctx, gvk)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			if slices.ContainsFunc(objects[i].Finalizers, isOurs) {
				found = append(found, apply.Ref{GVK: gvk, Namespace: objects[i].Namespace, Name: objects[i].Name})
			}
		}
	}
	return found, nil
}

// Kinds of admission, bindings before what they bind.
var (
	webhookKinds = []string{"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}
	guardKinds   = []string{
		"ValidatingAdmissionPolicyBinding", "MutatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy", "MutatingAdmissionPolicy",
	}
)

// admissionPrefix begins the names of all that the platform has in admission,
// and of nobody else's.
const admissionPrefix = "roadbed-"

// admission are the platform's objects of kinds of admission.
func (r *remover) admission(ctx context.Context, kinds []string) ([]apply.Ref, error) {
	var found []apply.Ref
	for _, kind := range kinds {
		gvk := admissionv1.SchemeGroupVersion.WithKind(kind)
		objects, err := r.metadata(ctx, gvk)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			if strings.HasPrefix(objects[i].Name, admissionPrefix) {
				found = append(found, apply.Ref{GVK: gvk, Name: objects[i].Name})
			}
		}
	}
	return found, nil
}

// registrations are those of the API of reports, unless somebody else serves them.
func (r *remover) registrations(ctx context.Context) ([]apply.Ref, error) {
	var found []apply.Ref
	for _, version := range reportapi.Versions() {
		wanted := reportapi.APIService(version)
		live := &apiregistrationv1.APIService{}
		err := r.Get(ctx, client.ObjectKeyFromObject(wanted), live)
		if err != nil && !absent(err) {
			return nil, fmt.Errorf("read APIService %q: %w", wanted.Name, err)
		}
		if err == nil && live.Labels[report.LabelManagedBy] == report.Source {
			found = append(found, apply.Ref{GVK: apiregistrationv1.SchemeGroupVersion.WithKind("APIService"), Name: wanted.Name})
		}
	}
	return found, nil
}

// ownKinds are Roadbed's own kinds, in the version that is stored.
func (r *remover) ownKinds() []schema.GroupVersionKind {
	var kinds []schema.GroupVersionKind
	for _, definition := range r.definitions {
		group, _, _ := unstructured.NestedString(definition.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(definition.Object, "spec", "names", "kind")
		kinds = append(kinds, schema.GroupVersionKind{Group: group, Version: v1alpha1.GroupVersion.Version, Kind: kind})
	}
	return kinds
}

// metadata lists objects of a kind; none if the cluster does not know it.
func (r *remover) metadata(ctx context.Context, gvk schema.GroupVersionKind, options ...client.ListOption) ([]metav1.PartialObjectMetadata, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err := r.List(ctx, list, options...); err != nil && !absent(err) {
		return nil, fmt.Errorf("list every %s: %w", gvk.Kind, err)
	}
	return list.Items, nil
}

// stays says what an uninstallation leaves.
func (r *remover) stays(ctx context.Context, roles []string) ([]string, error) {
	var said []string
	namespace := corev1.SchemeGroupVersion.WithKind("Namespace")
	homes, err := r.metadata(ctx, namespace, client.HasLabels{v1alpha1.LabelTenant})
	if err != nil {
		return nil, err
	}
	if len(homes) > 0 {
		said = append(said, fmt.Sprintf("%d namespaces of tenants, with all that is in them. Their quotas, limits, network policies and bindings go on to hold, and nobody restores them any more.", len(homes)))
	}
	if len(roles) > 0 {
		slices.Sort(roles)
		said = append(said, fmt.Sprintf("The cluster roles %s, because bindings name them: without them tenants would lose their access.", strings.Join(roles, ", ")))
	}
	objects, err := r.wishes(ctx)
	if err != nil {
		return nil, err
	}
	if objects != "" && !r.kinds {
		said = append(said, fmt.Sprintf("The kinds with %s. --delete-kinds deletes them; namespaces stay even then.", objects))
	}
	claims, err := r.claims(ctx)
	if err != nil {
		return nil, err
	}
	places, err := r.places(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Concat(said, claims, places), nil
}

// wishes counts the objects of Roadbed's kinds.
func (r *remover) wishes(ctx context.Context) (string, error) {
	var counts []string
	for _, gvk := range r.ownKinds() {
		objects, err := r.metadata(ctx, gvk)
		if err != nil {
			return "", err
		}
		if len(objects) > 0 {
			counts = append(counts, fmt.Sprintf("%d of kind %s", len(objects), gvk.Kind))
		}
	}
	return strings.Join(counts, ", "), nil
}

// places are the platform's namespaces, and the volume of the trail.
func (r *remover) places(ctx context.Context) ([]string, error) {
	var said []string
	settings := tenancy.DefaultSettings()
	for _, name := range []string{identity.SystemNamespace, account.Namespace, settings.IngressNamespace, settings.ObservabilityNamespace} {
		found, err := r.present(ctx, []client.Object{&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}})
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			said = append(said, fmt.Sprintf("Namespace %s.", name))
		}
	}
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: identity.SystemNamespace, Name: app.ServerName}}
	found, err := r.present(ctx, []client.Object{claim})
	if len(found) > 0 {
		said = append(said, fmt.Sprintf("%s, with the trail of privileged actions and the exports of offboarded tenants.", found[0]))
	}
	return said, err
}
