package engine

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/request"
)

var (
	_ policy.Scoped = (*validatingPolicy)(nil)
	_ policy.Closed = (*validatingPolicy)(nil)
	_ policy.Scoped = (*mutatingPolicy)(nil)
	_ policy.Closed = (*mutatingPolicy)(nil)
	_ policy.Scoped = (*imagePolicy)(nil)
	_ policy.Closed = (*imagePolicy)(nil)
	_ policy.Imaged = (*imagePolicy)(nil)
	_ policy.Scoped = (*admissionPolicy)(nil)
	_ policy.Scoped = (*admissionChange)(nil)
)

// Scopes are the resources of all variants; none for JSON documents.
func (p *validatingPolicy) Scopes() []policy.Scope {
	var scopes []policy.Scope
	for _, one := range p.variants {
		scopes = append(scopes, p.scopesOf(one.constraints)...)
	}
	return scopes
}

// Scopes are the resources of all variants; none for JSON documents.
func (p *mutatingPolicy) Scopes() []policy.Scope {
	var scopes []policy.Scope
	for _, one := range p.variants {
		scopes = append(scopes, p.scopesOf(one.constraints)...)
	}
	return scopes
}

// Scopes are the resources of all variants; none for JSON documents.
func (p *imagePolicy) Scopes() []policy.Scope {
	var scopes []policy.Scope
	for _, one := range p.variants {
		scopes = append(scopes, p.scopesOf(one.constraints)...)
	}
	return scopes
}

// Scopes are the resources that the policy matches, whatever its bindings say.
func (p *admissionPolicy) Scopes() []policy.Scope { return p.constraints.Scopes() }

// Scopes are the resources that the policy matches, whatever its bindings say.
func (p *admissionChange) Scopes() []policy.Scope { return p.constraints.Scopes() }

// ImagePatterns are the globs of the policy; every image where an expression
// selects them.
func (p *imagePolicy) ImagePatterns() []string {
	var patterns []string
	for _, reference := range p.references {
		if reference.expression != nil {
			return []string{"*"}
		}
		patterns = append(patterns, reference.glob)
	}
	return patterns
}

// FailsClosed tells that the policy says failurePolicy: Fail.
func (c *shared) FailsClosed() bool {
	return c.failure != nil && *c.failure == admissionregistrationv1.Fail
}

func (c *shared) scopesOf(constraints *request.Constraints) []policy.Scope {
	if c.json {
		return nil
	}
	return constraints.Scopes()
}
