package tenancy

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

const paymentsExample = "../../../examples/tenants/payments/"

// replacement is a network peer of the manifest that is generated differently,
// and why.
type replacement struct {
	object, path string
	was, is      string
	reason       string
}

// replacements is the closed list: everything else of the manifest must be
// generated as it stands.
var replacements = []replacement{
	{
		object: "NetworkPolicy/allow-intra-tenant-and-platform", path: "spec.ingress[0].from[0]",
		was:    `{namespaceSelector: {matchLabels: {tenant: payments}}}`,
		is:     `{namespaceSelector: {matchLabels: {tenancy.roadbed.dev/tenant: payments}}}`,
		reason: "anyone who labels a namespace tenant=payments would be let in",
	},
	{
		object: "NetworkPolicy/allow-intra-tenant-and-platform", path: "spec.ingress[0].from[1]",
		was:    `{namespaceSelector: {matchLabels: {platform: ingress}}}`,
		is:     `{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: platform-ingress}}}`,
		reason: "a namespace's name cannot be forged, a label platform=ingress can",
	},
	{
		object: "NetworkPolicy/allow-intra-tenant-and-platform", path: "spec.egress[0].to[0]",
		was:    `{namespaceSelector: {matchLabels: {tenant: payments}}}`,
		is:     `{namespaceSelector: {matchLabels: {tenancy.roadbed.dev/tenant: payments}}}`,
		reason: "the tenant's data could be sent to any namespace labelled tenant=payments",
	},
	{
		object: "NetworkPolicy/allow-intra-tenant-and-platform", path: "spec.egress[1].to[0]",
		was:    `{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}`,
		is:     `{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {k8s-app: kube-dns}}}`,
		reason: "any pod in any namespace could call itself kube-dns",
	},
	{
		object: "NetworkPolicy/allow-intra-tenant-and-platform", path: "spec.egress[2].to[0]",
		was:    `{namespaceSelector: {matchLabels: {platform: observability}}}`,
		is:     `{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: platform-observability}}}`,
		reason: "a namespace's name cannot be forged, a label platform=observability can",
	},
}

// TestPaymentsContainsOnboardingManifest proves that the tenant payments makes
// every field of the manifest it replaces, but for the closed list.
func TestPaymentsContainsOnboardingManifest(t *testing.T) {
	t.Parallel()
	generated := paymentsObjects(t)
	used := make([]bool, len(replacements))
	for _, want := range onboardingManifest(t) {
		got, ok := generated[objectName(want)]
		if !ok {
			t.Errorf("%s is not generated", objectName(want))
			continue
		}
		c := containment{object: shortName(want), used: used}
		c.check("", want, got)
		for _, difference := range c.differences {
			t.Errorf("%s: %s", objectName(want), difference)
		}
	}
	for i, r := range replacements {
		if !used[i] {
			t.Errorf("%s at %s is not replaced (%s): remove it from the closed list", r.object, r.path, r.reason)
		}
	}
}

// TestContainmentSeesDifferences is the control of the test above: damage to a
// generated object must be found.
func TestContainmentSeesDifferences(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, want, got string
		differences     int
	}{
		{"same", `{a: {b: 1}}`, `{a: {b: 1}}`, 0},
		{"more is generated", `{a: {b: 1}}`, `{a: {b: 1, c: 2}, d: 3}`, 0},
		{"a list may have more at its end", `{a: [1, 2]}`, `{a: [1, 2, 3]}`, 0},
		{"another value", `{a: {b: 1}}`, `{a: {b: 2}}`, 1},
		{"a missing field", `{a: {b: 1}}`, `{a: {}}`, 1},
		{"a missing element", `{a: [1, 2]}`, `{a: [1]}`, 1},
		{"an empty selector selects all, a longer one less", `{a: {}}`, `{a: {b: 1}}`, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := containment{object: "Test/test"}
			c.check("", parse(t, tt.want), parse(t, tt.got))
			if len(c.differences) != tt.differences {
				t.Errorf("differences = %v, want %d", c.differences, tt.differences)
			}
		})
	}
}

// TestPaymentsIsShort keeps the promise that a tenant takes at most 25 lines.
func TestPaymentsIsShort(t *testing.T) {
	t.Parallel()
	text := readFile(t, paymentsExample+"tenant.yaml")
	if lines := bytes.Count(text, []byte("\n")); lines > 25 {
		t.Errorf("tenant.yaml has %d lines, want at most 25", lines)
	}
}

// containment collects where want is not contained in got. Objects are
// compared by key, lists by position.
type containment struct {
	object      string
	used        []bool
	differences []string
}

func (c *containment) check(path string, want, got any) {
	if c.replaced(path, want, got) {
		return
	}
	switch want := want.(type) {
	case map[string]any:
		c.checkMap(path, want, got)
	case []any:
		c.checkList(path, want, got)
	default:
		if !reflect.DeepEqual(want, got) {
			c.differ("%s is %v, want %v", path, got, want)
		}
	}
}

func (c *containment) checkMap(path string, want map[string]any, got any) {
	fields, ok := got.(map[string]any)
	if !ok {
		c.differ("%s is %v, want an object", path, got)
		return
	}
	if len(want) == 0 && len(fields) > 0 {
		c.differ("%s is %v, want it empty", path, got)
	}
	for key, value := range want {
		field := strings.TrimPrefix(path+"."+key, ".")
		if other, ok := fields[key]; ok {
			c.check(field, value, other)
		} else {
			c.differ("%s is missing", field)
		}
	}
}

func (c *containment) checkList(path string, want []any, got any) {
	items, ok := got.([]any)
	if !ok || len(items) < len(want) {
		c.differ("%s is %v, want at least %v", path, got, want)
		return
	}
	for i, value := range want {
		c.check(fmt.Sprintf("%s[%d]", path, i), value, items[i])
	}
}

func (c *containment) replaced(path string, want, got any) bool {
	for i, r := range replacements {
		if c.used == nil || r.object != c.object || r.path != path {
			continue
		}
		if !reflect.DeepEqual(want, decode(r.was)) || !reflect.DeepEqual(got, decode(r.is)) {
			c.differ("%s is %v, want the replacement %s of %s", path, got, r.is, r.was)
		}
		c.used[i] = true
		return true
	}
	return false
}

func (c *containment) differ(format string, args ...any) {
	c.differences = append(c.differences, fmt.Sprintf(format, args...))
}

func paymentsObjects(t *testing.T) map[string]map[string]any {
	t.Helper()
	tenant := new(v1alpha1.Tenant)
	if err := yaml.UnmarshalStrict(readFile(t, paymentsExample+"tenant.yaml"), tenant); err != nil {
		t.Fatal(err)
	}
	w := World{Tiers: byName(Tiers()), Settings: DefaultSettings()}
	objects, err := Plan(tenant, w)
	if err != nil {
		t.Fatal(err)
	}
	generated := map[string]map[string]any{}
	for _, object := range objects {
		text, err := yaml.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		fields := parse(t, string(text))
		generated[objectName(fields)] = fields
	}
	return generated
}

func onboardingManifest(t *testing.T) []map[string]any {
	t.Helper()
	var objects []map[string]any
	for part := range strings.SplitSeq(string(readFile(t, paymentsExample+"onboarding-manifest.yaml")), "\n---\n") {
		objects = append(objects, parse(t, part))
	}
	kinds := []string{}
	for _, object := range objects {
		kinds = append(kinds, object["kind"].(string))
	}
	want := []string{"Namespace", "ResourceQuota", "LimitRange", "NetworkPolicy", "NetworkPolicy"}
	if !slices.Equal(kinds, want) {
		t.Fatalf("manifest has %v, want %v", kinds, want)
	}
	return objects
}

func objectName(object map[string]any) string {
	meta, _ := object["metadata"].(map[string]any)
	return fmt.Sprintf("%v/%v in %v", object["kind"], meta["name"], meta["namespace"])
}

func shortName(object map[string]any) string {
	name, _, _ := strings.Cut(objectName(object), " in ")
	return name
}

func parse(t *testing.T, text string) map[string]any {
	t.Helper()
	var fields map[string]any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func decode(text string) any {
	var fields any
	if err := yaml.Unmarshal([]byte(text), &fields); err != nil {
		panic(err)
	}
	return fields
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func byName[T interface{ GetName() string }](list []T) map[string]T {
	named := map[string]T{}
	for _, object := range list {
		named[object.GetName()] = object
	}
	return named
}
