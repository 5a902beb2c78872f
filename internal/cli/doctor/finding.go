package doctor

import (
	"cmp"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// verdict is what a check found.
type verdict string

// The verdicts. Only a failure makes doctor end with an error.
const (
	verdictOK      verdict = "ok"
	verdictWarn    verdict = "warn"
	verdictFail    verdict = "fail"
	verdictUnknown verdict = "unknown"
)

// finding is what one check found: a fact and, unless it is in order, what to do.
type finding struct {
	Check   string  `json:"check"`
	Verdict verdict `json:"verdict"`
	Found   string  `json:"found"`
	ToDo    string  `json:"toDo,omitempty"`
}

func ok(check, found string) finding {
	return finding{Check: check, Verdict: verdictOK, Found: found}
}

func warn(check, found, toDo string) finding {
	return finding{Check: check, Verdict: verdictWarn, Found: found, ToDo: toDo}
}

func fail(check, found, toDo string) finding {
	return finding{Check: check, Verdict: verdictFail, Found: found, ToDo: toDo}
}

func unknown(check, found, toDo string) finding {
	return finding{Check: check, Verdict: verdictUnknown, Found: found, ToDo: toDo}
}

// undecided is the finding of a check that could not be made.
func undecided(check string, err error) finding {
	return unknown(check, "cannot be checked: "+firstLine(err.Error()), "call doctor as somebody who may read this")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return cmp.Or(line, "no reason given")
}

// mark is a verdict as a table shows it.
func (p *surgery) mark(v verdict) string {
	paint := map[verdict]verb.Color{verdictOK: verb.Green, verdictWarn: verb.Yellow, verdictUnknown: verb.Yellow, verdictFail: verb.Red}
	return p.Paint(paint[v], string(v)) + strings.Repeat(" ", len(verdictUnknown)-len(v))
}
