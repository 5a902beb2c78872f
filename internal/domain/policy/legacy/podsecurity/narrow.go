package podsecurity

import (
	"fmt"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// JudgeExcept is Judge when exceptions and overrides take controls out, together.
// It returns what is still wrong, or, when nothing is, those of them that it took.
func (s *Standard) JudgeExcept(kind string, object map[string]any, narrowings []policy.Narrowing) (left []Violation, used []policy.Narrowing, err error) {
	if left, err = s.without(kind, object, narrowings); err != nil || len(left) > 0 {
		return left, nil, err
	}
	used = narrowings
	for i := range slices.Backward(narrowings) {
		fewer := slices.Delete(slices.Clone(used), i, i+1)
		if rest, err := s.without(kind, object, fewer); err == nil && len(rest) == 0 && len(fewer) > 0 {
			used = fewer
		}
	}
	return nil, used, nil
}

// without is what is wrong when controls are taken out.
func (s *Standard) without(kind string, object map[string]any, narrowings []policy.Narrowing) ([]Violation, error) {
	narrower := s
	for _, each := range narrowings {
		next, err := narrower.Except(each.Controls)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.Name, err)
		}
		narrower = next
	}
	return narrower.Judge(kind, object)
}

// Waived says by whom the violations were all taken out, and names them with
// commas between them.
func Waived(used []policy.Narrowing, said string) (message, names string) {
	var listed []string
	overridden := false
	for _, each := range used {
		listed = append(listed, each.Name)
		overridden = overridden || each.Override
	}
	message = "rule is skipped due to policy exception " + strings.Join(listed, ", ")
	if overridden {
		message = fmt.Sprintf("waived by override %q: %s", strings.Join(listed, ", "), said)
	}
	return message, strings.Join(listed, ",")
}
