package capability

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
)

// SLOKind is Sloth's kind of objectives.
var SLOKind = schema.GroupVersionKind{Group: "sloth.slok.dev", Version: "v1", Kind: "PrometheusServiceLevel"}

// objectives are the Capability's SLOs in Sloth's format, or nil without any.
func objectives(c *v1alpha1.Capability, s Settings) *unstructured.Unstructured {
	if len(c.Spec.SLOs) == 0 {
		return nil
	}
	var slos []any
	for i := range c.Spec.SLOs {
		slos = append(slos, objective(c, &c.Spec.SLOs[i], s))
	}
	made := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{
			"service": "capability-" + c.Name,
			"labels":  map[string]any{"capability": c.Name, "layer": string(c.Spec.Layer), "owner": c.Spec.Owner.Team},
			"slos":    slos,
		},
	}}
	made.SetGroupVersionKind(SLOKind)
	made.SetNamespace(s.Namespace)
	made.SetName(RouteName(c))
	made.SetLabels(labels(c))
	return made
}

func objective(c *v1alpha1.Capability, slo *v1alpha1.CapabilitySLO, s Settings) map[string]any {
	failed, total := slo.ErrorQuery, slo.TotalQuery
	if failed == "" {
		failed, total = availability(c, s)
	}
	camel := strings.ReplaceAll(title(c.Name)+title(slo.Name), "-", "")
	return map[string]any{
		"name": slo.Name, "objective": json.Number(slo.Objective), "description": slo.Description,
		"sli": map[string]any{"events": map[string]any{"errorQuery": failed, "totalQuery": total}},
		"alerting": map[string]any{
			"name":        camel,
			"pageAlert":   map[string]any{"labels": map[string]any{"severity": "page", "team": c.Spec.Owner.Team}},
			"ticketAlert": map[string]any{"labels": map[string]any{"severity": "ticket", "team": c.Spec.Owner.Team}},
		},
	}
}

// title is a name with a capital letter after each dash.
func title(name string) string {
	parts := strings.Split(name, "-")
	for i, part := range parts {
		if part != "" {
			parts[i] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "")
}

// availability are the queries over the gateway's own series: what callers did
// wrong, 401 and 429 among it, is no failure of the capability.
func availability(c *v1alpha1.Capability, s Settings) (failed, total string) {
	selector := fmt.Sprintf("envoy_cluster_name=%q,roadbed_api=%q", s.GatewayNamespace, API(c))
	failed = fmt.Sprintf(`sum(rate(envoy_http_downstream_rq_xx{%s,envoy_response_code_class="5"}[{{.window}}]))`, selector)
	return failed, fmt.Sprintf(`sum(rate(envoy_http_downstream_rq_xx{%s}[{{.window}}]))`, selector)
}
