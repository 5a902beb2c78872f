package apply

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// TestStages wants each kind to be applied after what it names.
func TestStages(t *testing.T) {
	t.Parallel()
	last := firstStage
	for _, kind := range []schema.GroupVersionKind{
		{Version: "v1", Kind: "Namespace"},
		{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"},
		{Group: "gateway.roadbed.dev", Version: "v1alpha1", Kind: "LifecyclePolicy"},
		{Group: "gateway.networking.k8s.io", Version: "v1", Kind: "HTTPRoute"},
		{Version: "v1", Kind: "ResourceQuota"},
	} {
		now := stageOf(kind)
		if now < last || kind.Kind != "Namespace" && now == last {
			t.Errorf("%s is of stage %d, which is not after %d", kind.Kind, now, last)
		}
		last = now
	}
}
