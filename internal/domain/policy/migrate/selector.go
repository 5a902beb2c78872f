package migrate

import (
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/migrate/cel"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/pattern"
)

// selectorOf tells whether labels, which may be absent, are as a selector wants
// them; nothing wants nothing.
func selectorOf(labels string, selector *metav1.LabelSelector) (string, error) {
	if selector == nil {
		return "true", nil
	}
	if text, err := json.Marshal(selector); err != nil || pattern.HasWildcard(string(text)) {
		return "", left("wildcards in selectors are not rewritten")
	}
	var all []string
	for _, key := range cel.Keys(selector.MatchLabels) {
		all = append(all, cel.Optional(labels, key)+" == optional.of("+cel.Quoted(selector.MatchLabels[key])+")")
	}
	for _, wanted := range selector.MatchExpressions {
		value := cel.Optional(labels, wanted.Key)
		among := value + ".optMap(l, l in [" + quotedList(wanted.Values) + "]).orValue(false)"
		switch wanted.Operator {
		case metav1.LabelSelectorOpIn:
			all = append(all, among)
		case metav1.LabelSelectorOpNotIn:
			all = append(all, cel.Not(among))
		case metav1.LabelSelectorOpExists:
			all = append(all, value+".hasValue()")
		case metav1.LabelSelectorOpDoesNotExist:
			all = append(all, cel.Not(value+".hasValue()"))
		default:
			return "", left("the operator %s of a selector is not rewritten", wanted.Operator)
		}
	}
	return cel.And(all...), nil
}

func quotedList(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = cel.Quoted(text)
	}
	return strings.Join(quoted, ", ")
}
