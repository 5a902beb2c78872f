package format

import (
	"io"

	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Report writes the findings as one ClusterReport of openreports.io, in YAML.
func Report(w io.Writer, findings []Finding) error {
	results := make([]any, len(findings))
	for i, finding := range findings {
		results[i] = reported(finding)
	}
	counts := Count(findings)
	summary := map[string]any{}
	for _, status := range []policy.Status{policy.Pass, policy.Fail, policy.Warn, policy.Error, policy.Skip} {
		summary[string(status)] = counts[status]
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": "openreports.io/v1alpha1", "kind": "ClusterReport",
		"metadata": map[string]any{"name": "merged"},
		"source":   "roadbed", "summary": summary, "results": results,
	})
	if err != nil {
		return err
	}
	_, err = w.Write(append([]byte("---\n"), text...))
	return err
}

func reported(finding Finding) map[string]any {
	subject := map[string]any{
		"apiVersion": finding.Resource.APIVersion, "kind": finding.Resource.Kind, "name": finding.Resource.Name,
	}
	if finding.Resource.Namespace != "" {
		subject["namespace"] = finding.Resource.Namespace
	}
	result := map[string]any{
		"source": finding.Kind, "policy": finding.Policy, "rule": finding.Rule, "result": string(finding.Status),
		"scored": true, "resources": []any{subject},
		"properties": map[string]any{"tier": string(finding.Tier), "lane": string(finding.Lane)},
	}
	for key, value := range map[string]string{
		"message": finding.Message, "severity": finding.Severity, "category": finding.Category,
	} {
		if value != "" {
			result[key] = value
		}
	}
	return result
}
