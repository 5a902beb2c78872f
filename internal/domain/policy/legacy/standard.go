package legacy

import (
	"fmt"

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
	kind, object := e.request.Kind.Kind, e.request.Object
	violations, err := s.Judge(kind, object)
	if err == nil && len(violations) == 0 {
		return passes("Validation rule '%s' passed.", e.rule.name)
	}
	said := s.failure(e, violations)
	if narrowings := e.narrowings(); err == nil && len(narrowings) > 0 {
		var used []policy.Narrowing
		violations, used, err = s.JudgeExcept(kind, object, narrowings)
		if err == nil && len(violations) == 0 {
			message, names := podsecurity.Waived(used, said)
			return &verdict{status: policy.Skip, message: message, override: names}
		}
	}
	if err != nil {
		return errs("failed to judge the Pod", err)
	}
	return fails("%s", s.failure(e, violations))
}

// narrowings are the exceptions and overrides that take controls out of the rule.
func (e *evaluation) narrowings() []policy.Narrowing {
	if e.world.Narrow == nil {
		return nil
	}
	return e.world.Narrow(e.info, e.rule.name, e.request, e.world)
}

func (s standard) failure(e *evaluation, violations []podsecurity.Violation) string {
	return fmt.Sprintf("Validation rule '%s' failed. It violates PodSecurity %q: %s", e.rule.name, s.String(), podsecurity.Describe(violations))
}
