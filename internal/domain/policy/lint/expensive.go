package lint

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// crowd is how many elements the lists and maps of a large object have: more
// than anybody needs, and far less than etcd takes.
const crowd = 150

// overBudget is part of what the API server's library says of an expression
// that costs more than it may.
const overBudget = "cost limit exceeded"

// expensive evaluates a policy on large objects, and finds the rules that the
// API server would give up on: a user could make every such object fail, or,
// where failures are ignored, pass.
func expensive(c load.Compiled) []Finding {
	var findings []Finding
	for _, r := range largeRequests() {
		for _, result := range c.Validate(context.Background(), r, policy.World{Now: time.Unix(0, 0)}) {
			if result.Status != policy.Error && result.Status != policy.Warn || !strings.Contains(result.Message, overBudget) {
				continue
			}
			findings = append(findings, Finding{
				File: c.Document.File, Line: c.Document.LineOf("spec." + result.Rule),
				Kind: c.Info().Kind, Policy: c.Info().Name, Rule: result.Rule, Code: ExpensiveCEL, Level: Error,
				Message: fmt.Sprintf("the API server gives up on it for a %s with %d containers, labels or keys; go through a list once, or match less", r.Kind.Kind, crowd),
			})
		}
	}
	return findings
}

// largeRequests create large objects of common kinds.
func largeRequests() []*policy.Request {
	words := map[string]any{}
	var containers []any
	for i := range crowd {
		words[fmt.Sprintf("key-%03d", i)] = strings.Repeat("v", 60)
		containers = append(containers, map[string]any{
			"name": fmt.Sprintf("c%03d", i), "image": fmt.Sprintf("registry.example/team/app-%03d:1.0", i),
			"resources": map[string]any{"limits": map[string]any{"memory": "64Mi", "cpu": "100m"}},
		})
	}
	pod := map[string]any{"containers": containers}
	metadata := map[string]any{"name": "large", "namespace": "large", "labels": words, "annotations": words}
	namespace := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "large"}}
	var requests []*policy.Request
	for _, each := range []struct {
		served policy.Served
		part   string
		value  any
	}{
		{policy.Served{Version: "v1", Kind: "Pod", Resource: "pods"}, "spec", pod},
		{policy.Served{Version: "v1", Kind: "ConfigMap", Resource: "configmaps"}, "data", words},
		{policy.Served{Group: "apps", Version: "v1", Kind: "Deployment", Resource: "deployments"}, "spec", map[string]any{"template": map[string]any{"spec": pod}}},
	} {
		version := strings.TrimPrefix(each.served.Group+"/"+each.served.Version, "/")
		object := map[string]any{"apiVersion": version, "kind": each.served.Kind, "metadata": metadata, each.part: each.value}
		requests = append(requests, policy.Existing(object, each.served, namespace))
	}
	return requests
}
