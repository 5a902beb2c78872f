package scenario

import (
	"context"
	"fmt"
	"strings"
)

// HTTP answers requests of policies as a context file says. Nothing is sent.
type HTTP struct {
	answers []HTTPAnswer
}

// NewHTTP gives the answers.
func NewHTTP(answers []HTTPAnswer) *HTTP { return &HTTP{answers: answers} }

// Do returns the body and the status of the answer to a request.
func (h *HTTP) Do(_ context.Context, method, url string, _ map[string]string, _ any, _ string) (any, int, error) {
	for _, answer := range h.answers {
		if answer.URL != url || answer.Method != "" && !strings.EqualFold(answer.Method, method) {
			continue
		}
		if answer.Status == 0 {
			return answer.Body, 200, nil
		}
		return answer.Body, answer.Status, nil
	}
	return nil, 0, fmt.Errorf("%s %s: nothing is sent here, and the context file has no answer", method, url)
}
