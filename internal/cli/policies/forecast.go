package policies

import (
	"strconv"

	"github.com/roadbed-dev/roadbed/internal/cli/policies/format"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/impact"
)

// exportForecast writes a forecast for other tools; false where the format is for
// people, or the forecast as it is.
func (p *program) exportForecast(out *verb.Output, f *impact.Forecast) (bool, error) {
	if out.Chosen == verb.FormatSARIF {
		return true, format.SARIF(p.Out, forecastFindings(f), nil)
	}
	if out.Chosen == verb.FormatJUnit {
		return true, format.JUnit(p.Out, format.Cases(forecastFindings(f)))
	}
	return false, nil
}

// forecastFindings are the examples that rules are not content with, and for each
// other rule that it is content.
func forecastFindings(f *impact.Forecast) []format.Finding {
	var found []format.Finding
	for _, rule := range f.Rules {
		result := policy.Result{Policy: rule.Policy, Rule: rule.Rule, Tier: rule.Tier, Lane: rule.Lane, Status: policy.Fail}
		for _, example := range rule.Examples {
			result.Message = example.Message
			found = append(found, format.Finding{
				Result: result, Resource: format.Resource{Kind: example.Kind, Namespace: example.Namespace, Name: example.Name},
			})
		}
		if len(rule.Examples) == 0 {
			result.Status = policy.Pass
			found = append(found, format.Finding{
				Result: result, Resource: format.Resource{Kind: "Requests", Name: strconv.Itoa(rule.Pass + rule.Skip)},
			})
		}
	}
	return found
}
