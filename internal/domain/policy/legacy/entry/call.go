package entry

import (
	"fmt"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/draft"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// call asks the API server by urlPath, or a service by its url.
func (c compiler) call(path string, source *kyvernov1.ContextAPICall, scope variable.Scope) loader {
	if (source.URLPath == "") == (source.Service == nil) {
		c.Wrong(path, "give either urlPath, for the API server, or service")
	}
	method := source.Method
	if method == "" {
		method = "GET"
	}
	data := c.requestData(path, source.Data, scope)
	if source.Service != nil {
		return c.service(path+".service", source.Service, method, data, scope)
	}
	c.stayPath(path+".urlPath", source.URLPath)
	address := c.Template(path+".urlPath", source.URLPath, scope)
	return func(e asking, vars *variable.Context) (any, error) {
		url, err := draft.Text(address, vars)
		if err != nil {
			return nil, err
		}
		if err := c.ownPath(url); err != nil {
			return nil, err
		}
		body, err := data(vars)
		if err != nil {
			return nil, err
		}
		if e.world.Lookup == nil {
			return nil, policy.ErrNoWorld
		}
		return e.world.Lookup.Call(e.context, method, url, body)
	}
}

// service asks a service that speaks JSON. Only POST sends the data.
func (c compiler) service(path string, source *kyvernov1.ServiceCall, method string, data requestBody, scope variable.Scope) loader {
	if source.URL == "" {
		c.Wrong(path+".url", "is missing")
	}
	address := c.Template(path+".url", source.URL, scope)
	bundle := c.Template(path+".caBundle", source.CABundle, scope)
	headers := c.headers(path, source.Headers, scope)
	return func(e asking, vars *variable.Context) (any, error) {
		sent, err := headers(vars)
		if err != nil {
			return nil, err
		}
		url, err := draft.Text(address, vars)
		if err != nil {
			return nil, err
		}
		trusted, err := draft.Text(bundle, vars)
		if err != nil {
			return nil, err
		}
		var body any
		if method == "POST" {
			if body, err = data(vars); err != nil {
				return nil, err
			}
		}
		return e.ask(method, url, sent, body, trusted)
	}
}

// ask wants a good answer of a service; its body is the answer.
func (e asking) ask(method, url string, headers map[string]string, body any, bundle string) (any, error) {
	if e.world.HTTP == nil {
		return nil, policy.ErrNoHTTP
	}
	answer, status, err := e.world.HTTP.Do(e.context, method, url, headers, body, bundle)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", method, url, err)
	case status < 200 || status > 299:
		return nil, fmt.Errorf("%s %s: the service answered %d", method, url, status)
	}
	return answer, nil
}

// headers are those of a request, with their variables filled in.
func (c compiler) headers(path string, sources []kyvernov1.HTTPHeader, scope variable.Scope) func(*variable.Context) (map[string]string, error) {
	values := make([]*variable.Template, len(sources))
	for i, source := range sources {
		values[i] = c.Template(fmt.Sprintf("%s.headers[%d].value", path, i), source.Value, scope)
	}
	return func(vars *variable.Context) (map[string]string, error) {
		made := map[string]string{}
		for i, source := range sources {
			value, err := draft.Text(values[i], vars)
			if err != nil {
				return nil, err
			}
			made[source.Key] = value
		}
		return made, nil
	}
}

// requestBody gives the body of a call; nil for none.
type requestBody func(*variable.Context) (any, error)

// requestData is the body of a call, an object of its entries; none for none.
func (c compiler) requestData(path string, sources []kyvernov1.RequestData, scope variable.Scope) requestBody {
	if len(sources) == 0 {
		return func(*variable.Context) (any, error) { return nil, nil }
	}
	body := map[string]any{}
	for i, source := range sources {
		body[source.Key] = c.JSON(fmt.Sprintf("%s.data[%d].value", path, i), source.Value)
	}
	template := c.Template(path+".data", body, scope)
	return func(vars *variable.Context) (any, error) { return template.Resolve(vars) }
}
