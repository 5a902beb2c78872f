package main

import (
	"strings"
	"testing"
)

func TestCountWrites(t *testing.T) {
	t.Parallel()
	const log = `{"stage":"ResponseComplete","verb":"patch","user":{"username":"me"}}
{"stage":"ResponseComplete","verb":"watch","user":{"username":"me"}}
{"stage":"ResponseStarted","verb":"create","user":{"username":"me"}}
{"stage":"ResponseComplete","verb":"create","user":{"username":"you"}}
{"stage":"ResponseComplete","verb":"delete","user":{"username":"me"}}
{"stage":"ResponseComplete","verb":"cre`
	got, err := countWrites(strings.NewReader(log), "me")
	if err != nil || got != 2 {
		t.Errorf("countWrites = %d, %v; want the patch and the delete", got, err)
	}
	if _, err := countWrites(strings.NewReader("nonsense\n"), "me"); err == nil {
		t.Error("a line that is no JSON passed for one without writes")
	}
}
