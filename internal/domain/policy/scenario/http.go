package scenario

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"strings"
)

// HTTP answers requests of policies as a context file says. Nothing is sent.
type HTTP struct {
	answers []HTTPAnswer
}

// NewHTTP gives the answers.
func NewHTTP(answers []HTTPAnswer) *HTTP { return &HTTP{answers: answers} }

// Do returns the body and the status of the answer to a request. An answer that is
// an object is found under "body" as well: Kyverno's tests expect it there, and
// Kyverno's servers answer with the object itself.
func (h *HTTP) Do(_ context.Context, method, url string, _ map[string]string, _ any, _ string) (any, int, error) {
	for _, answer := range h.answers {
		if answer.fits(method, url) {
			return withBody(answer.Body), cmp.Or(answer.Status, 200), nil
		}
	}
	return nil, 0, fmt.Errorf("%s %s: nothing is sent here, and the context file has no answer", method, url)
}

// fits tells whether the answer is to the request.
func (a HTTPAnswer) fits(method, url string) bool {
	return a.URL == url && (a.Method == "" || strings.EqualFold(a.Method, method))
}

// withBody is a copy of an answer with itself under "body".
func withBody(answer any) any {
	object, ok := answer.(map[string]any)
	if _, has := object["body"]; !ok || has {
		return answer
	}
	object = maps.Clone(object)
	object["body"] = answer
	return object
}
