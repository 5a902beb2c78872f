package uninstall

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	capabilityv1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	gatewayoperator "github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	gatewayrbac "github.com/roadbed-dev/roadbed/internal/domain/gateway/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/translate"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

// published marks what was made of a Capability.
var published = client.MatchingLabels{capabilityv1.LabelPublished: "true"}

func gatewayKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: gatewayv1.GroupName, Version: gatewayv1.GroupVersion.Version, Kind: kind}
}

// gated are what domains behind feature gates made while they ran: routes to an
// API that nobody serves any more, guards of early versions, the class of Gateways,
// and roles by which single Secrets were read.
func (r *remover) gated(ctx context.Context) ([]apply.Ref, error) {
	granted := client.HasLabels{gatewayrbac.Label}
	var found []apply.Ref
	for _, each := range []struct {
		kind schema.GroupVersionKind
		of   client.ListOption
	}{
		{gatewayKind("HTTPRoute"), published},
		{admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicyBinding"), published},
		{admissionv1.SchemeGroupVersion.WithKind("ValidatingAdmissionPolicy"), published},
		{rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), granted},
		{rbacv1.SchemeGroupVersion.WithKind("Role"), granted},
	} {
		objects, err := r.metadata(ctx, each.kind, each.of)
		if err != nil {
			return nil, err
		}
		for i := range objects {
			if each.kind.Group == admissionv1.GroupName && strings.HasPrefix(objects[i].Name, admissionPrefix) {
				continue // one of the guards
			}
			found = append(found, apply.Ref{GVK: each.kind, Namespace: objects[i].Namespace, Name: objects[i].Name})
		}
	}
	class := &gatewayv1.GatewayClass{}
	name := gatewayoperator.Class().GetName()
	err := r.Get(ctx, client.ObjectKey{Name: name}, class)
	if err != nil && !absent(err) {
		return nil, fmt.Errorf("read GatewayClass %q: %w", name, err)
	}
	if err == nil && class.Spec.ControllerName == translate.Controller {
		found = append(found, apply.Ref{GVK: gatewayKind("GatewayClass"), Name: name})
	}
	return found, nil
}

// claimKinds are the definitions of claims. They are never deleted: that would
// delete claims, and what is provisioned for them.
func (r *remover) claimKinds(ctx context.Context) ([]apiextensionsv1.CustomResourceDefinition, error) {
	var list apiextensionsv1.CustomResourceDefinitionList
	if err := r.List(ctx, &list, published); err != nil {
		return nil, fmt.Errorf("list the kinds of claims: %w", err)
	}
	return list.Items, nil
}

// claimsOf is a kind of claims in the version that is stored.
func claimsOf(definition *apiextensionsv1.CustomResourceDefinition) schema.GroupVersionKind {
	kind := schema.GroupVersionKind{Group: definition.Spec.Group, Kind: definition.Spec.Names.Kind}
	for _, version := range definition.Spec.Versions {
		if version.Storage {
			kind.Version = version.Name
		}
	}
	return kind
}

// converted are the kinds of claims whose versions a webhook of Roadbed's converts.
func (r *remover) converted(ctx context.Context) ([]apply.Ref, error) {
	definitions, err := r.claimKinds(ctx)
	if err != nil {
		return nil, err
	}
	var found []apply.Ref
	for i := range definitions {
		if c := definitions[i].Spec.Conversion; c != nil && c.Strategy == apiextensionsv1.WebhookConverter {
			found = append(found, apply.Ref{GVK: apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"), Name: definitions[i].Name})
		}
	}
	return found, nil
}

// unhook has the API server convert claims by itself: while it asked a webhook that
// nobody serves, no namespace with a claim could be deleted.
func (r *remover) unhook(ctx context.Context, refs []apply.Ref) error {
	for _, ref := range refs {
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := r.Get(ctx, client.ObjectKey{Name: ref.Name}, definition); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return fmt.Errorf("read %s: %w", ref, err)
		}
		base := client.MergeFrom(definition.DeepCopy())
		definition.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.NoneConverter}
		if err := r.Patch(ctx, definition, base); err != nil {
			return fmt.Errorf("end the conversion of %s: %w", ref, err)
		}
	}
	return nil
}

// claims says what stays of them.
func (r *remover) claims(ctx context.Context) ([]string, error) {
	definitions, err := r.claimKinds(ctx)
	if err != nil {
		return nil, err
	}
	var counts []string
	for i := range definitions {
		objects, err := r.metadata(ctx, claimsOf(&definitions[i]))
		if err != nil {
			return nil, err
		}
		if len(objects) > 0 {
			counts = append(counts, fmt.Sprintf("%d of kind %s", len(objects), definitions[i].Spec.Names.Kind))
		}
	}
	if len(counts) == 0 {
		return nil, nil
	}
	slices.Sort(counts)
	return []string{fmt.Sprintf("The claims, %s, with their kinds and all that is provisioned for them. Nobody looks after it any more, and a claim that is deleted takes its objects in the cluster along.",
		strings.Join(counts, ", "))}, nil
}
