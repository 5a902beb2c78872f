package exception

import (
	"context"
	"errors"
	"fmt"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// exemptions asks exceptions and then overrides.
type exemptions struct {
	all     []exemption
	waivers []policy.Waivers
}

var _ scenario.Exemptions = (*exemptions)(nil)

// Exempt is the first exception, or else override, that covers the rule as a
// whole.
func (e *exemptions) Exempt(info policy.Info, rule string, r *policy.Request, w policy.World) (scenario.Exemption, error) {
	for _, each := range e.all {
		if len(each.controls) > 0 {
			continue
		}
		covers, err := each.covers(info, rule, r, w)
		if err != nil || covers {
			return scenario.Exemption{Name: each.name}, err
		}
	}
	for _, each := range e.waivers {
		if !info.Tier.Waivable() {
			break
		}
		if name := each.Waives(info, rule, r, w.Now); name != "" {
			return scenario.Exemption{Name: name, Override: true}, nil
		}
	}
	return scenario.Exemption{}, nil
}

// Narrow are the exceptions and overrides that are about single controls.
func (e *exemptions) Narrow(info policy.Info, rule string, r *policy.Request, w policy.World) ([]policy.Narrowing, error) {
	var found []policy.Narrowing
	for _, each := range e.all {
		if len(each.controls) == 0 {
			continue
		}
		covers, err := each.covers(info, rule, r, w)
		if err != nil {
			return nil, err
		}
		if covers {
			found = append(found, policy.Narrowing{Name: each.name, Controls: each.controls})
		}
	}
	for _, each := range e.waivers {
		if info.Tier.Waivable() {
			found = append(found, each.Narrows(info, rule, r, w.Now)...)
		}
	}
	return found, nil
}

// exemption is one exception. Which objects it covers is decided by a policy
// that fails exactly on those.
type exemption struct {
	name  string
	names func(info policy.Info, rule string) bool
	probe policy.Evaluator
	// controls that are all it takes out, of podSecurity rules; none when it is
	// about whole rules.
	controls []kyvernov1.PodSecurityStandard
}

func (e exemption) covers(info policy.Info, rule string, r *policy.Request, w policy.World) (bool, error) {
	if !e.names(info, rule) {
		return false, nil
	}
	return e.matches(r, w)
}

// matches tells whether the exception is for the request, whatever the policy.
func (e exemption) matches(r *policy.Request, w policy.World) (bool, error) {
	w.Values = nil
	for _, result := range e.probe.Validate(context.Background(), r, w) {
		if result.Status == policy.Error {
			return false, fmt.Errorf("exception %s: %w", e.name, errors.New(result.Message))
		}
		if result.Status == policy.Fail {
			return true, nil
		}
	}
	return false, nil
}
