package guards

import (
	"fmt"
	"slices"
	"strings"
	"text/template"
)

// Platform says where the platform's own places are. Guards choose namespaces
// by the label kubernetes.io/metadata.name, which the API server sets and
// nobody can forge.
type Platform struct {
	// DNSNamespace runs name resolution.
	DNSNamespace string
	// IngressNamespace runs the ingress, which may call tenants.
	IngressNamespace string
	// ObservabilityNamespace runs the collectors, which tenants may call and
	// which may call tenants.
	ObservabilityNamespace string
	// ClusterCIDRs are the ranges of the cluster's pods and services, which no
	// address range of a tenant's policy may open.
	ClusterCIDRs []string
}

// DefaultPlatform is a platform that changed none of its names.
func DefaultPlatform() Platform {
	return Platform{
		DNSNamespace:           "kube-system",
		IngressNamespace:       "platform-ingress",
		ObservabilityNamespace: "platform-observability",
	}
}

// linkLocal are the ranges where clouds answer with an instance's credentials.
var linkLocal = []string{"169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128"}

// vocabulary is what the sources of the guards may say besides YAML and CEL.
func (p Platform) vocabulary() template.FuncMap {
	return template.FuncMap{
		"allow":              allow,
		"dnsNamespace":       func() string { return p.DNSNamespace },
		"callers":            func() string { return literal(p.IngressNamespace, p.ObservabilityNamespace) },
		"collectors":         func() string { return literal(p.ObservabilityNamespace) },
		"platformNamespaces": func() string { return literal(p.DNSNamespace, p.IngressNamespace, p.ObservabilityNamespace) },
		"closedRanges":       func() string { return literal(slices.Concat(linkLocal, p.ClusterCIDRs)...) },
	}
}

// allow renders the exempt users of the named exemption as a CEL list.
func allow(name string) (string, error) {
	exemption, known := exemptions[name]
	if !known {
		return "", fmt.Errorf("no exemption is named %q", name)
	}
	return literal(exemption.Users...), nil
}

// literal renders words as a CEL list of strings.
func literal(words ...string) string {
	return "['" + strings.Join(words, "', '") + "']"
}
