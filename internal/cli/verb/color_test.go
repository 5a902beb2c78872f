package verb

import "testing"

func TestColorOnlyWhereWanted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		color bool
		want  string
	}{{true, "\x1b[31mno\x1b[0m\n"}, {false, "no\n"}} {
		p := &Program{Env: Env{Color: test.color}}
		if got := p.Paint(Red, "no\n"); got != test.want {
			t.Errorf("color %t: %q, want %q", test.color, got, test.want)
		}
	}
}
