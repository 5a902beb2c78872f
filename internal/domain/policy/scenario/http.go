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
		if answer.URL != url || answer.Method != "" && !strings.EqualFold(answer.Method, method) {
			continue
		}
		return withBody(answer.Body), cmp.Or(answer.Status, 200), nil
	}
	return nil, 0, fmt.Errorf("%s %s: nothing is sent here, and the context file has no answer", method, url)
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
