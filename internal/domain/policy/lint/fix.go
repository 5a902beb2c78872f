package lint

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
)

// counting is the way in which people write, and Kyverno does not read, "how
// many objects of this kind have this label": the kind, the label, its value.
var counting = regexp.MustCompile(`^\{\{\s*length\(query:\s*"(\w+)",\s*filters:\s*\{labels:\s*\{([\w./-]+):\s*'\{\{\s*(.+?)\s*\}\}'\}\}\)\s*\}\}$`)

// Fix returns the policy as it was meant, with a sentence for each thing that it
// changed; none when there is nothing that it knows how to correct. The policy
// given is not changed.
//
// It corrects conditions that count objects in words that are no JMESPath: the
// objects come from an API call instead, and a label that is absent counts as
// empty.
func Fix(p *kyvernov1.ClusterPolicy) (*kyvernov1.ClusterPolicy, []string, error) {
	fixed := p.DeepCopy()
	var changes []string
	for i := range fixed.Spec.Rules {
		rule := &fixed.Spec.Rules[i]
		if rule.Validate == nil || rule.Validate.Deny == nil || rule.Validate.Deny.Conditions == nil {
			continue
		}
		more, err := fixConditions(rule)
		if err != nil {
			return nil, nil, fmt.Errorf("rule %s: %w", rule.Name, err)
		}
		changes = append(changes, more...)
	}
	return fixed, changes, nil
}

// fixConditions corrects the deny conditions of a rule.
func fixConditions(rule *kyvernov1.Rule) ([]string, error) {
	if !strings.HasPrefix(strings.TrimSpace(string(rule.Validate.Deny.Conditions.Raw)), "{") {
		return nil, nil // the old form, a list, is not corrected
	}
	var blocks map[string][]map[string]any
	if err := json.Unmarshal(rule.Validate.Deny.Conditions.Raw, &blocks); err != nil {
		return nil, fmt.Errorf("deny conditions: %w", err)
	}
	var changes []string
	for _, block := range []string{"any", "all"} {
		for _, condition := range blocks[block] {
			key, _ := condition["key"].(string)
			parts := counting.FindStringSubmatch(strings.TrimSpace(key))
			if parts == nil {
				continue
			}
			entry, err := count(parts[1], parts[2], parts[3])
			if err != nil {
				return nil, err
			}
			rule.Context = append(slices.Clone(rule.Context), entry)
			condition["key"] = "{{ " + entry.Name + " }}"
			changes = append(changes, fmt.Sprintf("rule %s: the %s objects are counted by an API call, by their label %s", rule.Name, parts[1], parts[2]))
		}
	}
	if changes == nil {
		return nil, nil
	}
	raw, err := json.Marshal(blocks)
	rule.Validate.Deny.Conditions = &kyvernov1.JSON{Raw: raw}
	return changes, err
}

// count is a context entry with the number of objects of a kind whose selector
// has a label with the value of an expression.
func count(kind, label, expression string) (kyvernov1.ContextEntry, error) {
	known := scenario.Stable(kind)
	if len(known) == 0 {
		return kyvernov1.ContextEntry{}, fmt.Errorf("%s is no kind of Kubernetes' own: write the API call by hand", kind)
	}
	gvk := known[0]
	resource, _ := meta.UnsafeGuessKindToResource(gvk)
	prefix := "/apis/" + gvk.Group + "/" + gvk.Version
	if gvk.Group == "" {
		prefix = "/api/" + gvk.Version
	}
	return kyvernov1.ContextEntry{Name: strings.ToLower(kind) + "Count", APICall: &kyvernov1.ContextAPICall{
		APICall:  kyvernov1.APICall{URLPath: prefix + "/namespaces/{{ request.namespace }}/" + resource.Resource},
		JMESPath: `items[?spec.selector.matchLabels."` + label + `" == '{{ ` + expression + ` || '' }}'] | length(@)`,
	}}, nil
}
