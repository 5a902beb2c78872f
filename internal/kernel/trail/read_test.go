package trail_test

import (
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
)

const line = `{"action":"a.b.c","object":{"kind":"Tenant","name":"payments"}}` + "\n"

func TestReadFrom(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		reason string
		text   string
		want   []string // "ok", or the error
	}{
		"Empty": {reason: "a trail may have no records"},
		"Two":   {"each line is a record", line + line, []string{"ok", "ok"}},
		"Malformed": {
			"a line that is no record is named, and the next is read", line + "{}\n" + "nonsense\n" + line,
			[]string{
				"ok", "line 2: not a record: it has no action",
				"line 3: not a record: invalid character 'o' in literal null (expecting 'u')", "ok",
			},
		},
		"Torn":    {"a last line without an end is no record", line + line[:20], []string{"ok", "line 2: the line is unfinished"}},
		"TooLong": {"a line that no writer wrote is skipped whole", strings.Repeat("x", 200<<10) + "\n" + line, []string{"line 1: the line is longer than the 65535 bytes of a record", "ok"}},
		"Trailing": {
			"a line holds one record", `{"action":"a.b.c"}{"action":"d.e.f"}` + "\n",
			[]string{"line 1: not a record: invalid character '{' after top-level value"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, err := range trail.ReadFrom(strings.NewReader(tc.text)) {
				if err == nil {
					got = append(got, "ok")
					continue
				}
				got = append(got, err.Error())
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestReadEndsWithTheErrorOfTheFile(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is gone")
	var got []error
	for _, err := range trail.ReadFrom(io.MultiReader(strings.NewReader(line), iotest.ErrReader(broken))) {
		got = append(got, err)
	}
	if len(got) != 2 || got[0] != nil || !errors.Is(got[1], broken) {
		t.Errorf("got %v, want one record and the error", got)
	}
	for _, err := range trail.Read(filepath.Join(t.TempDir(), "absent")) {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Read of an absent file yields %v", err)
		}
	}
}

func TestReadStopsWhenToldTo(t *testing.T) {
	t.Parallel()
	count := 0
	for range trail.ReadFrom(strings.NewReader(line + line)) {
		count++
		break
	}
	if count != 1 {
		t.Errorf("read %d records after a break", count)
	}
}

// FuzzReadFrom holds the reader to one answer per line, numbered in order,
// whatever the file holds.
func FuzzReadFrom(f *testing.F) {
	f.Add(line + line)
	f.Add(line + "\x00\x00\x00")
	f.Add("\n\n{}\n" + line[:30])
	f.Fuzz(func(t *testing.T, text string) {
		answers := 0
		for record, err := range trail.ReadFrom(strings.NewReader(text)) {
			answers++
			var bad *trail.LineError
			switch {
			case err == nil && record.Action == "":
				t.Errorf("line %d counts as a record without an action", answers)
			case err != nil && !errors.As(err, &bad):
				t.Errorf("line %d: %v is no LineError", answers, err)
			case err != nil && bad.Line != answers:
				t.Errorf("line %d is called %d", answers, bad.Line)
			}
		}
		lines := strings.Count(text, "\n")
		if text != "" && !strings.HasSuffix(text, "\n") {
			lines++
		}
		if answers != lines {
			t.Errorf("%d answers for %d lines", answers, lines)
		}
	})
}
