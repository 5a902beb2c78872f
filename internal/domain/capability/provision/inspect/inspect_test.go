package inspect_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/inspect"
)

func published(change func(*v1alpha1.CapabilityVersion)) *v1alpha1.Capability {
	v := v1alpha1.CapabilityVersion{
		Name: "v1", Stage: v1alpha1.StageGA,
		Schema: v1alpha1.ClaimSchema{Spec: runtime.RawExtension{Raw: []byte(`{"type":"object","properties":{"size":{"type":"integer","default":1}}}`)}},
		Provisioner: v1alpha1.Provisioner{
			Type: v1alpha1.ProvisionerTemplate,
			Permissions: []v1alpha1.Permission{
				{APIGroups: []string{""}, Resources: []string{"configmaps"}},
			},
			Template: &v1alpha1.TemplateProvisioner{Resources: []v1alpha1.TemplateResource{manifest("${string(spec.size)}")}},
		},
	}
	change(&v)
	return &v1alpha1.Capability{Spec: v1alpha1.CapabilitySpec{Versions: []v1alpha1.CapabilityVersion{v}}}
}

func manifest(size string) v1alpha1.TemplateResource {
	return v1alpha1.TemplateResource{ID: "settings", Manifest: runtime.RawExtension{
		Raw: []byte(`{"apiVersion":"v1","kind":"ConfigMap","data":{"size":"` + size + `"}}`),
	}}
}

const sizeOf = "spec.versions[0].provisioner.template.resources[settings].manifest.data.size"

func TestCapability(t *testing.T) {
	t.Parallel()
	chart := func(values, endpoint string) func(*v1alpha1.CapabilityVersion) {
		return func(v *v1alpha1.CapabilityVersion) {
			v.Provisioner.Type, v.Provisioner.Template = v1alpha1.ProvisionerHelm, nil
			v.Provisioner.Helm = &v1alpha1.HelmProvisioner{
				URL: "https://charts.example.com/boards.tgz", Endpoint: v1alpha1.CELExpression(endpoint),
				Values: &runtime.RawExtension{Raw: []byte(`{"size":"` + values + `"}`)},
			}
		}
	}
	size := func(expression string) func(*v1alpha1.CapabilityVersion) {
		return func(v *v1alpha1.CapabilityVersion) {
			v.Provisioner.Template.Resources[0] = manifest(expression)
		}
	}
	for reason, test := range map[string]struct {
		change func(*v1alpha1.CapabilityVersion)
		want   []string
	}{
		"a template that compiles":        {func(*v1alpha1.CapabilityVersion) {}, nil},
		"a field that claims do not have": {size("${string(spec.sise)}"), []string{sizeOf}},
		"an expression that is cut off":   {size("${string(spec.size}"), []string{sizeOf}},
		"two faults, each by its field":   {func(v *v1alpha1.CapabilityVersion) { size("${spec.no}")(v); v.Provisioner.Template.Endpoint = "(" }, []string{"spec.versions[0].provisioner.template.endpoint", sizeOf}},
		"a removed version":               {func(v *v1alpha1.CapabilityVersion) { size("${spec.no}")(v); v.Stage = v1alpha1.StageRemoved }, nil},
		"rights to change the tenant's own ones": {func(v *v1alpha1.CapabilityVersion) {
			v.Provisioner.Permissions[0].Resources = []string{"serviceaccounts"}
		}, []string{"spec.versions[0].provisioner.permissions[0]"}},
		"a chart that need not be read": {chart("${spec.size}", ""), nil},
		"values and outputs of a chart": {chart("${spec.sise}", "("), []string{"spec.versions[0].provisioner.helm.endpoint", "spec.versions[0].provisioner.helm.values.size"}},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			errs := inspect.Capability(nil, published(test.change))
			if len(errs) != len(test.want) {
				t.Fatalf("errors %v, want %v", errs, test.want)
			}
			for i, err := range errs {
				if err.Field != test.want[i] {
					t.Errorf("field %q, want %q: %v", err.Field, test.want[i], err)
				}
			}
		})
	}
}

// What was published before this was judged can be changed in other respects.
func TestCapabilityLeavesAloneWhatIsPublished(t *testing.T) {
	t.Parallel()
	broken := func(v *v1alpha1.CapabilityVersion) { v.Provisioner.Template.Resources[0] = manifest("${spec.no}") }
	before, after := published(broken), published(broken)
	after.Spec.Versions[0].Stage = v1alpha1.StageDeprecated
	if errs := inspect.Capability(before, after); len(errs) > 0 {
		t.Errorf("a version that is deprecated is judged by its provisioner: %v", errs)
	}
	after.Spec.Versions[0].Provisioner.Template.Endpoint = "spec.size"
	if errs := inspect.Capability(before, after); len(errs) == 0 {
		t.Error("a provisioner that is changed is not judged")
	}
}
