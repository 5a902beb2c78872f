package guards

import (
	"fmt"
	"strings"
	"text/template"
)

// The platform's namespaces that tenants' own network policies may name. They
// are chosen by the label kubernetes.io/metadata.name, which the API server
// sets and nobody can forge.
const (
	// IngressNamespace runs the platform's ingress.
	IngressNamespace = "platform-ingress"
	// ObservabilityNamespace runs what scrapes tenants.
	ObservabilityNamespace = "platform-observability"
	// DNSNamespace runs name resolution.
	DNSNamespace = "kube-system"
)

// vocabulary is what the sources of the guards may say besides YAML and CEL.
var vocabulary = template.FuncMap{
	"allow":             allow,
	"dnsNamespace":      func() string { return DNSNamespace },
	"ingressNamespaces": func() string { return literal(IngressNamespace, ObservabilityNamespace) },
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
