package contract_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/contract"
)

func publishing(spec string) *v1alpha1.Capability {
	return &v1alpha1.Capability{Spec: v1alpha1.CapabilitySpec{
		Names: v1alpha1.ClaimNames{Kind: "Database", Plural: "databases"},
		Versions: []v1alpha1.CapabilityVersion{{
			Name: "v1", Stage: v1alpha1.StageGA, Storage: true,
			Schema: v1alpha1.ClaimSchema{Spec: runtime.RawExtension{Raw: []byte(spec)}},
		}},
	}}
}

func object(properties, more string) string {
	return `{"type":"object","properties":{` + properties + `}` + more + `}`
}

func TestCompare(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ before, after, want string }{
		"nothing changed":        {object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string"}`, ""), ""},
		"an optional field":      {object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string"},"b":{"type":"string"}`, ""), ""},
		"a wider bound":          {object(`"a":{"type":"integer","maximum":3}`, ""), object(`"a":{"type":"integer","maximum":9}`, ""), ""},
		"a field gone":           {object(`"a":{"type":"string"}`, ""), object(``, ""), "spec.a: the field is gone"},
		"another type":           {object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"integer"}`, ""), "spec.a: was string and would be integer"},
		"newly required":         {object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string"}`, `,"required":["a"]`), "spec.a: becomes required"},
		"required, by default":   {object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","default":"x"}`, `,"required":["a"]`), "became required"},
		"a value gone":           {object(`"a":{"type":"string","enum":["x","y"]}`, ""), object(`"a":{"type":"string","enum":["x"]}`, ""), `spec.a: the value "y" is no longer taken`},
		"a narrower bound":       {object(`"a":{"type":"integer","maximum":9}`, ""), object(`"a":{"type":"integer","maximum":3}`, ""), "spec.a: maximum falls from 9 to 3"},
		"a new bound":            {object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","maxLength":3}`, ""), "spec.a: maxLength falls from none to 3"},
		"a pattern":              {object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string","pattern":"^x"}`, ""), "spec.a: the pattern changes"},
		"another default":        {object(`"a":{"type":"string","default":"x"}`, ""), object(`"a":{"type":"string","default":"y"}`, ""), `spec.a: the default changes from "x" to "y"`},
		"a new rule":             {object(`"a":{"type":"string"}`, ""), object(`"a":{"type":"string"}`, `,"x-kubernetes-validations":[{"rule":"self.a != ''"}]`), "the rule"},
		"items of another type":  {object(`"a":{"type":"array","items":{"type":"string"}}`, ""), object(`"a":{"type":"array","items":{"type":"integer"}}`, ""), "spec.a[]: was string"},
		"values of another type": {object(`"a":{"type":"object","additionalProperties":{"type":"string"}}`, ""), object(`"a":{"type":"object","additionalProperties":{"type":"integer"}}`, ""), "spec.a.*: was string"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			breaks, err := contract.Compare(publishing(test.before), publishing(test.after), "v1")
			if err != nil {
				t.Fatal(err)
			}
			got := contract.Words(breaks)
			if test.want == "" && len(breaks) > 0 || !strings.Contains(got, test.want) {
				t.Errorf("Compare() =\n%s\nwant %q", got, test.want)
			}
		})
	}
}

func TestBothSay(t *testing.T) {
	t.Parallel()
	breaks, err := contract.Compare(publishing(object(`"a":{"type":"string"}`, "")), publishing(object(`"a":{"type":"integer"}`, "")), "v1")
	if err != nil {
		t.Fatal(err)
	}
	if got := contract.Words(breaks); !strings.Contains(got, "spec.a:") || !strings.Contains(got, "POST /v1/databases") {
		t.Errorf("Compare() =\n%s\nwant what the schema breaks and what the HTTP API does", got)
	}
}
