package tenancy

import (
	"strings"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// The keys of published settings.
const (
	keyDNS           = "dnsNamespace"
	keyIngress       = "ingressNamespace"
	keyObservability = "observabilityNamespace"
	keyRanges        = "clusterCIDRs"
	keyModels        = "models"
)

// Publish is the settings as text by key: what the server tells everybody who
// wants to plan as it does. Lists are separated by commas.
func (s Settings) Publish() map[string]string {
	s = s.WithDefaults()
	models := make([]string, 0, len(s.Models))
	for _, model := range s.Models {
		models = append(models, string(model))
	}
	return map[string]string{
		keyDNS: s.DNSNamespace, keyIngress: s.IngressNamespace, keyObservability: s.ObservabilityNamespace,
		keyRanges: strings.Join(s.ClusterCIDRs, ","), keyModels: strings.Join(models, ","),
	}
}

// Published reads what Publish wrote. Keys that are absent get their defaults.
func Published(data map[string]string) Settings {
	s := Settings{
		DNSNamespace: data[keyDNS], IngressNamespace: data[keyIngress], ObservabilityNamespace: data[keyObservability],
		ClusterCIDRs: listed(data[keyRanges]),
	}
	for _, model := range listed(data[keyModels]) {
		s.Models = append(s.Models, v1alpha1.IsolationModel(model))
	}
	return s.WithDefaults()
}

func listed(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}
