package conversion_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/conversion"
)

func version(name, spec string, conversions ...v1alpha1.Conversion) v1alpha1.CapabilityVersion {
	return v1alpha1.CapabilityVersion{
		Name: name, Stage: v1alpha1.StageGA, Storage: name == "v2", Conversions: conversions,
		Schema: v1alpha1.ClaimSchema{Spec: runtime.RawExtension{Raw: []byte(spec)}},
	}
}

func database(rules ...v1alpha1.ConversionRule) *v1alpha1.Capability {
	return &v1alpha1.Capability{Spec: v1alpha1.CapabilitySpec{
		Names: v1alpha1.ClaimNames{Kind: "Database", Plural: "databases"},
		Versions: []v1alpha1.CapabilityVersion{
			version("v1", `{"type":"object","properties":{"storageGB":{"type":"integer"},"note":{"type":"string"}}}`,
				v1alpha1.Conversion{From: "v2", Rules: []v1alpha1.ConversionRule{{Field: "spec.storageGB", Expression: "self.spec.size.gb"}}}),
			version("v2", `{"type":"object","properties":{"size":{"type":"object","properties":{"gb":{"type":"integer"}}},"engine":{"type":"string"},"note":{"type":"string"}}}`,
				v1alpha1.Conversion{From: "v1", Rules: rules}),
		},
	}}
}

func gb() v1alpha1.ConversionRule {
	return v1alpha1.ConversionRule{Field: "spec.size.gb", Expression: "self.spec.storageGB"}
}

func claim(version string, spec map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": "claims.roadbed.dev/" + version, "kind": "Database",
		"metadata": map[string]any{"name": "orders"}, "spec": spec,
	}
}

func TestConvertAndBack(t *testing.T) {
	t.Parallel()
	converter, err := conversion.New(database(gb()))
	if err != nil {
		t.Fatal(err)
	}
	newer := claim("v2", map[string]any{"size": map[string]any{"gb": int64(5)}, "engine": "pg17", "note": "n"})
	older, err := converter.Convert(newer, "v1")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"storageGB": int64(5), "note": "n"}, older["spec"]); diff != "" {
		t.Errorf("as v1 (-want +got):\n%s", diff)
	}
	back, err := converter.Convert(older, "v2")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(newer, back); diff != "" {
		t.Errorf("back as v2 (-want +got):\n%s", diff)
	}
}

// Somebody who knows v1 only changes the size: the engine, which v1 lacks, stays.
func TestChangeInTheOlderVersionKeepsWhatItLacks(t *testing.T) {
	t.Parallel()
	converter, err := conversion.New(database(gb()))
	if err != nil {
		t.Fatal(err)
	}
	older, err := converter.Convert(claim("v2", map[string]any{"size": map[string]any{"gb": int64(5)}, "engine": "pg17"}), "v1")
	if err != nil {
		t.Fatal(err)
	}
	older["spec"] = map[string]any{"storageGB": int64(9)}
	back, err := converter.Convert(older, "v2")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"size": map[string]any{"gb": int64(9)}, "engine": "pg17"}, back["spec"]); diff != "" {
		t.Errorf("back as v2 (-want +got):\n%s", diff)
	}
}

func TestDefaultWhereThereIsNothingToRead(t *testing.T) {
	t.Parallel()
	rule := gb()
	rule.Default = &runtime.RawExtension{Raw: []byte("1")}
	converter, err := conversion.New(database(rule))
	if err != nil {
		t.Fatal(err)
	}
	newer, err := converter.Convert(claim("v1", map[string]any{"note": "n"}), "v2")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"size": map[string]any{"gb": int64(1)}, "note": "n"}, newer["spec"]); diff != "" {
		t.Errorf("as v2 (-want +got):\n%s", diff)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		rule v1alpha1.ConversionRule
		want string
	}{
		"what fits":                 {gb(), ""},
		"what does not compile":     {v1alpha1.ConversionRule{Field: "spec.size.gb", Expression: "self.spec."}, "Syntax error"},
		"what divides by zero":      {v1alpha1.ConversionRule{Field: "spec.size.gb", Expression: "1 / 0"}, "division by zero"},
		"what cannot be written so": {v1alpha1.ConversionRule{Field: "spec.note.deep", Expression: "'x'"}, "spec.note.deep"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := conversion.Check(database(test.rule))
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("Check() = %v, want %q", err, test.want)
			}
		})
	}
}

type finder struct{ converter *conversion.Converter }

func (f finder) Converter(context.Context, schema.GroupKind) (*conversion.Converter, error) {
	return f.converter, nil
}

func ask(t testing.TB, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	converter, err := conversion.New(database(gb()))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	conversion.Handler(finder{converter}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	return w
}

func TestHandler(t *testing.T) {
	t.Parallel()
	review := map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview", "request": map[string]any{
		"uid": "u", "desiredAPIVersion": "claims.roadbed.dev/v2", "objects": []any{claim("v1", map[string]any{"storageGB": 3})},
	}}
	body, err := json.Marshal(review)
	if err != nil {
		t.Fatal(err)
	}
	if w := ask(t, body); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"size":{"gb":3}`) {
		t.Errorf("answer %d: %s", w.Code, w.Body)
	}
	if w := ask(t, []byte("{}")); w.Code != http.StatusBadRequest {
		t.Errorf("an empty review is answered %d, want 400", w.Code)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add([]byte(`{"request":{"uid":"u","desiredAPIVersion":"claims.roadbed.dev/v2","objects":[{"apiVersion":"claims.roadbed.dev/v1","kind":"Database","metadata":{"annotations":{"capability.roadbed.dev/preserved":"{}"}},"spec":{"storageGB":3}}]}}`))
	f.Fuzz(func(t *testing.T, body []byte) { ask(t, body) })
}
