package capabilities

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/shipped"
)

// Shipped are the capabilities that are there from the start. The objects are
// the caller's own copies.
//
// It panics when what is embedded is malformed, which the tests of the package
// that embeds it rule out.
func Shipped() []client.Object {
	all, err := shipped.Installed()
	if err != nil {
		panic(err)
	}
	objects := make([]client.Object, len(all))
	for i, each := range all {
		objects[i] = each
	}
	return objects
}

// InstallShipped makes them, once: where there is a webhook for capabilities, by
// this name, and any capability, those that are missing were withdrawn. A webhook
// that nobody answers leaves them to the next installation.
func InstallShipped(ctx context.Context, c client.Client, webhook string) error {
	err := c.Get(ctx, client.ObjectKey{Name: webhook}, &admissionv1.ValidatingWebhookConfiguration{})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("read webhook %q: %w", webhook, err)
	}
	guarded := err == nil
	var known v1alpha1.CapabilityList
	if err := c.List(ctx, &known, client.Limit(1)); err != nil {
		return fmt.Errorf("list capabilities: %w", err)
	}
	if guarded && len(known.Items) > 0 {
		return nil
	}
	for _, each := range Shipped() {
		err := c.Create(ctx, each)
		if err != nil && !apierrors.IsAlreadyExists(err) && (!guarded || !apierrors.IsInternalError(err)) {
			return fmt.Errorf("create capability %q: %w", each.GetName(), err)
		}
	}
	return nil
}
