package report_test

import (
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/report"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

var at = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// pod has a result of every status.
func pod() history.Report {
	result := func(rule string, status policy.Status) policy.Result {
		return policy.Result{
			Policy: "limits", Kind: "ValidatingPolicy", Rule: rule, Tier: policy.Default, Lane: policy.Native, Status: status,
			Message: "about " + rule, Severity: "high", Category: "Resources",
		}
	}
	waived := result("waived", policy.Skip)
	waived.Override, waived.Severity = "apples/until-june", "enormous" // a severity that the formats do not know
	return history.Report{
		Judgement: history.Judgement{
			Subject: history.Subject{APIVersion: "v1", Kind: "Pod", Namespace: "apples", Name: "web", UID: "0b1c", Tenant: "apples"},
			Results: []policy.Result{result("a", policy.Pass), result("b", policy.Fail), result("c", policy.Warn), result("d", policy.Error), waived},
		},
		Since:    []time.Time{at.Add(time.Hour), at, at.Add(time.Minute), at, at},
		Revision: 42,
	}
}

// TestKinds: what readers of each format get.
func TestKinds(t *testing.T) {
	t.Parallel()
	cluster := history.Report{
		Judgement: history.Judgement{
			Subject: history.Subject{APIVersion: "v1", Kind: "Namespace", Name: "apples", UID: "2d3e"},
			Results: []policy.Result{{Policy: "labels", Kind: "ClusterPolicy", Rule: "owner", Tier: policy.Recommended, Lane: policy.Legacy, Status: policy.Fail}},
		},
		Since: []time.Time{at},
	}
	for name, object := range map[string]any{
		"report": report.Report(pod()), "clusterreport": report.ClusterReport(cluster),
		"policyreport": report.PolicyReport(pod()), "clusterpolicyreport": report.ClusterPolicyReport(cluster),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := yaml.Marshal(object)
			if err != nil {
				t.Fatal(err)
			}
			golden.Check(t, "testdata/"+name+".golden", text)
		})
	}
}
