package match

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// KindSelector selects kinds; each part is a glob. SubResource is empty where
// the selector names none.
type KindSelector struct {
	Group, Version, Kind, SubResource string
}

var version = regexp.MustCompile(`^(v\d+((alpha|beta)\d+)?|\*)$`)

// ParseKind reads Kind, version/Kind and group/version/Kind, each with /sub or
// .sub behind it.
func ParseKind(text string) (KindSelector, error) {
	selector := KindSelector{Group: "*", Version: "*"}
	parts := strings.Split(text, "/")
	switch {
	case text == "*/*":
		selector.Kind, selector.SubResource = "*", "*"
	case len(parts) == 1:
		selector.Kind = parts[0]
	case len(parts) == 2 && parts[0] == "*" && parts[1] != "" && strings.ToLower(parts[1]) == parts[1]:
		// Subresources are written in small letters, kinds are not.
		selector.Kind, selector.SubResource = "*", parts[1]
	case len(parts) == 2 && version.MatchString(parts[0]):
		selector.Version, selector.Kind = parts[0], parts[1]
	case len(parts) == 2:
		selector.Kind, selector.SubResource = parts[0], parts[1]
	case len(parts) == 3 && version.MatchString(parts[1]):
		selector.Group, selector.Version, selector.Kind = parts[0], parts[1], parts[2]
	case len(parts) == 3 && version.MatchString(parts[0]):
		selector.Version, selector.Kind, selector.SubResource = parts[0], parts[1], parts[2]
	case len(parts) == 4:
		selector = KindSelector{parts[0], parts[1], parts[2], parts[3]}
	default:
		return KindSelector{}, fmt.Errorf("%q is no kind; write Kind, version/Kind or group/version/Kind, with /subresource behind it for one", text)
	}
	if selector.SubResource == "" {
		selector.Kind, selector.SubResource, _ = strings.Cut(selector.Kind, ".")
	}
	if selector.Kind == "" {
		return KindSelector{}, fmt.Errorf("%q names no kind", text)
	}
	if body, ok := bodies()[selector.Kind]; ok && selector.SubResource == "" && (selector.Group == "*" || selector.Group == body.group) {
		return KindSelector{}, fmt.Errorf("%q is what is sent to a subresource and no object: it would select nothing; write %s", text, body.instead)
	}
	return selector, nil
}

// body is a kind that is sent to subresources.
type body struct{ group, instead string }

// bodies are the kinds that are sent to subresources of Kubernetes' own and are no
// objects.
func bodies() map[string]body {
	return map[string]body{
		"Scale":                 {"autoscaling", "Deployment/scale, or */scale for all that scales"},
		"Eviction":              {"policy", "Pod/eviction"},
		"TokenRequest":          {"authentication.k8s.io", "ServiceAccount/token"},
		"PodExecOptions":        {"", "Pod/exec"},
		"PodAttachOptions":      {"", "Pod/attach"},
		"PodPortForwardOptions": {"", "Pod/portforward"},
		"PodProxyOptions":       {"", "Pod/proxy"},
		"ServiceProxyOptions":   {"", "Service/proxy"},
		"NodeProxyOptions":      {"", "Node/proxy"},
	}
}

// selects tells whether the request is about the kind. A selector without a
// subresource is about the object itself and about ephemeral containers, which
// run in it as other containers do; with broad, about all its subresources.
func (s KindSelector) selects(r *policy.Request, broad bool) bool {
	if !s.names(r) {
		return false
	}
	if s.SubResource != "" {
		return pattern.Match(s.SubResource, r.SubResource)
	}
	return broad || r.SubResource == "" || r.SubResource == ephemeralContainers
}

const ephemeralContainers = "ephemeralcontainers"

// names compares the kind, and for a subresource whose body is of another kind,
// such as Scale, the kind of the object it belongs to.
func (s KindSelector) names(r *policy.Request) bool {
	if s.fits(r.Kind) {
		return true
	}
	if r.SubResource == "" || strings.ContainsAny(s.Kind, "*?") {
		return r.SubResource != "" && s.Kind == "*" && pattern.Match(s.Group, r.Resource.Group) && pattern.Match(s.Version, r.Resource.Version)
	}
	plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Group: r.Resource.Group, Version: r.Resource.Version, Kind: s.Kind})
	return plural.Resource == r.Resource.Resource && pattern.Match(s.Group, r.Resource.Group) && pattern.Match(s.Version, r.Resource.Version)
}

func (s KindSelector) fits(kind schema.GroupVersionKind) bool {
	return pattern.Match(s.Group, kind.Group) && pattern.Match(s.Version, kind.Version) && pattern.Match(s.Kind, kind.Kind)
}
