package impact

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"

	admissionv1 "k8s.io/api/admission/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// maxLine bounds a recorded request, in bytes: etcd takes no object beyond this
// with its old state.
const maxLine = 8 << 20

// Recording is a stream of recorded requests, one JSON object a line: events of
// the API server's audit log (audit.k8s.io/v1, at level Request or
// RequestResponse) or AdmissionReviews (admission.k8s.io/v1), mixed as they are.
type Recording struct {
	file       string
	reader     io.Reader
	namespaces func(name string) map[string]any
	// Left counts what could not be judged, by reason.
	Left map[string]int
}

// NewRecording reads requests. File is for messages; namespaces gives the
// Namespace by name, or nil.
func NewRecording(file string, reader io.Reader, namespaces func(name string) map[string]any) *Recording {
	return &Recording{file: file, reader: reader, namespaces: namespaces, Left: map[string]int{}}
}

// Requests yields the requests that can be judged, and at most one error, with
// the line. What is left out is counted in Left.
func (r *Recording) Requests() iter.Seq2[*policy.Request, error] {
	return func(yield func(*policy.Request, error) bool) {
		lines := bufio.NewScanner(r.reader)
		lines.Buffer(nil, maxLine)
		number := 0
		for lines.Scan() {
			number++
			if len(lines.Bytes()) == 0 {
				continue
			}
			request, why, err := read(lines.Bytes())
			if err != nil {
				yield(nil, fmt.Errorf("%s:%d: %w", r.file, number, err))
				return
			}
			if request == nil {
				r.Left[why]++
				continue
			}
			if request.Namespace != "" {
				request.NamespaceObject = r.namespaces(request.Namespace)
			}
			if !yield(request, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, fmt.Errorf("%s:%d: %w", r.file, number+1, err))
		}
	}
}

// line is an audit event or an AdmissionReview.
type line struct {
	metav1.TypeMeta

	Request *admissionv1.AdmissionRequest `json:"request"`

	Stage          string                    `json:"stage"`
	Verb           string                    `json:"verb"`
	User           authenticationv1.UserInfo `json:"user"`
	ObjectRef      *objectRef                `json:"objectRef"`
	ResponseStatus *metav1.Status            `json:"responseStatus"`
	RequestObject  json.RawMessage           `json:"requestObject"`
	ResponseObject json.RawMessage           `json:"responseObject"`
}

type objectRef struct {
	Resource, Subresource, Namespace, Name string
	APIGroup, APIVersion                   string
}

// read makes a request of a line, or says why it is left out.
func read(text []byte) (request *policy.Request, why string, err error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, "", fmt.Errorf("not JSON of one recorded request: %w", err)
	}
	switch l.GroupVersionKind() {
	case schema.GroupVersionKind{Group: "admission.k8s.io", Version: "v1", Kind: "AdmissionReview"}:
		if l.Request == nil {
			return nil, "", errors.New("the AdmissionReview has no request")
		}
		request, err = policy.FromAdmission(l.Request)
		return request, "", err
	case schema.GroupVersionKind{Group: "audit.k8s.io", Version: "v1", Kind: "Event"}:
		return ofEvent(l)
	}
	return nil, "", fmt.Errorf("%s %s: want an audit.k8s.io/v1 Event or an admission.k8s.io/v1 AdmissionReview", l.APIVersion, l.Kind)
}

// operationOf is what a verb of audit events writes by.
func operationOf(verb string) (admissionv1.Operation, bool) {
	switch verb {
	case "create":
		return admissionv1.Create, true
	case "update", "patch":
		return admissionv1.Update, true
	}
	return "", false
}

// ofEvent makes a request of an audit event of a write that succeeded. The
// object is what was sent, or, of a patch, what came of it.
func ofEvent(l line) (request *policy.Request, why string, err error) {
	operation, writes := operationOf(l.Verb)
	switch {
	case l.Stage != "ResponseComplete" || !writes || l.ObjectRef == nil:
		return nil, "no write", nil
	case l.ResponseStatus != nil && l.ResponseStatus.Code >= http.StatusBadRequest:
		return nil, "refused at the time", nil
	}
	object, err := objectOf(l)
	if err != nil {
		return nil, "", err
	}
	if object == nil || object["kind"] == nil || object["kind"] == "Status" {
		return nil, "recorded without the object: the audit policy must have level RequestResponse for it", nil
	}
	ref := l.ObjectRef
	r := policy.Existing(object, policy.Served{Group: ref.APIGroup, Version: ref.APIVersion, Resource: ref.Resource}, nil)
	r.Operation, r.SubResource, r.User = operation, ref.Subresource, l.User
	if r.Namespace == "" {
		r.Namespace = ref.Namespace
	}
	if r.Name == "" {
		r.Name = ref.Name
	}
	return r, "", nil
}

// objectOf is what was sent, or, of a patch and where that was not recorded,
// what came of it; nil where neither was.
func objectOf(l line) (map[string]any, error) {
	sent, became := l.RequestObject, l.ResponseObject
	if l.Verb == "patch" {
		sent = nil
	}
	for _, recorded := range []json.RawMessage{sent, became} {
		var object map[string]any
		if len(recorded) == 0 {
			continue
		}
		if err := utiljson.Unmarshal(recorded, &object); err != nil {
			return nil, fmt.Errorf("the object of the event: %w", err)
		}
		if object != nil {
			return object, nil
		}
	}
	return nil, nil
}
