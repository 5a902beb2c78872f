package export_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

// TestNoOpenDoor wants each rule of an HTTPRoute that names an AuthorizationPolicy
// to be guarded by a policy of the other gateway, or to have no backends.
func TestNoOpenDoor(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("cases: %v, %v", files, err)
	}
	seen := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		in := read(t, golden.File(t, archive, "input.yaml"))
		for _, vendor := range export.Vendors() {
			result, err := export.Export(in, export.Options{For: vendor})
			if err != nil {
				t.Fatal(err)
			}
			for _, route := range in.HTTPRoutes {
				written := object(result.Objects, "HTTPRoute", route.Name)
				if written == nil {
					continue
				}
				for i, rule := range route.Spec.Rules {
					var policies []string
					for _, filter := range rule.Filters {
						if ref := filter.ExtensionRef; ref != nil && ref.Kind == v1alpha1.KindAuthorizationPolicy {
							policies = append(policies, string(ref.Name))
						}
					}
					if len(policies) == 0 {
						continue
					}
					seen++
					if !guarded(t, vendor, result.Objects, written, i, policies) {
						t.Errorf("%s, %s: rule %d of %s has backends and no guard", file, vendor, i, route.Name)
					}
				}
			}
		}
	}
	if seen < 3*len(export.Vendors()) {
		t.Errorf("%d guarded rules were looked at: the cases have more", seen)
	}
}

func object(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	i := slices.IndexFunc(objects, func(o *unstructured.Unstructured) bool { return o.GetKind() == kind && o.GetName() == name })
	if i < 0 {
		return nil
	}
	return objects[i]
}

func guarded(t *testing.T, vendor export.Vendor, objects []*unstructured.Unstructured, route *unstructured.Unstructured, index int, policies []string) bool {
	t.Helper()
	rules, _, err := unstructured.NestedSlice(route.Object, "spec", "rules")
	if err != nil {
		t.Fatal(err)
	}
	rule := rules[index].(map[string]any)
	if rule["backendRefs"] == nil {
		return true
	}
	switch vendor {
	case export.EnvoyGateway:
		policy := object(objects, "SecurityPolicy", policies[0])
		return policy != nil && len(policies) == 1 && targeted(policy, route.GetName(), rule["name"])
	case export.Istio:
		for _, name := range policies {
			denies := object(objects, "AuthorizationPolicy", fmt.Sprintf("%s-%s-%d", route.GetName(), name, index+1))
			if denies == nil || denies.Object["spec"].(map[string]any)["action"] != "DENY" {
				return false
			}
		}
		return true
	case export.Kong:
	}
	plugin := object(objects, "KongPlugin", policies[0])
	named := strings.Contains(route.GetAnnotations()["konghq.com/plugins"], policies[0]) || strings.Contains(fmt.Sprint(rule["filters"]), "name:"+policies[0])
	return plugin != nil && len(policies) == 1 && named && slices.Contains([]any{"openid-connect", "key-auth"}, plugin.Object["plugin"])
}

// targeted says whether a policy is for a route, or for its rule of that name.
func targeted(policy *unstructured.Unstructured, route string, section any) bool {
	refs, _, _ := unstructured.NestedSlice(policy.Object, "spec", "targetRefs")
	return slices.ContainsFunc(refs, func(each any) bool {
		ref := each.(map[string]any)
		return ref["name"] == route && (ref["sectionName"] == nil || ref["sectionName"] == section)
	})
}
