package export

import (
	"fmt"
	"net/http"
	"strings"

	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// lifecycleHeaders are the fields of RFC 9745, RFC 8594 and RFC 8288. The last are
// links, to be added to those that a backend gives.
func lifecycleHeaders(spec v1alpha1.LifecyclePolicySpec) (set []gatewayv1.HTTPHeader, links string) {
	add := func(name gatewayv1.HTTPHeaderName, value string) {
		set = append(set, gatewayv1.HTTPHeader{Name: name, Value: value})
	}
	var all []string
	if spec.Deprecated != nil {
		add("Deprecation", fmt.Sprintf("@%d", spec.Deprecated.Unix()))
	}
	if spec.Sunset != nil {
		add("Sunset", spec.Sunset.UTC().Format(http.TimeFormat))
	}
	if spec.Successor != "" {
		all = append(all, "<"+spec.Successor+`>; rel="successor-version"`)
	}
	if spec.Documentation != "" && spec.Deprecated != nil {
		all = append(all, "<"+spec.Documentation+`>; rel="deprecation"`)
	}
	return set, strings.Join(all, ", ")
}

// announce gives the rules of deprecated versions the headers that say so.
func (x *export) announce() {
	for _, rule := range x.open() {
		if rule.life == nil {
			continue
		}
		spec := rule.life.Spec
		if spec.Flag != "" {
			x.lose(title(rule.life), "spec.flag", Open, fmt.Sprintf("every caller reaches %s %s, and not only tenants that have switched %s on", spec.API, spec.Version, spec.Flag),
				"leave the route out, or name the tenants in the rules of its AuthorizationPolicy")
		}
		set, links := lifecycleHeaders(spec)
		if len(set) == 0 && links == "" {
			continue
		}
		x.lose(title(rule.life), "", Missing, "answers that the gateway makes itself, such as 401 and 429, may go without the headers of a deprecated version",
			"let the consumers know by other ways too")
		if rule.route.grpc != nil && x.For == Kong {
			continue // by a plugin: Kong's controller reads no filters of a GRPCRoute
		}
		rule.responseHeaders(set, links)
	}
}

// responseHeaders adds headers to the rule's answers.
func (r *rule) responseHeaders(set []gatewayv1.HTTPHeader, links string) {
	change := r.responseModifier()
	for _, header := range set {
		change.Set = append(without(change.Set, header.Name), header)
		change.Add = without(change.Add, header.Name)
	}
	if links == "" {
		return
	}
	for i, header := range change.Add {
		if strings.EqualFold(string(header.Name), "Link") {
			change.Add[i].Value += ", " + links
			return
		}
	}
	change.Add = append(change.Add, gatewayv1.HTTPHeader{Name: "Link", Value: links})
}

// responseModifier is the rule's filter that changes headers of answers: there may
// be but one.
func (r *rule) responseModifier() *gatewayv1.HTTPHeaderFilter {
	if r.route.http != nil {
		return modifier(&r.route.http.Spec.Rules[r.index].Filters, gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterResponseHeaderModifier},
			func(f *gatewayv1.HTTPRouteFilter) **gatewayv1.HTTPHeaderFilter { return &f.ResponseHeaderModifier })
	}
	return modifier(&r.route.grpc.Spec.Rules[r.index].Filters, gatewayv1.GRPCRouteFilter{Type: gatewayv1.GRPCRouteFilterResponseHeaderModifier},
		func(f *gatewayv1.GRPCRouteFilter) **gatewayv1.HTTPHeaderFilter { return &f.ResponseHeaderModifier })
}

// requestModifier is the same for requests.
func (r *rule) requestModifier() *gatewayv1.HTTPHeaderFilter {
	if r.route.http != nil {
		return modifier(&r.route.http.Spec.Rules[r.index].Filters, gatewayv1.HTTPRouteFilter{Type: gatewayv1.HTTPRouteFilterRequestHeaderModifier},
			func(f *gatewayv1.HTTPRouteFilter) **gatewayv1.HTTPHeaderFilter { return &f.RequestHeaderModifier })
	}
	return modifier(&r.route.grpc.Spec.Rules[r.index].Filters, gatewayv1.GRPCRouteFilter{Type: gatewayv1.GRPCRouteFilterRequestHeaderModifier},
		func(f *gatewayv1.GRPCRouteFilter) **gatewayv1.HTTPHeaderFilter { return &f.RequestHeaderModifier })
}

// modifier is the change of headers that one of the filters has, or a new one's.
func modifier[F any](filters *[]F, fresh F, of func(*F) **gatewayv1.HTTPHeaderFilter) *gatewayv1.HTTPHeaderFilter {
	for i := range *filters {
		if found := *of(&(*filters)[i]); found != nil {
			return found
		}
	}
	made := &gatewayv1.HTTPHeaderFilter{}
	*of(&fresh) = made
	*filters = append(*filters, fresh)
	return made
}

func without(headers []gatewayv1.HTTPHeader, name gatewayv1.HTTPHeaderName) []gatewayv1.HTTPHeader {
	var kept []gatewayv1.HTTPHeader
	for _, header := range headers {
		if !strings.EqualFold(string(header.Name), string(name)) {
			kept = append(kept, header)
		}
	}
	return kept
}
