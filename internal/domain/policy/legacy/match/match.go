package match

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Blocks are the compiled match and exclude blocks of a rule.
type Blocks struct {
	match, exclude block
	// namespace limits the blocks of a Policy to its own namespace.
	namespace string
}

// block is any or all of its filters.
type block struct {
	all     bool
	filters []*filter
}

// Compile compiles the blocks of a rule. Namespace is the policy's, empty for a
// ClusterPolicy. Path leads to the rule in the policy, for errors.
func Compile(match kyvernov1.MatchResources, exclude *kyvernov1.MatchResources, namespace, path string) (*Blocks, error) {
	compiled := &Blocks{namespace: namespace}
	var err error
	if compiled.match, err = compileBlock(match, false, path+".match"); err != nil {
		return nil, err
	}
	if exclude != nil {
		compiled.exclude, err = compileBlock(*exclude, true, path+".exclude")
	}
	return compiled, err
}

func compileBlock(source kyvernov1.MatchResources, broad bool, path string) (block, error) {
	filters, field, all := source.Any, ".any", false
	switch {
	case len(source.Any) > 0 && len(source.All) > 0:
		return block{}, fmt.Errorf("%s: any and all cannot be used together; put one of them into the other rule's block", path)
	case len(source.All) > 0:
		filters, field, all = source.All, ".all", true
	case len(source.Any) == 0:
		compiled, err := compileFilter(kyvernov1.ResourceFilter{UserInfo: source.UserInfo, Resources: source.Resources}, broad, path)
		return block{filters: []*filter{compiled}}, err
	}
	compiled := block{all: all}
	for i, filter := range filters {
		one, err := compileFilter(filter, broad, fmt.Sprintf("%s%s[%d]", path, field, i))
		if err != nil {
			return block{}, err
		}
		compiled.filters = append(compiled.filters, one)
	}
	return compiled, nil
}

// Verdict tells why a rule does not concern a request.
type Verdict struct {
	// Unmatched says why the match block does not select the request; empty if
	// it does.
	Unmatched string
	// Excluded says that the exclude block takes the request out.
	Excluded bool
}

// Concerns tells whether the rule is about the request.
func (v Verdict) Concerns() bool { return v.Unmatched == "" && !v.Excluded }

// Decide judges a request by its new state and, where that is not selected, by
// its former one: a rule cannot be escaped by what an update changes.
func (b *Blocks) Decide(r *policy.Request) Verdict {
	verdict := Verdict{Unmatched: "the request has no object"}
	for i, object := range []map[string]any{r.Object, r.OldObject} {
		if object == nil {
			continue
		}
		found := b.decide(subject{r, &unstructured.Unstructured{Object: object}})
		if found.Concerns() {
			return found
		}
		if i == 0 || r.Object == nil {
			verdict = found
		}
	}
	return verdict
}

func (b *Blocks) decide(s subject) Verdict {
	if b.namespace != "" && s.namespace() != b.namespace {
		return Verdict{Unmatched: fmt.Sprintf("the policy is about namespace %s alone", b.namespace)}
	}
	if b.namespace != "" && s.request.Kind.Kind == "Namespace" && s.request.Kind.Group == "" {
		return Verdict{Unmatched: "a Policy is about what is in its namespace, not about the namespace"}
	}
	if reason := b.match.refuses(s, knowsUser(s.request)); reason != "" {
		return Verdict{Unmatched: reason}
	}
	return Verdict{Excluded: b.exclude.selects(s)}
}

// refuses returns why a match block does not select the subject, or "".
func (b block) refuses(s subject, withUser bool) string {
	var reasons []string
	for _, filter := range b.filters {
		reason := filter.refuses(s, withUser)
		switch {
		case reason == "" && !b.all:
			return ""
		case reason != "":
			reasons = append(reasons, reason)
		}
	}
	return strings.Join(reasons, "; ")
}

// selects tells whether an exclude block takes the subject out. An empty filter
// takes nothing out of any, and does not count among all.
func (b block) selects(s subject) bool {
	selected := false
	for _, filter := range b.filters {
		found := filter.refuses(s, true) == ""
		if found && !b.all {
			return true
		}
		if b.all && !found {
			return false
		}
		selected = selected || found
	}
	return selected
}
