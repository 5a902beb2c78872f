package tenants

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// holdings are what people would miss of a namespace.
type holdings struct {
	namespace string
	pods      int
	claims    []corev1.PersistentVolumeClaim
	// volumes are the bound volumes' reclaim policies, by the volume's name;
	// a volume that may not be read has the policy "unknown".
	volumes map[string]string
	// unread is true when who asks may not look into the namespace.
	unread bool
}

func holdingsOf(ctx context.Context, c client.Client, namespace string) (holdings, error) {
	h := holdings{namespace: namespace, volumes: map[string]string{}}
	var pods corev1.PodList
	err := c.List(ctx, &pods, client.InNamespace(namespace))
	if apierrors.IsForbidden(err) {
		h.unread = true
		return h, nil
	}
	if err != nil {
		return h, fmt.Errorf("list pods of namespace %q: %w", namespace, err)
	}
	h.pods = len(pods.Items)
	var claims corev1.PersistentVolumeClaimList
	if err := c.List(ctx, &claims, client.InNamespace(namespace)); err != nil {
		return h, fmt.Errorf("list volume claims of namespace %q: %w", namespace, err)
	}
	h.claims = claims.Items
	for _, claim := range h.claims {
		name := claim.Spec.VolumeName
		if name == "" {
			continue
		}
		h.volumes[name] = "unknown"
		var volume corev1.PersistentVolume
		if err := c.Get(ctx, client.ObjectKey{Name: name}, &volume); err == nil {
			h.volumes[name] = string(volume.Spec.PersistentVolumeReclaimPolicy)
		}
	}
	return h, nil
}

// summary is such as "3 pods and 2 volume claims".
func (h holdings) summary() string {
	if h.unread {
		return "what you may not read"
	}
	return fmt.Sprintf("%s and %s", verb.Count(h.pods, "pod"), verb.Count(len(h.claims), "volume claim"))
}

// leaving says of each claim what its volume's fate is.
func (h holdings) leaving() []claimLeaving {
	leaving := make([]claimLeaving, len(h.claims))
	for i, claim := range h.claims {
		size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		leaving[i] = claimLeaving{
			Claim: h.namespace + "/" + claim.Name, Size: size.String(),
			Volume: claim.Spec.VolumeName, Fate: fate(h.volumes[claim.Spec.VolumeName]),
		}
	}
	return leaving
}

// fate is what becomes of a volume when its claim is deleted.
func fate(policy string) string {
	switch policy {
	case string(corev1.PersistentVolumeReclaimDelete):
		return "data is deleted"
	case string(corev1.PersistentVolumeReclaimRetain):
		return "volume stays, released"
	case "":
		return "no volume yet"
	default:
		return strings.ToLower(policy)
	}
}
