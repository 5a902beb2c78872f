// Package keeper makes the revisions that capabilities lack and deletes those
// that nobody needs. It never deletes one that a claim names or is rendered by:
// claims are read from the API server, past any cache, before one goes.
package keeper

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/revision"
)

// Keeper keeps revisions.
type Keeper struct {
	client client.Client
	live   client.Reader
}

// New returns a Keeper. live reads past any cache.
func New(c client.Client, live client.Reader) *Keeper { return &Keeper{client: c, live: live} }

// Make makes the revisions that versions lack.
func (k *Keeper) Make(ctx context.Context, c *v1alpha1.Capability) error {
	var all v1alpha1.CapabilityRevisionList
	if err := k.client.List(ctx, &all); err != nil {
		return fmt.Errorf("list revisions: %w", err)
	}
	for i := range c.Spec.Versions {
		v := &c.Spec.Versions[i]
		if v.Stage == v1alpha1.StageRemoved {
			continue
		}
		next, err := revision.Next(c, v, revision.Of(all.Items, c.Name, v.Name))
		if err != nil {
			return err
		}
		if next == nil {
			continue
		}
		if err := k.client.Create(ctx, next); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("make revision %q: %w", next.Name, err)
		}
	}
	return nil
}

// Trim deletes the revisions of a version beyond the capability's limit. claims
// is the kind of its claims.
func (k *Keeper) Trim(ctx context.Context, c *v1alpha1.Capability, version string, claims schema.GroupVersionKind) error {
	var all v1alpha1.CapabilityRevisionList
	if err := k.client.List(ctx, &all); err != nil {
		return fmt.Errorf("list revisions: %w", err)
	}
	known := revision.Of(all.Items, c.Name, version)
	if len(revision.Surplus(c, known, nil)) == 0 {
		return nil
	}
	used, err := k.used(ctx, claims)
	if err != nil {
		return err
	}
	for _, r := range revision.Surplus(c, known, used) {
		if err := k.remove(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// used are the revisions that claims name or are rendered by.
func (k *Keeper) used(ctx context.Context, claims schema.GroupVersionKind) (map[string]bool, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(claims)
	if err := k.live.List(ctx, list); err != nil && !meta.IsNoMatchError(err) && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("list claims: %w", err)
	}
	used := map[string]bool{}
	for i := range list.Items {
		for _, field := range [][]string{{"spec", "platform", "revision"}, {"status", "revision"}} {
			name, _, _ := unstructured.NestedString(list.Items[i].Object, field...)
			used[name] = true
		}
	}
	return used, nil
}

// Withdraw deletes the revisions of a capability that is gone.
func (k *Keeper) Withdraw(ctx context.Context, capability string) error {
	err := k.live.Get(ctx, client.ObjectKey{Name: capability}, &v1alpha1.Capability{})
	if !apierrors.IsNotFound(err) {
		return err // It is there after all, or nobody knows.
	}
	var all v1alpha1.CapabilityRevisionList
	if err := k.client.List(ctx, &all, client.MatchingLabels{v1alpha1.LabelCapability: capability}); err != nil {
		return fmt.Errorf("list revisions: %w", err)
	}
	for i := range all.Items {
		if err := k.remove(ctx, &all.Items[i]); err != nil {
			return err
		}
	}
	return nil
}

// remove deletes a revision; the roles of accounts go with it.
func (k *Keeper) remove(ctx context.Context, r *v1alpha1.CapabilityRevision) error {
	err := k.client.Delete(ctx, r, client.Preconditions{UID: &r.UID})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("delete revision %q: %w", r.Name, err)
	}
	return nil
}
