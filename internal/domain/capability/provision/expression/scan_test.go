package expression

import (
	"strings"
	"testing"
)

// FuzzScan wants that no string breaks the scanner, and that what it takes
// apart can be put together again.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{"", "a", "${a}", "a ${b} c", "$${a}", "${'}'}", `${"\"}"}`, `${r"\"}`, "${'''}'''}", "${{'a': {}}}", "$$${x}", "${a", "${}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, source string) {
		pieces, err := scan(source)
		if err != nil {
			return
		}
		var again strings.Builder
		for _, piece := range pieces {
			if piece.text == "" {
				t.Errorf("%q has an empty piece", source)
			}
			if !piece.expression {
				again.WriteString(strings.ReplaceAll(piece.text, "${", "$${"))
				continue
			}
			again.WriteString("${" + piece.text + "}")
		}
		second, err := scan(again.String())
		if err != nil || len(second) != len(pieces) {
			t.Fatalf("%q was put together as %q: %v, %v", source, again.String(), second, err)
		}
		for i := range pieces {
			if pieces[i] != second[i] {
				t.Errorf("piece %d of %q is %+v and then %+v", i, source, pieces[i], second[i])
			}
		}
	})
}
