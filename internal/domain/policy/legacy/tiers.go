package legacy

import (
	"slices"
	"strings"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// tiers are a rule's tier, and those it has in some namespaces.
type tiers struct {
	usual     policy.Tier
	overrides []tierOverride
}

// tierOverride is another tier in namespaces by name and labels.
type tierOverride struct {
	tier       policy.Tier
	namespaces []string
	labels     *match.Labels
}

func stricter(a, b policy.Tier) policy.Tier {
	if slices.Index(policy.Tiers(), a) <= slices.Index(policy.Tiers(), b) {
		return a
	}
	return b
}

func (t tiers) strictest() policy.Tier {
	found := t.usual
	for _, override := range t.overrides {
		found = stricter(found, override.tier)
	}
	return found
}

// of is the tier for a request: that of the first override it fits.
func (t tiers) of(r *policy.Request) policy.Tier {
	for _, override := range t.overrides {
		byName := len(override.namespaces) == 0 || pattern.MatchAny(override.namespaces, r.Namespace)
		if r.Namespace != "" && byName && (override.labels == nil || override.labels.Selects(r.NamespaceLabels())) {
			return override.tier
		}
	}
	return t.usual
}

// tiersOf reads a rule's tier: that of the policy where a label or a category
// names one, else what its own action asks for, else the policy's.
func (c *compiler) tiersOf(source *kyvernov1.Rule) tiers {
	action, overrides := c.source.Spec.ValidationFailureAction, c.source.Spec.ValidationFailureActionOverrides
	path := "spec.validationFailureActionOverrides"
	if validate := source.Validate; validate != nil {
		if validate.FailureAction != nil {
			action = *validate.FailureAction
		}
		if len(validate.FailureActionOverrides) > 0 {
			overrides, path = validate.FailureActionOverrides, c.Path+".validate.failureActionOverrides"
		}
	}
	for _, images := range source.VerifyImages {
		if images.FailureAction != nil {
			action = *images.FailureAction
		}
	}
	made := tiers{usual: c.tier(actionOf(action))}
	if source.Mutate != nil {
		made.usual = c.tier(policy.Mutate)
		return made
	}
	for _, override := range overrides {
		made.overrides = append(made.overrides, c.override(path, override))
	}
	return made
}

func (c *compiler) override(path string, source kyvernov1.FailureActionOverride) tierOverride {
	made := tierOverride{tier: c.tier(actionOf(source.Action)), namespaces: source.Namespaces}
	if source.NamespaceSelector != nil {
		selector, err := match.CompileLabels(source.NamespaceSelector)
		if err != nil {
			c.whole.Wrong(path, "%v", err)
		}
		made.labels = &selector
	}
	return made
}

func (c *compiler) tier(action policy.Action) policy.Tier {
	tier, err := policy.TierOf(c.source.Labels, c.source.Annotations, action)
	if err != nil {
		c.whole.Wrong("metadata", "%v", err)
	}
	return tier
}

func actionOf(action kyvernov1.FailureAction) policy.Action {
	if strings.EqualFold(string(action), string(kyvernov1.Enforce)) {
		return policy.Enforce
	}
	return policy.Audit
}
