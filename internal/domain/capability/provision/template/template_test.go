package template_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/template"
)

const schema = `{"type":"object","required":["size"],"properties":{
  "size":{"type":"integer"},"ratio":{"type":"number"},"engine":{"type":"string"},"public":{"type":"boolean"},
  "zones":{"type":"array","items":{"type":"string"}},
  "tags":{"type":"object","additionalProperties":{"type":"string"}},
  "users":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string"}}}}}}`

func source(t *testing.T, text string) *v1alpha1.TemplateProvisioner {
	t.Helper()
	made := &v1alpha1.TemplateProvisioner{}
	if err := yaml.UnmarshalStrict([]byte(text), made); err != nil {
		t.Fatal(err)
	}
	return made
}

func compile(t *testing.T, text string) *template.Template {
	t.Helper()
	made, err := template.Compile(source(t, text), []byte(schema))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func input(t *testing.T, spec string) provision.Input {
	t.Helper()
	claim := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "claims.roadbed.dev/v1", "kind": "Database"}}
	claim.SetName("orders")
	claim.SetNamespace("tenant-payments")
	in := provision.Input{
		Claim: claim, Capability: "database", Version: "v1", Revision: "database-v1-abc",
		Tenant: provision.Tenant{Name: "payments", BusinessUnit: "retail", Tier: "tier-1", DataClass: "internal", Namespace: "tenant-payments"},
	}
	parsed := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(`{"apiVersion":"v1","kind":"X","spec":`+spec+`}`), &parsed.Object); err != nil {
		t.Fatal(err)
	}
	content, err := parsed.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if err := parsed.UnmarshalJSON(content); err != nil { // whole numbers become int64, as from the API server
		t.Fatal(err)
	}
	in.Spec, _, _ = unstructured.NestedMap(parsed.Object, "spec")
	return in
}

// world is what the cluster has.
type world map[provision.Ref]*unstructured.Unstructured

func (w world) live(ref provision.Ref) *unstructured.Unstructured { return w[ref] }

func (w world) add(t *testing.T, objects ...*unstructured.Unstructured) {
	t.Helper()
	for _, each := range objects {
		w[provision.RefOf(each)] = each.DeepCopy()
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestExpressionsBecomeValues(t *testing.T) {
	t.Parallel()
	made := compile(t, `
resources:
- id: settings
  manifest:
    apiVersion: v1
    kind: ConfigMap
    data:
      text: "size ${spec.size} of ${tenant.name} in ${spec.public}"
      brace: "${ {'a': '}'}['a'] }${\"}\"}"
      literal: "$${not} an expression"
      absent: ${spec.?engine}
    number: ${spec.size * 2}
    ratio: ${spec.ratio}
    list: ${spec.zones.map(z, tenant.tier + '-' + z)}
    map: ${spec.tags}
    items: [1, "${spec.?engine}", "${spec.size}"]
`)
	out, err := made.Render(t.Context(), input(t, `{"size":3,"ratio":1,"public":true,"zones":["a","b"],"tags":{"x":"y"}}`), world{}.live)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"apiVersion":"v1","data":{"brace":"}}","literal":"${not} an expression","text":"size 3 of payments in true"},"items":[1,3],` +
		`"kind":"ConfigMap","list":["tier-1-a","tier-1-b"],"map":{"x":"y"},` +
		`"metadata":{"labels":{"capability.roadbed.dev/resource":"settings"},"name":"orders","namespace":"tenant-payments"},"number":6,"ratio":1}`
	if diff := cmp.Diff(want, asJSON(t, out.Objects[0].Object)); diff != "" {
		t.Error(diff)
	}
	if out.Ready || !strings.Contains(out.Waiting, "ConfigMap orders is not there yet") {
		t.Errorf("ready %v, waiting %q", out.Ready, out.Waiting)
	}
}

const chain = `
resources:
- id: second
  manifest:
    apiVersion: v1
    kind: Service
    metadata: {name: "${claim.metadata.name}-second"}
    spec: {externalName: "${resources.first.status.host}"}
- id: first
  readyWhen: ["self.status.host != ''"]
  manifest: {apiVersion: example.org/v1, kind: Server, spec: {size: "${spec.size}"}}
- id: each
  dependsOn: [second]
  forEach: spec.users
  includeWhen: ["has(spec.users)"]
  manifest:
    apiVersion: v1
    kind: ConfigMap
    metadata: {name: "${claim.metadata.name}-${each.name}-${index}"}
endpoint: resources.first.status.host + ':5432'
connection: {host: resources.first.status.host, user: "'app'"}
status: {users: "resources.each.size()"}
`

func TestObjectsWaitForOthers(t *testing.T) {
	t.Parallel()
	made, in, cluster := compile(t, chain), input(t, `{"size":1,"users":[{"name":"ann"},{"name":"bob"}]}`), world{}
	render := func(waiting string, names ...string) provision.Output {
		t.Helper()
		out, err := made.Render(t.Context(), in, cluster.live)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, object := range out.Objects {
			got = append(got, object.GetName())
		}
		if !slices.Equal(got, names) || out.Waiting != waiting || out.Ready != (waiting == "") || len(out.Objects)+len(out.Later) != 4 {
			t.Fatalf("objects %v later %v, waiting %q; want %v, %q", got, out.Later, out.Waiting, names, waiting)
		}
		return out
	}
	out := render("Server orders is not there yet", "orders")
	cluster.add(t, out.Objects...)
	render("Server orders is not ready: self.status.host != ''", "orders")
	cluster[provision.RefOf(out.Objects[0])].Object["status"] = map[string]any{"host": "db.example"}
	out = render("Service orders-second is not there yet", "orders", "orders-second")
	if got, _, _ := unstructured.NestedString(out.Objects[1].Object, "spec", "externalName"); got != "db.example" {
		t.Errorf("the dependent sees %q", got)
	}
	cluster.add(t, out.Objects[1])
	out = render("ConfigMap orders-ann-0 is not there yet", "orders", "orders-second", "orders-ann-0", "orders-bob-1")
	cluster.add(t, out.Objects[2:]...)
	out = render("", "orders", "orders-second", "orders-ann-0", "orders-bob-1")
	if out.Endpoint != "db.example:5432" || string(out.Connection["host"]) != "db.example" || asJSON(t, out.Status) != `{"users":2}` {
		t.Errorf("endpoint %q connection %v status %v", out.Endpoint, out.Connection, out.Status)
	}
}

func TestPlanShowsEveryObject(t *testing.T) {
	t.Parallel()
	preview, err := compile(t, chain).Plan(t.Context(), input(t, `{"size":1,"users":[{"name":"ann"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, object := range preview.Objects {
		names = append(names, provision.RefOf(object).String())
	}
	if want := []string{"Server orders", "Service orders-second", "ConfigMap orders-ann-0"}; !slices.Equal(names, want) {
		t.Errorf("planned %v, want %v", names, want)
	}
	if got, _, _ := unstructured.NestedString(preview.Objects[1].Object, "spec", "externalName"); got != "${resources.first.status.host}" {
		t.Errorf("what is not known yet is shown as %q", got)
	}
	if !slices.Equal(preview.ConnectionKeys, []string{"host", "user"}) || preview.Endpoint != "" {
		t.Errorf("keys %v endpoint %q", preview.ConnectionKeys, preview.Endpoint)
	}
}

func TestFaultsNameTheField(t *testing.T) {
	t.Parallel()
	one := func(rest string) string {
		return "resources:\n- id: one\n  manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}\n" + rest
	}
	for _, test := range []struct{ name, source, want string }{
		{"unknown field of the claim", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, data: {x: '${spec.sizze}'}}}]", `provisioner.template.resources[a].manifest.data.x: "spec.sizze": undefined field 'sizze'`},
		{"unknown resource", one("endpoint: resources.two.x\n"), `provisioner.template.endpoint: "resources.two.x": undefined field 'two'`},
		{"expression that is not closed", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, data: {x: 'a ${spec.size'}}}]", "is not closed"},
		{"no expression", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, data: {x: '${}'}}}]", "holds no expression"},
		{"list within text", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, data: {x: 'a ${spec.zones}'}}}]", "must give a string, a number or a boolean"},
		{"kind that depends", "resources: [{id: a, manifest: {apiVersion: v1, kind: '${spec.engine}'}}]", "resources[a].manifest.kind: must be said outright"},
		{"name in an expression", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, data: {'${spec.engine}': x}}}]", "only values may"},
		{"another namespace", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, metadata: {namespace: kube-system}}}]", "metadata.namespace: is set by Roadbed"},
		{"owner", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, metadata: {ownerReferences: []}}}]", "metadata.ownerReferences: is set by Roadbed"},
		{"status", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, status: {}}}]", "leave it out"},
		{"condition that is none", "resources: [{id: a, includeWhen: ['spec.size'], manifest: {apiVersion: v1, kind: ConfigMap}}]", "must give a boolean"},
		{"unknown dependency", "resources: [{id: a, dependsOn: [b], manifest: {apiVersion: v1, kind: ConfigMap}}]", `dependsOn[0]: no resource has the id "b"`},
		{"circle", "resources: [{id: a, dependsOn: [b], manifest: {apiVersion: v1, kind: ConfigMap}}, {id: b, manifest: {apiVersion: v1, kind: Secret, x: '${resources.a.x}'}}]", "waits for itself, by a -> b -> a"},
		{"objects of one name", "resources: [{id: a, forEach: spec.zones, manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: x}}}]", "must read each or index"},
		{"name that is known later", one("- {id: two, manifest: {apiVersion: v1, kind: Secret, metadata: {name: '${resources.one.data.x}'}}}\n"), "must follow from the claim alone"},
		{"what is there that is known later", one("- {id: two, includeWhen: ['resources.one.x'], manifest: {apiVersion: v1, kind: Secret}}\n"), "must follow from the claim alone"},
		{"all resources", one("- {id: two, manifest: {apiVersion: v1, kind: Secret, x: '${dyn(resources)}'}}\n"), "reads resources as a whole"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := template.Compile(source(t, test.source), []byte(schema))
			if err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, provision.ErrInvalid) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestWhatOnlyTheClaimShows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, source, spec, want string }{
		{"absent field", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, data: {x: '${spec.engine}'}}}]", `{"size":1}`, "manifest.data.x: \"spec.engine\": no such key: engine"},
		{"no name", "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: '${spec.engine}'}}}]", `{"size":1,"engine":"No Name"}`, "is no name for an object"},
		{"the same name twice", "resources: [{id: a, forEach: spec.zones, manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: '${each}'}}}]", `{"size":1,"zones":["a","a"]}`, "is made twice"},
		{"too many objects", "resources: [{id: a, forEach: '[0,1,2,3,4,5,6,7,8,9,10,11].map(x, spec.zones.map(z, z)).map(l, l[0])', manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: 'x-${index}'}}}]", `{"size":1,"zones":["a"]}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := compile(t, test.source).Render(t.Context(), input(t, test.spec), world{}.live)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestCostIsBounded(t *testing.T) {
	t.Parallel()
	zones := func(count int) provision.Input {
		return input(t, `{"size":1,"zones":[`+strings.TrimSuffix(strings.Repeat(`"zone",`, count), ",")+`]}`)
	}
	one := compile(t, "resources: [{id: a, manifest: {apiVersion: v1, kind: ConfigMap, sum: '${spec.zones.all(a, spec.zones.all(b, spec.zones.all(c, a == c)))}'}}]")
	if _, err := one.Render(t.Context(), zones(400), world{}.live); err == nil || !strings.Contains(err.Error(), "cost limit exceeded") {
		t.Errorf("an expression without end: %v", err)
	}
	var many strings.Builder
	many.WriteString("resources:\n")
	for i := range 60 {
		fmt.Fprintf(&many, "- {id: a%d, manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: a%d}, sum: '${spec.zones.all(a, spec.zones.all(b, a == b))}'}}\n", i, i)
	}
	if _, err := compile(t, many.String()).Render(t.Context(), zones(200), world{}.live); err == nil || !strings.Contains(err.Error(), "cost too much together") {
		t.Errorf("many expressions: %v", err)
	}
}

func TestTooManyObjects(t *testing.T) {
	t.Parallel()
	zones := strings.TrimSuffix(strings.Repeat(`"z",`, 200), ",")
	made := compile(t, "resources: [{id: a, forEach: spec.zones, manifest: {apiVersion: v1, kind: ConfigMap, metadata: {name: 'x-${index}'}}}]")
	if _, err := made.Render(t.Context(), input(t, `{"size":1,"zones":[`+zones+`]}`), world{}.live); err == nil || !strings.Contains(err.Error(), "more than 120 objects") {
		t.Errorf("got %v", err)
	}
}
