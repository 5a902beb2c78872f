package app

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/go-logr/logr"

	capabilityv1alpha1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	gatewayv1alpha1 "github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	policyv1alpha1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/adapter/auditlog"
	"github.com/roadbed-dev/roadbed/internal/adapter/exportdir"
	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
	entrance "github.com/roadbed-dev/roadbed/internal/domain/gateway/operator"
	governance "github.com/roadbed-dev/roadbed/internal/domain/policy/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/estate"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/offboard"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/operator"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// leaderLease is the Lease by which copies of the server agree on one.
const leaderLease = "roadbed"

// domainNames are the domains that this program has.
var domainNames = []string{"capability", "gateway", "policy", "tenancy"}

var _ offboard.Exporter = (*exportdir.Dir)(nil)

// Modules returns the domains that the options ask for, ready for Describe. It
// needs no cluster.
func Modules(opts Options) []module.Module {
	opts.FeatureGates = gates.With(opts.FeatureGates)
	return modules(opts, governed(opts), entrance.Deps{}, capabilities.Deps{})
}

func modules(opts Options, policies governance.Deps, entry entrance.Deps, offered capabilities.Deps) []module.Module {
	all := map[string]module.Module{
		"policy": governance.New(policies),
		"tenancy": operator.New(operator.Deps{
			Exporter:      exportdir.New(opts.ExportDir),
			Settings:      opts.Settings,
			FeatureGates:  opts.FeatureGates,
			ExportSecrets: opts.ExportSecrets,
		}),
	}
	if opts.FeatureGates[gateways.Gate] {
		all["gateway"] = entrance.New(entry)
	}
	if opts.FeatureGates[capabilities.Gate] {
		all["capability"] = capabilities.New(offered)
	}
	var chosen []module.Module
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(opts.Domains) == 0 || slices.Contains(opts.Domains, name) {
			chosen = append(chosen, all[name])
		}
	}
	return chosen
}

// audit reads the API server's audit log, where it is a file of ours.
func audit(opts Options) governance.Audit {
	if opts.AuditLog == "" {
		return nil
	}
	bookmark := filepath.Join(filepath.Dir(opts.TrailPath), "audit.bookmark")
	return auditlog.New(opts.AuditLog, bookmark, opts.withDefaults().Clock)
}

// Scheme knows every type that the program reads or writes.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register Kubernetes' kinds: %w", err)
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register the tenancy kinds: %w", err)
	}
	if err := policiesv1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register Kyverno's CEL kinds: %w", err)
	}
	if err := kyvernov1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register Kyverno's legacy kinds: %w", err)
	}
	if err := apiregistrationv1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register the kinds of API registration: %w", err)
	}
	if err := policyv1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register the policy kinds: %w", err)
	}
	if err := errors.Join(apiextensionsv1.AddToScheme(scheme), gatewayapi.Install(scheme), gatewayv1alpha1.AddToScheme(scheme), capabilityv1alpha1.AddToScheme(scheme)); err != nil {
		return nil, fmt.Errorf("register the kinds of gateways and capabilities: %w", err)
	}
	return scheme, nil
}

// cached is what all domains keep of the kinds that they share with others.
func cached() map[client.Object]cache.ByObject {
	all := estate.Cached()
	maps.Copy(all, governance.Cached())
	return all
}

// newManager makes the manager: caches that hold only what Roadbed generated,
// reads that see the program's own writes, no servers but ours.
func newManager(opts Options, hooks *hooks) (manager.Manager, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(opts.Config, manager.Options{
		Scheme: scheme,
		Logger: logr.FromSlogHandler(opts.Log.Handler()),
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject:         cached(),
		},
		Client: client.Options{Cache: &client.CacheOptions{
			EnableReadYourWritesConsistency: new(true),
		}},
		Metrics:                       metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress:        "0",
		WebhookServer:                 hooks,
		LeaderElection:                opts.LeaderElection,
		LeaderElectionID:              leaderLease,
		LeaderElectionNamespace:       identity.SystemNamespace,
		LeaderElectionReleaseOnCancel: true,
		// The shares that Kubernetes' own components have of theirs.
		LeaseDuration:           new(opts.LeaseDuration),
		RenewDeadline:           new(opts.LeaseDuration * 2 / 3),
		RetryPeriod:             new(opts.LeaseDuration * 2 / 15),
		GracefulShutdownTimeout: new(shutdownGrace),
		// Tests run several managers in one process.
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	return mgr, nil
}
