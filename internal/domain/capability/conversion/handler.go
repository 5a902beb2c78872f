package conversion

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// Converters finds who converts a kind. Implementations MUST be safe for
// concurrent use.
type Converters interface {
	// Converter returns the converter of a kind, or an error that says why there
	// is none.
	Converter(ctx context.Context, kind schema.GroupKind) (*Converter, error)
}

// largest bounds what the API server may send: its own bound on objects, times
// what a page of a list holds.
const largest = 512 << 20

// Handler answers the API server's ConversionReviews.
func Handler(converters Converters) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review apiextensionsv1.ConversionReview
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, largest)).Decode(&review)
		if err != nil || review.Request == nil {
			http.Error(w, "the body is not a ConversionReview with a request", http.StatusBadRequest)
			return
		}
		review.Response = answer(r.Context(), converters, review.Request)
		review.Request = nil
		w.Header().Set("Content-Type", "application/json")
		// The API server hears of a broken connection by itself.
		_ = json.NewEncoder(w).Encode(review)
	})
}

func answer(ctx context.Context, converters Converters, request *apiextensionsv1.ConversionRequest) *apiextensionsv1.ConversionResponse {
	made := &apiextensionsv1.ConversionResponse{UID: request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
	for i := range request.Objects {
		object, err := convert(ctx, converters, request.Objects[i].Raw, request.DesiredAPIVersion)
		if err != nil {
			made.ConvertedObjects = nil
			made.Result = metav1.Status{Status: metav1.StatusFailure, Message: err.Error()}
			return made
		}
		made.ConvertedObjects = append(made.ConvertedObjects, runtime.RawExtension{Raw: object})
	}
	return made
}

func convert(ctx context.Context, converters Converters, raw []byte, desired string) ([]byte, error) {
	var claim map[string]any
	if err := utiljson.Unmarshal(raw, &claim); err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	to, err := schema.ParseGroupVersion(desired)
	if err != nil {
		return nil, fmt.Errorf("desired version: %w", err)
	}
	kind, _ := claim["kind"].(string)
	converter, err := converters.Converter(ctx, schema.GroupKind{Group: to.Group, Kind: kind})
	if err != nil {
		return nil, err
	}
	made, err := converter.Convert(claim, to.Version)
	if err != nil {
		return nil, fmt.Errorf("convert %s: %w", kind, err)
	}
	return json.Marshal(made)
}
