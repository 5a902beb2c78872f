package extract

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

func TestImages(t *testing.T) {
	t.Parallel()
	spec := map[string]any{
		"containers":          []any{map[string]any{"image": "a"}, map[string]any{"name": "no image"}},
		"initContainers":      []any{map[string]any{"image": "b"}},
		"ephemeralContainers": []any{map[string]any{"image": "c"}},
		"volumes":             []any{map[string]any{"emptyDir": map[string]any{}}, map[string]any{"image": map[string]any{"reference": "d"}}},
	}
	want := map[string][]string{"containers": {"a"}, "initContainers": {"b"}, "ephemeralContainers": {"c"}, "imageVolumes": {"d"}}
	nested := func(path ...string) map[string]any {
		held := spec
		for _, field := range slices.Backward(path) {
			held = map[string]any{field: held}
		}
		return held
	}
	for _, test := range []struct {
		name, reason string
		kind         schema.GroupVersionKind
		object       map[string]any
		want         map[string][]string
	}{
		{"pod", "a Pod's spec is its own", schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, nested("spec"), want},
		{"deployment", "others keep a template", schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, nested("spec", "template", "spec"), want},
		{"cron job", "of a template", schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "CronJob"}, nested("spec", "jobTemplate", "spec", "template", "spec"), want},
		{"other", "nothing is known of other kinds", schema.GroupVersionKind{Group: "acme.example", Version: "v1", Kind: "Pod"}, nested("spec"), map[string][]string{}},
		{"broken", "an object that is none has no images", schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, map[string]any{"spec": "text"}, map[string][]string{
			"containers": {}, "initContainers": {}, "ephemeralContainers": {}, "imageVolumes": {},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, Images(&policy.Request{Kind: test.kind, Object: test.object})); diff != "" {
				t.Errorf("%s: want - got +\n%s", test.reason, diff)
			}
			if diff := cmp.Diff(test.want, Images(&policy.Request{Kind: test.kind, OldObject: test.object})); diff != "" {
				t.Errorf("a request to delete has the old object only:\n%s", diff)
			}
		})
	}
}

func TestPlacesCanBeSet(t *testing.T) {
	t.Parallel()
	object := map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"image": "a"}}}}
	for _, place := range Places(schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, object) {
		place.Set("b")
		if place.Image() != "b" || place.List != "containers" {
			t.Errorf("%s has %s", place.List, place.Image())
		}
	}
}
