package rule

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
)

// HTTPMatches are a rule's matches; without any, all requests match.
func HTTPMatches(matches []gatewayv1.HTTPRouteMatch) ([]gateway.Match, error) {
	if len(matches) == 0 {
		return []gateway.Match{{Path: gateway.PathMatch{Prefix: "/"}}}, nil
	}
	made := make([]gateway.Match, 0, len(matches))
	for i := range matches {
		m, err := httpMatch(&matches[i])
		if err != nil {
			return nil, err
		}
		made = append(made, m)
	}
	return made, nil
}

func httpMatch(match *gatewayv1.HTTPRouteMatch) (made gateway.Match, err error) {
	if made.Path, err = path(match.Path); err != nil {
		return made, err
	}
	if match.Method != nil {
		made.Method = string(*match.Method)
	}
	for _, header := range match.Headers {
		add := newValue(strings.ToLower(string(header.Name)), string(or(header.Type, gatewayv1.HeaderMatchExact)), header.Value)
		if made.Headers, err = add(made.Headers); err != nil {
			return made, err
		}
	}
	for _, query := range match.QueryParams {
		add := newValue(string(query.Name), string(or(query.Type, gatewayv1.QueryParamMatchExact)), query.Value)
		if made.Queries, err = add(made.Queries); err != nil {
			return made, err
		}
	}
	return made, nil
}

func path(match *gatewayv1.HTTPPathMatch) (gateway.PathMatch, error) {
	if match == nil {
		return gateway.PathMatch{Prefix: "/"}, nil
	}
	value := or(match.Value, "/")
	switch kind := or(match.Type, gatewayv1.PathMatchPathPrefix); kind {
	case gatewayv1.PathMatchExact:
		return gateway.PathMatch{Exact: value}, nil
	case gatewayv1.PathMatchPathPrefix:
		if trimmed := strings.TrimRight(value, "/"); trimmed != "" {
			return gateway.PathMatch{Prefix: trimmed}, nil
		}
		return gateway.PathMatch{Prefix: "/"}, nil
	case gatewayv1.PathMatchRegularExpression:
		compiled, err := expression(value)
		return gateway.PathMatch{Regexp: compiled}, err
	default:
		return gateway.PathMatch{}, fmt.Errorf("path type %q is not known: use Exact, PathPrefix or RegularExpression", kind)
	}
}

// expression compiles a regular expression that has to match the whole value.
func expression(value string) (*regexp.Regexp, error) {
	// By itself first: "a)|(b" must not get out of the group.
	_, err := regexp.Compile(value)
	compiled, whole := regexp.Compile("^(?:" + value + ")$")
	if err = cmp.Or(err, whole); err != nil {
		return nil, fmt.Errorf("regular expression %q cannot be read (RE2 syntax is taken): %w", value, err)
	}
	return compiled, nil
}

// newValue adds a match of a header or query parameter, unless there is one of that
// name: the first counts.
func newValue(name, kind, value string) func([]gateway.ValueMatch) ([]gateway.ValueMatch, error) {
	return func(list []gateway.ValueMatch) ([]gateway.ValueMatch, error) {
		for _, each := range list {
			if each.Name == name {
				return list, nil
			}
		}
		switch kind {
		case string(gatewayv1.HeaderMatchExact):
			return append(list, gateway.ValueMatch{Name: name, Exact: value}), nil
		case string(gatewayv1.HeaderMatchRegularExpression):
			compiled, err := expression(value)
			return append(list, gateway.ValueMatch{Name: name, Regexp: compiled}), err
		}
		return list, fmt.Errorf("match type %q of %q is not known: use Exact or RegularExpression", kind, name)
	}
}

// GRPCMatches are a rule's matches; without any, all calls match.
func GRPCMatches(matches []gatewayv1.GRPCRouteMatch) ([]gateway.Match, error) {
	if len(matches) == 0 {
		return []gateway.Match{{Path: gateway.PathMatch{Prefix: "/"}}}, nil
	}
	made := make([]gateway.Match, 0, len(matches))
	for i := range matches {
		m := gateway.Match{}
		var err error
		if m.Path, err = method(matches[i].Method); err != nil {
			return nil, err
		}
		for _, header := range matches[i].Headers {
			add := newValue(strings.ToLower(string(header.Name)), string(or(header.Type, gatewayv1.GRPCHeaderMatchExact)), header.Value)
			if m.Headers, err = add(m.Headers); err != nil {
				return nil, err
			}
		}
		made = append(made, m)
	}
	return made, nil
}

// method is the path that calls of a gRPC method have.
func method(match *gatewayv1.GRPCMethodMatch) (gateway.PathMatch, error) {
	if match == nil {
		return gateway.PathMatch{Prefix: "/"}, nil
	}
	service, name := or(match.Service, ""), or(match.Method, "")
	switch kind := or(match.Type, gatewayv1.GRPCMethodMatchExact); {
	case kind == gatewayv1.GRPCMethodMatchRegularExpression:
		compiled, err := expression("/" + anyIfEmpty(service) + "/" + anyIfEmpty(name))
		return gateway.PathMatch{Regexp: compiled}, err
	case kind != gatewayv1.GRPCMethodMatchExact:
		return gateway.PathMatch{}, fmt.Errorf("method type %q is not known: use Exact or RegularExpression", kind)
	case service != "" && name != "":
		return gateway.PathMatch{Exact: "/" + service + "/" + name}, nil
	case service != "":
		return gateway.PathMatch{Prefix: "/" + service}, nil
	case name != "":
		compiled, err := expression("/[^/]+/" + regexp.QuoteMeta(name))
		return gateway.PathMatch{Regexp: compiled}, err
	}
	return gateway.PathMatch{Prefix: "/"}, nil
}

func anyIfEmpty(expression string) string {
	if expression == "" {
		return "[^/]+"
	}
	return "(?:" + expression + ")"
}

// or is what a pointer points at, or the default.
func or[T any](pointer *T, otherwise T) T {
	if pointer == nil {
		return otherwise
	}
	return *pointer
}
