package export

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
)

// pathMatch are paths, "/*" at the end standing for all below, and a method.
type pathMatch struct {
	paths  []string
	method string
}

// everything matches all paths.
var everything = []string{"/*"}

// paths are those that the rule matches, and perhaps more: exact says that there
// are no more.
func (r *rule) paths() (all []pathMatch, exact bool) {
	if r.route.grpc != nil {
		return r.grpcPaths()
	}
	exact = true
	for _, match := range r.route.http.Spec.Rules[r.index].Matches {
		one := pathMatch{paths: everything}
		if match.Method != nil {
			one.method = string(*match.Method)
		}
		if match.Path != nil && match.Path.Value != nil {
			one.paths = prefixes(match.Path)
			exact = exact && (match.Path.Type == nil || *match.Path.Type != gatewayv1.PathMatchRegularExpression)
		}
		exact = exact && len(match.Headers) == 0 && len(match.QueryParams) == 0
		all = append(all, one)
	}
	if len(all) == 0 {
		all = []pathMatch{{paths: everything}}
	}
	return all, exact
}

func prefixes(match *gatewayv1.HTTPPathMatch) []string {
	prefix := strings.TrimSuffix(*match.Value, "/")
	switch {
	case match.Type != nil && *match.Type == gatewayv1.PathMatchExact:
		return []string{*match.Value}
	case match.Type != nil && *match.Type != gatewayv1.PathMatchPathPrefix, prefix == "":
		return everything
	}
	return []string{prefix, prefix + "/*"}
}

func (r *rule) grpcPaths() (all []pathMatch, exact bool) {
	exact = true
	for _, match := range r.route.grpc.Spec.Rules[r.index].Matches {
		one := pathMatch{paths: everything}
		if m := match.Method; m != nil {
			literal := m.Type == nil || *m.Type == gatewayv1.GRPCMethodMatchExact
			exact = exact && literal && m.Service != nil
			switch {
			case !literal || m.Service == nil:
			case m.Method == nil:
				one.paths = []string{"/" + *m.Service + "/*"}
			default:
				one.paths = []string{"/" + *m.Service + "/" + *m.Method}
			}
		}
		exact = exact && len(match.Headers) == 0
		all = append(all, one)
	}
	if len(all) == 0 {
		all = []pathMatch{{paths: everything}}
	}
	return all, exact
}

// covers says whether a pattern matches all of what another one does.
func covers(pattern, other string) bool {
	if prefix, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(other, prefix)
	}
	return pattern == other
}

// reaches says whether some path of another rule is one of this rule's.
func (r *rule) reaches(other *rule) bool {
	mine, _ := r.paths()
	theirs, _ := other.paths()
	for _, m := range mine {
		for _, t := range theirs {
			if (m.method == "" || t.method == "" || m.method == t.method) && anyCovers(m.paths, t.paths) {
				return true
			}
		}
	}
	return false
}

func anyCovers(patterns, others []string) bool {
	for _, pattern := range patterns {
		for _, other := range others {
			if covers(pattern, other) {
				return true
			}
		}
	}
	return false
}

// istioOverlaps notes rules that get the policy of another rule besides their own,
// because its paths have theirs among them.
func (x *export) istioOverlaps() {
	rules := x.open()
	for _, wide := range rules {
		if len(wide.auth) == 0 {
			continue
		}
		for _, narrow := range rules {
			if wide == narrow || samePolicies(wide, narrow) || !shareGateway(wide.route, narrow.route) || !shareHost(wide.route, narrow.route) || !wide.reaches(narrow) {
				continue
			}
			x.lose(narrow.route.title(), narrow.field(), Closed, "the policies of "+wide.route.title()+" hold here too, because its paths have these among them", "give both rules the same policies, or other paths or hosts")
		}
	}
}

func samePolicies(a, b *rule) bool {
	return !slices.ContainsFunc(a.auth, func(policy *v1alpha1.AuthorizationPolicy) bool { return !slices.Contains(b.auth, policy) })
}

func shareGateway(a, b *route) bool {
	return slices.ContainsFunc(a.gateways, func(key types.NamespacedName) bool { return slices.Contains(b.gateways, key) })
}

func shareHost(a, b *route) bool {
	mine, theirs := istioHosts(a.hostnames()), istioHosts(b.hostnames())
	if len(mine) == 0 || len(theirs) == 0 {
		return true
	}
	return slices.ContainsFunc(mine, func(host string) bool { return slices.Contains(theirs, host) })
}
