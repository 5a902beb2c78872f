package platformapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// objectOf reads a body that is one JSON object. A field that is given twice is
// wrong: nobody can tell which is meant.
func objectOf(body []byte) (map[string]any, *problem.Problem) {
	var object map[string]any
	mistakes, err := kjson.UnmarshalStrict(body, &object, kjson.DisallowDuplicateFields)
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the body is no JSON object: "+err.Error())
	}
	if object == nil {
		return nil, refusal(http.StatusBadRequest, "the body is no JSON object")
	}
	if len(mistakes) == 0 {
		return object, nil
	}
	wrong := refusal(http.StatusUnprocessableEntity, errors.Join(mistakes...).Error())
	for _, each := range mistakes {
		wrong.Errors = append(wrong.Errors, unknownFields(each.Error())...)
	}
	return nil, wrong
}

// writable refuses metadata that is not the caller's.
func writable(metadata map[string]any) *problem.Problem {
	for field := range metadata {
		switch field {
		case "name", "namespace", "labels", "annotations":
		default:
			return notYours(field)
		}
	}
	for _, field := range []string{"labels", "annotations"} {
		texts, ok := metadata[field].(map[string]any)
		if metadata[field] != nil && !ok {
			return wrongField("metadata."+field, "it must be an object")
		}
		for key, value := range texts {
			if host, _, _ := strings.Cut(key, "/"); strings.HasSuffix("."+host, ".roadbed.dev") {
				return wrongField("metadata."+field+"["+key+"]", "it is set by the platform")
			}
			if _, ok := value.(string); !ok {
				return wrongField("metadata."+field+"["+key+"]", "it must be a string")
			}
		}
	}
	return nil
}

// ofServer are the fields of metadata that Kubernetes has and callers do not set.
var ofServer = []string{
	"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "ownerReferences", "managedFields", "selfLink",
}

// notYours refuses a field of metadata.
func notYours(field string) *problem.Problem {
	if slices.Contains(ofServer, field) {
		return wrongField("metadata."+field, "it is set by the server")
	}
	return wrongField("metadata."+field, "there is no such field here")
}

func wrongField(field, detail string) *problem.Problem {
	p := problem.New(http.StatusUnprocessableEntity, field+": "+detail)
	p.Errors = []problem.FieldError{{Field: field, Detail: detail}}
	return &p
}

// bodyOf reads a body of one of the media types.
func bodyOf(r *http.Request, mediaTypes ...string) ([]byte, *problem.Problem) {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return nil, refusal(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Encoding %q is not taken: send the body as it is", coding))
	}
	given, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	allowed := false
	for _, each := range mediaTypes {
		allowed = allowed || given == each
	}
	if err != nil || !allowed {
		return nil, refusal(http.StatusUnsupportedMediaType, "Content-Type must be "+strings.Join(mediaTypes, " or "))
	}
	body, err := io.ReadAll(r.Body)
	if _, long := errors.AsType[*http.MaxBytesError](err); long {
		return nil, refusal(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxBody))
	}
	if err != nil {
		return nil, refusal(http.StatusBadRequest, "the body cannot be read")
	}
	return bytes.TrimSpace(body), nil
}
