package manifest

import (
	"strings"
	"testing"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

const shapely = `apiVersion: tenancy.roadbed.dev/v1alpha1
kind: Tenant
metadata:
  name: NAME
spec:
  owner: a
  businessUnit: b
  tier: tier-2
  jurisdictions: [uk]
  costCenter: cc-1
  dataClass: CLASS
  access: {admins: [{name: corp:leads}]}
  namespaces: [{name: dev}, {name: OTHER}]
`

func TestMisshapen(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ reason, name, class, other, says string }{
		{"nothing is wrong", "a", "Internal", "prod", ""},
		{"a value that is none of the allowed ones", "a", "Secret", "prod", `in.yaml:11: spec.dataClass: Unsupported value: "Secret": supported values: `},
		{"an entry that is there twice", "a", "Internal", "dev", `in.yaml:13: spec.namespaces[1]: Duplicate value: `},
		{"a rule about the whole object", strings.Repeat("a", 41), "Internal", "prod", `in.yaml:4: Invalid value: metadata.name may have at most 40 characters`},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			text := strings.NewReplacer("NAME", test.name, "CLASS", test.class, "OTHER", test.other).Replace(shapely)
			documents, err := Parse(Scheme(), "in.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			err = documents[0].Misshapen(t.Context())
			if (err == nil) != (test.says == "") || err != nil && !strings.HasPrefix(err.Error(), test.says) {
				t.Errorf("got %v, want %q...", err, test.says)
			}
		})
	}
}

func TestWithDefaults(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("NAME", "a", "  dataClass: CLASS\n", "", "OTHER", "prod").Replace(shapely)
	documents, err := Parse(Scheme(), "in.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	filled, err := WithDefaults(documents[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	if got := filled.(*tenancyv1.Tenant).Spec; got.DataClass == "" || got.Lifecycle.State == "" || got.Access.Admins[0].Kind == "" {
		t.Errorf("defaults are missing: %+v", got)
	}
	if got := documents[0].Object.(*tenancyv1.Tenant).Spec; got.DataClass != "" {
		t.Errorf("the document itself was changed: %+v", got)
	}
}
