package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/background"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/cluster"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/inforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/lane"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/lookup"
	overrides "github.com/roadbed-dev/roadbed/internal/domain/policy/override/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scan"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// surroundings are what is known of the cluster that policies are about, and the
// cache of what the lane watches of it.
func surroundings(host *module.Host, policies *inforce.Policies) (cache.Cache, *cluster.Cluster, error) {
	mgr := host.Manager
	watched, err := lane.Watched(mgr)
	if err != nil {
		return nil, nil, err
	}
	client, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return nil, nil, fmt.Errorf("make the client that learns of kinds: %w", err)
	}
	return watched, cluster.New(cluster.Deps{
		Cached: mgr.GetCache(), Direct: mgr.GetAPIReader(), Bindings: watched, Discovery: client,
		AsksRoles: func() bool { return asksRoles(policies.Evaluators()) }, Clock: host.Clock, Log: host.Log,
	}), nil
}

// setupJudgement adds what judges in this process: the webhooks and the scan.
func (d *Domain) setupJudgement(host *module.Host, policies *inforce.Policies, live *overrides.Live, watched cache.Cache, around *cluster.Cluster) error {
	reader, err := lookup.New(host.Manager.GetConfig(), host.Manager.GetHTTPClient())
	if err != nil {
		return err
	}
	world := policy.World{Lookup: reader, Images: d.deps.Images, HTTP: d.deps.HTTP}
	err = lane.Setup(host, lane.Deps{
		Policies: policies, Waivers: live, Reach: d.reach(), Enforcement: d.deps.Enforcement,
		Resources: around, Cluster: around, World: world, Metrics: d.deps.Metrics, Watched: watched,
	})
	if err != nil || d.deps.History == nil {
		return err
	}
	return d.setupScan(host, policies, live, around, world)
}

// reach is where the webhooks are. Where they cannot be reached, what an earlier
// run told the API server of them is taken back.
func (d *Domain) reach() lane.Reach {
	if d.deps.Reach == nil {
		return nowhere{}
	}
	return d.deps.Reach
}

// nowhere is where no webhook is.
type nowhere struct{}

// At is nowhere.
func (nowhere) At() (webhook.At, bool) { return nil, false }

// OnChange never calls.
func (nowhere) OnChange(func()) {}

// setupScan adds the scan of what exists.
func (d *Domain) setupScan(host *module.Host, policies *inforce.Policies, live *overrides.Live, around *cluster.Cluster, world policy.World) error {
	objects, err := dynamic.NewForConfigAndClient(host.Manager.GetConfig(), host.Manager.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("make the client for scans: %w", err)
	}
	if d.deps.Audit == nil {
		found := overrides.Found(host.Trail, host.Clock)
		d.deps.History.OnWaived(func(ctx context.Context, subject history.Subject, result policy.Result) error {
			for _, name := range result.Overrides() {
				if err := found(ctx, name, result.Policy, subject.Kind+" "+strings.Trim(subject.Namespace+"/"+subject.Name, "/")); err != nil {
					return err
				}
			}
			return nil
		})
	}
	scanner := scan.New(scan.Deps{
		Client: objects, Cluster: cluster.Objects{Cluster: around}, Store: d.deps.History,
		World: world, Clock: host.Clock, Log: host.Log,
	})
	feed := background.New(background.Deps{
		Policies: policies, Overrides: live, Scanner: scanner, Resources: cluster.Objects{Cluster: around},
		Clock: host.Clock, Log: host.Log,
	})
	if err := host.Manager.Add(scanner); err != nil {
		return err
	}
	return host.Manager.Add(feed)
}

// asksRoles tells whether any policy asks for the roles of users.
func asksRoles(evaluators []policy.Evaluator) bool {
	return slices.ContainsFunc(evaluators, func(e policy.Evaluator) bool {
		roled, ok := e.(policy.Roled)
		return ok && roled.AsksRoles()
	})
}
