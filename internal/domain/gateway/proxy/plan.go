package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/balance"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/proxy/shape"
)

// noSlot is the slot of a backend that cannot be resolved.
const noSlot = -1

// plan is a rule, compiled. It is immutable but for its cursors.
type plan struct {
	rule *gateway.Rule
	// reject, when not 0, is the answer to all requests.
	reject int
	reason string
	// weights choose among targets; bare is for rules without backends.
	weights *balance.Weights
	targets []*target
	bare    *target
	codes   [1000 / 64]uint64
}

// target is one backend of a rule, with the filters of both.
type target struct {
	id   string
	slot int

	authorizations    []*gateway.Authorization
	limits            []*gateway.RateLimit
	lifecycle         *shape.Lifecycle
	request, response []*gateway.HeaderChange
	redirect          *gateway.Redirect
	rewrites          []*gateway.Rewrite
	mirrors           []mirror
	cors              *shape.CORS
}

// mirror is where copies go.
type mirror struct {
	id     string
	slot   int
	sample *balance.Sample
}

// plan compiles a rule. With an error the plan rejects: a policy that is missing
// must not be a policy that lets all pass.
func (c *compiler) plan(source *gateway.Route, rule *gateway.Rule) (*plan, error) {
	p := &plan{rule: rule, reject: rule.Reject, reason: rule.RejectReason}
	fault := c.fill(p)
	if fault == nil && len(rule.Matches) == 0 {
		fault = errors.New("it has no match")
	}
	if fault != nil && p.reject == 0 {
		p.reject, p.reason = http.StatusInternalServerError, fault.Error()
	}
	if source.Kind != gateway.GRPCRoute && rule.Retry != nil {
		for _, code := range rule.Retry.Codes {
			if code >= 0 && code < 64*len(p.codes) {
				p.codes[code/64] |= 1 << (code % 64)
			}
		}
	}
	return p, fault
}

func (c *compiler) fill(p *plan) error {
	bare, err := c.target(gateway.Weighted{}, &p.rule.Filters)
	p.bare = bare
	if err != nil {
		return err
	}
	weights := make([]int, 0, len(p.rule.Backends))
	for _, backend := range p.rule.Backends {
		t, err := c.target(backend, &p.rule.Filters, &backend.Filters)
		if err != nil {
			return err
		}
		p.targets = append(p.targets, t)
		weights = append(weights, backend.Weight)
	}
	p.weights = balance.NewWeights(weights)
	return nil
}

// target compiles a backend with its filters, those of the rule first.
func (c *compiler) target(backend gateway.Weighted, all ...*gateway.Filters) (*target, error) {
	t := &target{id: backend.Backend, slot: c.registry.Slot(backend.Backend)}
	for _, filters := range all {
		if err := c.policies(t, filters); err != nil {
			return t, err
		}
		c.filters(t, filters)
	}
	return t, nil
}

// policies resolves the policies that filters name.
func (c *compiler) policies(t *target, filters *gateway.Filters) error {
	for _, name := range filters.Authorization {
		policy := c.config.Authorizations[name]
		if policy == nil {
			return fmt.Errorf("AuthorizationPolicy %q does not exist", name)
		}
		t.authorizations = append(t.authorizations, policy)
	}
	for _, name := range filters.RateLimits {
		policy := c.config.RateLimits[name]
		if policy == nil {
			return fmt.Errorf("RateLimitPolicy %q does not exist", name)
		}
		t.limits = append(t.limits, policy)
	}
	if filters.Lifecycle == "" {
		return nil
	}
	policy := c.config.Lifecycles[filters.Lifecycle]
	if policy == nil {
		return fmt.Errorf("LifecyclePolicy %q does not exist", filters.Lifecycle)
	}
	if c.lifecycles[policy] == nil {
		c.lifecycles[policy] = shape.NewLifecycle(policy)
	}
	t.lifecycle = c.lifecycles[policy]
	return nil
}

func (c *compiler) filters(t *target, filters *gateway.Filters) {
	if filters.Request != nil {
		t.request = append(t.request, filters.Request)
	}
	if filters.Response != nil {
		t.response = append(t.response, filters.Response)
	}
	if filters.Redirect != nil {
		t.redirect = filters.Redirect
	}
	if filters.Rewrite != nil {
		t.rewrites = append(t.rewrites, filters.Rewrite)
	}
	for _, m := range filters.Mirrors {
		t.mirrors = append(t.mirrors, mirror{m.Backend, c.registry.Slot(m.Backend), balance.NewSample(m.Numerator, m.Denominator)})
	}
	if filters.CORS != nil {
		t.cors = shape.NewCORS(filters.CORS)
	}
}

// current tells whether a plan that was compiled before is still right.
func (c *compiler) current(p *plan) bool {
	return p.weights != nil && c.same(p.bare) && !slices.ContainsFunc(p.targets, func(t *target) bool { return !c.same(t) })
}

func (c *compiler) same(t *target) bool {
	if t.slot != c.registry.Slot(t.id) {
		return false
	}
	for _, policy := range t.authorizations {
		if c.config.Authorizations[policy.Name] != policy {
			return false
		}
	}
	for _, policy := range t.limits {
		if c.config.RateLimits[policy.Name] != policy {
			return false
		}
	}
	for _, m := range t.mirrors {
		if m.slot != c.registry.Slot(m.id) {
			return false
		}
	}
	return t.lifecycle == nil || c.config.Lifecycles[t.lifecycle.Name] == t.lifecycle.Lifecycle
}

// next is whose turn it is among the rule's backends.
func (p *plan) next() *target {
	if p.weights == nil {
		return p.bare // what was wrong left the plan half made: it rejects
	}
	if i := p.weights.Next(); i >= 0 {
		return p.targets[i]
	}
	return p.bare
}

// retries tells whether a status calls for another attempt.
func (p *plan) retries(status int) bool {
	return status >= 0 && status < 64*len(p.codes) && p.codes[status/64]&(1<<(status%64)) != 0
}
