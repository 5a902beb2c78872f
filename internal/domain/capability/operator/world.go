package operator

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/lifecycle"
)

// claims are all claims of a Capability, as the API server has them; none when
// the kind is not there.
func (r *registry) claims(ctx context.Context, c *v1alpha1.Capability) ([]unstructured.Unstructured, error) {
	storage := capability.Storage(c)
	if storage == nil {
		return nil, nil
	}
	version := storage.Name
	if served := capability.ServedVersions(c); !capability.Served(storage) && len(served) > 0 {
		version = served[0].Name
	}
	var list unstructured.UnstructuredList
	list.SetGroupVersionKind(capability.Kind(c, version))
	err := r.live.List(ctx, &list)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", capability.Definition(c), err)
	}
	return list.Items, nil
}

// versionsOf are the versions of the Capability that a claim needs: the one that
// it is of, as it says itself from the beginning, and while it moves the one that
// it is rendered in still.
func versionsOf(c *v1alpha1.Capability, claim *unstructured.Unstructured) []string {
	wanted := claim.GetLabels()[v1alpha1.LabelVersion]
	if storage := capability.Storage(c); wanted == "" && storage != nil {
		wanted = storage.Name
	}
	rendered, _, _ := unstructured.NestedString(claim.Object, "status", "version")
	if rendered == "" || rendered == wanted {
		return []string{wanted}
	}
	return []string{wanted, rendered}
}

// byVersion names the claims of each version, sorted.
func (r *registry) byVersion(ctx context.Context, c *v1alpha1.Capability) (map[string][]string, error) {
	claims, err := r.claims(ctx, c)
	if err != nil {
		return nil, err
	}
	named := map[string][]string{}
	for i := range claims {
		for _, version := range versionsOf(c, &claims[i]) {
			named[version] = append(named[version], claims[i].GetNamespace()+"/"+claims[i].GetName())
		}
	}
	for _, names := range named {
		slices.Sort(names)
	}
	return named, nil
}

// world is what decisions on a Capability look at.
func (r *registry) world(ctx context.Context, c *v1alpha1.Capability) (lifecycle.World, error) {
	claims, err := r.byVersion(ctx, c)
	if err != nil {
		return lifecycle.World{}, err
	}
	w := lifecycle.World{Now: r.clock.Now(), Claims: claims, Consumers: map[string][]capability.Consumer{}}
	for _, v := range capability.Living(c) {
		if w.Consumers[v.Name], err = r.Usage.Consumers(ctx, capability.API(c), v.Name, w.Now.Add(-capability.UsageWindow)); err != nil {
			w.Unknown = fmt.Errorf("read who used %s %s: %w", capability.API(c), v.Name, err)
		}
	}
	return w, nil
}

// rival is another Capability that has the kind, or the API's name, already.
func rival(c *v1alpha1.Capability, all []v1alpha1.Capability) *v1alpha1.Capability {
	for i := range all {
		other := &all[i]
		taken := capability.Definition(other) == capability.Definition(c) || capability.API(other) == capability.API(c) ||
			capability.Group(other) == capability.Group(c) && other.Spec.Names.Kind == c.Spec.Names.Kind
		older := other.CreationTimestamp.Before(&c.CreationTimestamp) || c.CreationTimestamp.IsZero() ||
			other.CreationTimestamp.Equal(&c.CreationTimestamp) && other.Name < c.Name
		if other.Name != c.Name && taken && older {
			return other
		}
	}
	return nil
}

func (r *registry) all(ctx context.Context) ([]v1alpha1.Capability, error) {
	var list v1alpha1.CapabilityList
	if err := r.client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list capabilities: %w", err)
	}
	return list.Items, nil
}
