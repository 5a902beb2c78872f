package legacy

import (
	"fmt"
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/podsecurity"
)

// standard fails unless the Pod keeps to a Pod Security Standard.
type standard struct{ *podsecurity.Standard }

func (c *compiler) podSecurity(source *kyvernov1.PodSecurity) judge {
	compiled, err := podsecurity.Compile(*source)
	if err != nil {
		c.Wrong("validate.podSecurity", "%v", err)
		return nil
	}
	return standard{compiled}
}

func (s standard) judge(e *evaluation) *verdict {
	if e.request.Object == nil {
		return nil
	}
	violations, err := s.violations(e)
	switch {
	case err != nil:
		return errs("failed to judge the Pod", err)
	case len(violations) == 0:
		return passes("Validation rule '%s' passed.", e.rule.name)
	}
	return s.narrowed(e, violations)
}

func (s standard) violations(e *evaluation) ([]podsecurity.Violation, error) {
	return s.Judge(e.request.Kind.Kind, e.request.Object)
}

func (s standard) failed(e *evaluation, violations []podsecurity.Violation) *verdict {
	return fails("Validation rule '%s' failed. It violates PodSecurity %q: %s", e.rule.name, s.String(), podsecurity.Describe(violations))
}

// narrowed is the verdict on a Pod that violates the standard: exceptions and
// overrides may take out all controls that it violates, or some, together.
func (s standard) narrowed(e *evaluation, violations []podsecurity.Violation) *verdict {
	if e.world.Narrow == nil {
		return s.failed(e, violations)
	}
	used := e.world.Narrow(e.info, e.rule.name, e.request, e.world)
	if len(used) == 0 {
		return s.failed(e, violations)
	}
	left, err := s.without(e, used)
	switch {
	case err != nil:
		return errs("failed to judge the Pod", err)
	case len(left) > 0:
		return s.failed(e, left)
	}
	for i := len(used) - 1; i >= 0 && len(used) > 1; i-- {
		fewer := slices.Delete(slices.Clone(used), i, i+1)
		if left, err = s.without(e, fewer); err == nil && len(left) == 0 {
			used = fewer
		}
	}
	return waived(used, s.failed(e, violations).message)
}

// without is what is left of the violations when controls are taken out.
func (s standard) without(e *evaluation, narrowings []policy.Narrowing) ([]podsecurity.Violation, error) {
	narrower := s.Standard
	for _, each := range narrowings {
		next, err := narrower.Except(each.Controls)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.Name, err)
		}
		narrower = next
	}
	return standard{narrower}.violations(e)
}

// waived is the verdict of a rule whose violations were all taken out.
func waived(used []policy.Narrowing, said string) *verdict {
	var names []string
	overridden := false
	for _, each := range used {
		names = append(names, each.Name)
		overridden = overridden || each.Override
	}
	found := skips("rule is skipped due to policy exception %s", strings.Join(names, ", "))
	if overridden {
		found = skips("waived by override %q: %s", strings.Join(names, ", "), said)
	}
	found.override = strings.Join(names, ",")
	return found
}
