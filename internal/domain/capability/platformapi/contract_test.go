package platformapi_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// contract is the OpenAPI document as it is served. Whatever tests say to the API
// and hear from it is held against it.
type contract struct{ router routers.Router }

func contractOf(t *testing.T, url string) *contract {
	t.Helper()
	response, err := http.Get(url + "/openapi.json")
	check(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	check(t, err)
	document, err := openapi3.NewLoader().LoadFromData(text)
	check(t, err)
	document.Servers = openapi3.Servers{{URL: url}}
	check(t, document.Validate(t.Context()))
	router, err := legacy.NewRouter(document)
	check(t, err)
	return &contract{router}
}

// holds judges an answer always, and the request where the answer took it.
func (c *contract) holds(t *testing.T, request *http.Request, body string, response *http.Response, text []byte) {
	t.Helper()
	asked := request.Clone(t.Context())
	asked.Body = io.NopCloser(bytes.NewReader([]byte(body)))
	route, parameters, err := c.router.FindRoute(asked)
	if err != nil {
		return // a path, or a method, that the document does not have
	}
	input := &openapi3filter.RequestValidationInput{
		Request: asked, Route: route, PathParams: parameters,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true},
	}
	if response.StatusCode < http.StatusBadRequest {
		if err := openapi3filter.ValidateRequest(t.Context(), input); err != nil {
			t.Errorf("%s %s was taken, and the document says: %v", request.Method, request.URL, err)
		}
	}
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: response.StatusCode, Header: response.Header, Options: input.Options,
	}
	if err := openapi3filter.ValidateResponse(t.Context(), answer.SetBodyBytes(text)); err != nil {
		t.Errorf("%s %s is answered with %d, and the document says: %v", request.Method, request.URL, response.StatusCode, err)
	}
}
