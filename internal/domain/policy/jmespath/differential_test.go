package jmespath_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	reference "github.com/jmespath-community/go-jmespath/pkg/api"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// TestAgreesWithAnotherImplementation: where both implementations answer, they
// answer the same. It keeps to what the two understand alike: no multi-select
// of null, no slices of strings, and a missing key only where it is forgiven.
func TestAgreesWithAnotherImplementation(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(2026, 11))
	answered := 0
	for range 20000 {
		expression := expressionOf(chance, 3)
		query, err := jmespath.Compile(expression)
		other, otherErr := reference.Compile(expression)
		if (err == nil) != (otherErr == nil) {
			t.Fatalf("%s: compiles here %v, there %v", expression, err, otherErr)
		}
		if err != nil {
			continue
		}
		got, err := query.Search(decoded(t, pod))
		want, otherErr := other.Search(decoded(t, pod))
		if err != nil || otherErr != nil {
			continue
		}
		answered++
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s: %s", expression, diff)
		}
	}
	if answered < 10000 {
		t.Errorf("only %d expressions were answered by both", answered)
	}
}

// expressionOf writes a random expression that fits the data of the tests.
func expressionOf(chance *rand.Rand, depth int) string {
	if depth == 0 {
		return pick(chance, "containers", "labels", "numbers", "nested", "kind", "none", "empty", "flag", "@", "`1`", "'Pod'", "`[1, [2]]`")
	}
	left, right := expressionOf(chance, depth-1), expressionOf(chance, depth-1)
	switch chance.IntN(14) {
	case 0:
		return left + pick(chance, ".name", ".app", ".ports", ".labels")
	case 1:
		return fmt.Sprintf("%s[%d]", left, chance.IntN(7)-3)
	case 2:
		return "(" + pick(chance, "numbers", "nested", "containers", "empty") + ")" + pick(chance, "[1:3]", "[::-1]", "[:2].name", "[-2:][0]", "[4:1:-2]")
	case 3:
		return left + pick(chance, "[*]", "[]", "[*].name", "[].ports[]")
	case 4:
		return fmt.Sprintf("%s[?%s]", left, right)
	case 5:
		return fmt.Sprintf("%s %s %s", left, pick(chance, "==", "!=", "<", "<=", ">", ">="), right)
	case 6:
		return left + " || " + right
	case 7:
		return left + " && " + right
	case 8:
		return left + " | " + right
	case 9:
		return "!" + left
	case 10:
		return fmt.Sprintf("%s(%s)", pick(chance, "length", "reverse", "type", "to_array", "to_string", "to_number", "sort", "max", "min"), left)
	case 11:
		return fmt.Sprintf("%s(containers, &%s)", pick(chance, "max_by", "min_by"), pick(chance, "name", "length(ports)"))
	case 12:
		return "(" + left + ")"
	default:
		return strings.ReplaceAll("map(&EXPRESSION, containers)", "EXPRESSION", left)
	}
}

func pick(chance *rand.Rand, choices ...string) string { return choices[chance.IntN(len(choices))] }
