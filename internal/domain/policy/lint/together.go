package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/constant"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/match"
)

// allOperations are what a request can be.
var allOperations = []admissionregistrationv1.OperationType{
	admissionregistrationv1.Create, admissionregistrationv1.Update, admissionregistrationv1.Delete, admissionregistrationv1.Connect,
}

// operationsOf are the operations that match constraints select.
func operationsOf(constraints *admissionregistrationv1.MatchResources) []admissionregistrationv1.OperationType {
	if constraints == nil {
		return allOperations
	}
	var selected []admissionregistrationv1.OperationType
	for _, rule := range constraints.ResourceRules {
		selected = append(selected, rule.Operations...)
	}
	if slices.Contains(selected, admissionregistrationv1.OperationAll) {
		return allOperations
	}
	return slices.DeleteFunc(slices.Clone(allOperations), func(o admissionregistrationv1.OperationType) bool { return !slices.Contains(selected, o) })
}

// operation is what an expression asks a request for.
var operation = regexp.MustCompile(`\brequest\.operation\b`)

// together finds conditions that no request meets, each of which some do: whatever
// its operation is, of those that are matched.
func (c *checker) together(s celSource, expressions *constant.Expressions) {
	if len(s.conditions) == 0 || len(s.operations) == 0 {
		return
	}
	parts := make([]string, len(s.conditions))
	for i, condition := range s.conditions {
		// An expression may end in a comment.
		parts[i] = "(" + condition.Expression + "\n)"
	}
	all := strings.Join(parts, " && ")
	for _, each := range s.operations {
		if expressions.Judge(operation.ReplaceAllString(all, "'"+string(each)+"'")).Outcome != constant.False {
			return
		}
	}
	c.find(Error, NeverFires, s.rule, s.conditionsField, "no request that is matched, which is %s, meets the conditions, so nothing is concerned", listOf(s.operations))
}

func listOf(operations []admissionregistrationv1.OperationType) string {
	var names []string
	for _, each := range operations {
		names = append(names, string(each))
	}
	return strings.Join(names, " or ")
}

// operationKey is a key of a legacy condition that asks for the request's
// operation, with what is said instead where there is no request.
var operationKey = regexp.MustCompile(`^\{\{\s*request\.operation\s*(?:\|\|\s*(?:'([^']*)'|` + "`" + `"([^"]*)"` + "`" + `)\s*)?\}\}$`)

// askedOperations are all that such a key can be; nil if it is another.
func askedOperations(key any) []any {
	text, _ := key.(string)
	found := operationKey.FindStringSubmatch(strings.TrimSpace(text))
	if found == nil {
		return nil
	}
	all := []any{found[1] + found[2]}
	for _, each := range allOperations {
		all = append(all, string(each))
	}
	return all
}

// disjoint finds filters that must all select an object and name different kinds.
func (c *checker) disjoint(rule kyvernov1.Rule, at string) {
	for i, one := range rule.Match.All {
		for _, other := range rule.Match.All[:i] {
			if exclusive(one.Resources.Kinds, other.Resources.Kinds) {
				c.find(Error, NeverFires, rule.Name, fmt.Sprintf("%s.match.all[%d].resources.kinds", at, i),
					"nothing is of these kinds and of those of another filter that must select it too; write any, if either is meant")
				return
			}
		}
	}
}

// exclusive tells whether no kind is in both of two lists.
func exclusive(one, other []string) bool {
	for _, left := range one {
		for _, right := range other {
			l, err := match.ParseKind(left)
			r, wrong := match.ParseKind(right)
			if err != nil || wrong != nil || strings.ContainsAny(l.Kind+r.Kind, "*?") || l.Kind == r.Kind {
				return false
			}
		}
	}
	return len(one) > 0 && len(other) > 0
}
