package operator

import (
	"fmt"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/inforce"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/lane"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	overrides "github.com/roadbed-dev/roadbed/internal/domain/policy/override/operator"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/reportapi"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/webhook"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
)

// Deps are what the domain is given by the program.
type Deps struct {
	// Enforcement says who enforces policies beside a Kyverno. The zero value
	// means that a Kyverno which runs does.
	Enforcement enforce.Enforcement
	// Reach is how the API server reaches the webhooks; nil where it does not, and
	// policies that need one are not enforced.
	Reach lane.Reach
	// Metrics count what the webhooks decide. Required where Reach is given.
	Metrics *webhook.Metrics
	// Images reads and verifies images; nil where policies cannot.
	Images policy.Images
	// HTTP asks services; nil where policies may not.
	HTTP policy.HTTP
	// History keeps what scans find; nil for no scans.
	History *history.Store
	// Audit is the API server's audit log, from which uses of overrides go on the
	// trail; nil where its files are not ours.
	Audit Audit
}

// Audit is the API server's audit log.
type Audit = overrides.Audit

// Domain is governance as the program runs it.
type Domain struct {
	deps Deps
}

var _ module.Module = (*Domain)(nil)

// New returns the domain.
func New(deps Deps) *Domain { return &Domain{deps: deps} }

// Describe says what the domain is.
func (d *Domain) Describe() module.Description {
	return module.Description{
		Name:        "policy",
		Summary:     "Governance in three tiers: policies that the API server enforces, overrides that expire, and what both mean for what exists.",
		Stage:       module.Alpha,
		Routes:      reportapi.Routes(),
		Kinds:       append(enforce.Kinds(), overrides.Kinds()...),
		Controllers: slices.Concat(enforce.Controllers(), overrides.Controllers(), []string{lane.Controller}),
	}
}

// Cached says what the program's cache keeps for the domain.
func Cached() map[client.Object]cache.ByObject { return enforce.Cached() }

// Setup adds the controllers and the webhooks to the host.
func (d *Domain) Setup(host *module.Host) error {
	platform, err := platformPolicies()
	if err != nil {
		return err
	}
	policies := inforce.New(host.Manager.GetCache(), host.Log, platform.evaluators, kinds()...)
	if err := host.Manager.Add(policies); err != nil {
		return err
	}
	watched, around, err := surroundings(host, policies)
	if err != nil {
		return err
	}
	judges := d.deps.Reach != nil
	err = enforce.Setup(host, enforce.Options{Enforcement: d.deps.Enforcement, Platform: platform.objects, EngineLane: judges, Kinds: around})
	if err != nil {
		return err
	}
	live, err := overrides.Setup(host, policies, overrides.WithAudit(d.deps.Audit))
	if err != nil {
		return err
	}
	return d.setupJudgement(host, policies, live, watched, around)
}

// platform is what the platform itself brings, and no object of the cluster
// says: its Mandatory policies.
type platform struct {
	evaluators []policy.Evaluator
	objects    map[string]native.Objects
}

func platformPolicies() (platform, error) {
	all := platform{objects: map[string]native.Objects{}}
	for _, entry := range catalogue.Of(policy.Mandatory) {
		p, ok := entry.Object.(*policiesv1.ValidatingPolicy)
		if !ok {
			return platform{}, fmt.Errorf("the platform's policy %q is a %T", entry.Name, entry.Object)
		}
		evaluator, err := engine.CompileValidating(p, engine.Options{})
		if err != nil {
			return platform{}, fmt.Errorf("compile the platform's policy %q: %w", entry.Name, err)
		}
		objects, _, err := native.Validating(p, native.Options{Platform: true})
		if err != nil {
			return platform{}, fmt.Errorf("compile the platform's policy %q: %w", entry.Name, err)
		}
		all.evaluators = append(all.evaluators, evaluator)
		all.objects[entry.Name] = objects
	}
	return all, nil
}
