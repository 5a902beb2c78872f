// Package problem says over HTTP what went wrong, in the one form that all of
// Roadbed's interfaces share: application/problem+json of RFC 9457.
//
// A problem is for the user: it says what is wrong, where, and what to do. It
// never holds what only operators may know.
package problem

import (
	"encoding/json"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ContentType is the media type of a Problem.
const ContentType = "application/problem+json"

// untyped is the type of a problem that its status says all about.
const untyped = "about:blank"

// Problem is one thing that went wrong.
type Problem struct {
	// Type is a URI reference that names the sort of problem; "about:blank"
	// where the status says it all.
	Type string `json:"type"`
	// Title sums up the sort of problem, the same for each of its kind.
	Title string `json:"title"`
	// Status is the HTTP status code.
	Status int `json:"status"`
	// Detail is what went wrong this time and what to do.
	Detail string `json:"detail,omitempty"`
	// Instance is a URI reference of this very occurrence.
	Instance string `json:"instance,omitempty"`
	// Errors are the fields of the request that are wrong.
	Errors []FieldError `json:"errors,omitempty"`
}

// FieldError is what is wrong with one field.
type FieldError struct {
	// Field is the field's path, such as spec.quota[requests.cpu].
	Field string `json:"field"`
	// Detail says what is wrong with it.
	Detail string `json:"detail"`
}

// New returns a problem that its status says all about, but for the detail.
func New(status int, detail string) Problem {
	return Problem{Type: untyped, Title: http.StatusText(status), Status: status, Detail: detail}
}

// FromStatus tells a refusal of the Kubernetes API. Its causes become the
// fields that are wrong. A status that is no HTTP error counts as 500.
func FromStatus(refusal apierrors.APIStatus) Problem {
	status := refusal.Status()
	p := New(int(status.Code), status.Message)
	if http.StatusText(p.Status) == "" || p.Status < http.StatusBadRequest {
		p.Status = http.StatusInternalServerError
		p.Title = http.StatusText(p.Status)
	}
	if status.Details == nil {
		return p
	}
	for _, cause := range status.Details.Causes {
		if cause.Field != "" {
			p.Errors = append(p.Errors, FieldError{Field: cause.Field, Detail: detail(cause)})
		}
	}
	return p
}

// detail is the cause's message, or its type where it has none.
func detail(cause metav1.StatusCause) string {
	if cause.Message == "" {
		return string(cause.Type)
	}
	return cause.Message
}

// Write answers a request with the problem. A problem without a status is 500,
// one without a type or title gets those that go with its status.
func Write(w http.ResponseWriter, p Problem) {
	if p.Status == 0 {
		p.Status = http.StatusInternalServerError
	}
	if p.Type == "" {
		p.Type = untyped
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	body, err := json.Marshal(p)
	if err != nil { // strings and integers always marshal
		panic(err)
	}
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n')) // the client is gone; there is nobody to tell
}
