package policy

import "testing"

func TestDerive(t *testing.T) {
	t.Parallel()
	calls := 0
	derive := func(*Request) int { calls++; return calls }
	plain := &Request{}
	Derive(plain, "key", derive)
	Derive(plain, "key", derive)
	if calls != 2 {
		t.Errorf("a plain request was derived from %d times, want 2: it has nowhere to remember", calls)
	}
	remembering := plain.Remembering()
	first, second := Derive(remembering, "key", derive), Derive(remembering, "key", derive)
	if first != second {
		t.Errorf("derived %d, then %d: a remembering request derives once", first, second)
	}
	if other := Derive(remembering.With(map[string]any{}), "key", derive); other == first {
		t.Error("another state of the object was given what was derived from the first")
	}
}
