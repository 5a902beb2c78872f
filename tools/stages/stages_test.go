package main

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestRunStopsAtTheFirstFailure(t *testing.T) {
	t.Parallel()
	stages, err := parse([]string{"a=echo one", "b=exit 3", "c=echo three"})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	outcomes := run(t.Context(), stages, &out, &out)
	report(&out, stages, outcomes)
	if !failed(outcomes) || len(outcomes) != 2 {
		t.Fatalf("failed = %v after %d stages, want a failure after 2", failed(outcomes), len(outcomes))
	}
	text := out.String()
	for _, want := range []string{"==> a\none\n", "exit status 3", "not run"} {
		if !strings.Contains(text, want) {
			t.Errorf("output lacks %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "three") {
		t.Errorf("a stage ran after the failed one:\n%s", text)
	}
}

func TestRunPasses(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if outcomes := run(t.Context(), []stage{{"a", "true"}}, &out, &out); failed(outcomes) {
		t.Errorf("failed: %v", outcomes[0].err)
	}
}

func TestReportTellsWhatWasWorked(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	stages := []stage{{"a", "true"}}
	report(&out, stages, []outcome{{stage: stages[0], took: 2 * time.Second, worked: 3 * time.Second}})
	if want := "a      2s    3s          passed\n"; !strings.Contains(out.String(), want) {
		t.Errorf("output lacks %q:\n%s", want, out.String())
	}
	outcomes := run(t.Context(), []stage{{"b", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"}}, &out, &out)
	if outcomes[0].worked <= 0 {
		t.Errorf("a command that counts took %v of a processor", outcomes[0].worked)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{nil, {"lint"}, {"=x"}, {"x="}} {
		if _, err := parse(args); err == nil {
			t.Errorf("parse(%q) was accepted", args)
		}
	}
}
