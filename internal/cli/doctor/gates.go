package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	"github.com/roadbed-dev/roadbed/internal/app/gateways/leases"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// gates checks what feature gates add, where they are open.
func (e examination) gates(ctx context.Context) []finding {
	var findings []finding
	for _, gate := range []string{gateways.Gate, capabilities.Gate} {
		check := "feature gate " + gate
		err := e.client.Get(ctx, client.ObjectKey{Name: gates.Mark(gate)}, &rbacv1.ClusterRole{})
		switch {
		case client.IgnoreNotFound(err) != nil:
			findings = append(findings, undecided(check, err))
			continue
		case err != nil:
			findings = append(findings, ok(check, "closed: \"roadbed install\" opens it, unless --feature-gates says "+gate+"=false"))
			continue
		}
		findings = append(findings, e.gate(ctx, check, gate))
		if gate == gateways.Gate {
			findings = append(findings, e.gatewayServed(ctx)...)
		}
	}
	return findings
}

// gate compares what a gate adds with what there is.
func (e examination) gate(ctx context.Context, check, gate string) finding {
	var missing, changed []string
	objects := app.GateObjects(gate)
	for _, want := range objects {
		if role, ok := want.(*rbacv1.ClusterRole); ok && role.AggregationRule != nil {
			continue // its rules are those of others
		}
		live, err := manifest.Live(ctx, e.client, want)
		switch {
		case err != nil:
			return undecided(check, err)
		case live == nil:
			missing = append(missing, manifest.Title(want))
		case !manifest.Contains(live, want):
			changed = append(changed, manifest.Title(want))
		}
	}
	const toDo = toInstall + ", with the same --feature-gates as before"
	switch {
	case len(missing) > 0:
		return fail(check, "missing: "+strings.Join(missing, ", "), toDo)
	case len(changed) > 0:
		return fail(check, "not as this program has them: "+strings.Join(changed, ", "), toDo)
	}
	return ok(check, fmt.Sprintf("open: all %d rights and guards are there, as this program has them", len(objects)))
}

// gatewayKind is one of Gateway API's in the version that Roadbed reads.
const gatewayKind = "gateway.networking.k8s.io/v1"

// gatewayServed says whether somebody serves Gateways, and can be found by other
// processes.
func (e examination) gatewayServed(ctx context.Context) []finding {
	const check = "gateway"
	const toStart = "start a server, without --feature-gates Gateway=false; its log says what keeps it from serving"
	unserved, err := gates.Unserved(e.client)
	if err != nil {
		return []finding{undecided(check, err)}
	}
	if len(unserved) > 0 {
		return []finding{fail(check, "the cluster does not serve "+strings.Join(unserved, ", ")+", so that no Gateway is served",
			"install Gateway API 1.5 or newer, and start the server again")}
	}
	class := &unstructured.Unstructured{}
	class.SetAPIVersion(gatewayKind)
	class.SetKind("GatewayClass")
	err = e.client.Get(ctx, client.ObjectKey{Name: "roadbed"}, class)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return []finding{undecided(check, err)}
	case err != nil:
		return []finding{warn(check, "there is no GatewayClass roadbed yet", toStart)}
	case !accepted(class):
		return []finding{warn(check, "GatewayClass roadbed is not accepted by anybody", toStart)}
	}
	var place corev1.ConfigMap
	err = e.client.Get(ctx, client.ObjectKey{Namespace: identity.SystemNamespace, Name: leases.ConfigMap}, &place)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return []finding{undecided(check, err)}
	case err != nil:
		return []finding{warn(check, "no process leads, so others cannot share rate limits", toStart)}
	}
	return []finding{ok(check, "GatewayClass roadbed is accepted, and a server leads")}
}

func accepted(class *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(class.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(each any) bool {
		c, _ := each.(map[string]any)
		return c["type"] == "Accepted" && c["status"] == "True"
	})
}
