package load

import (
	"errors"
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// Problem is what is wrong with a document, or what Roadbed does not do with it.
type Problem struct {
	// File and Line say where; the line counts from 1.
	File string `json:"file"`
	Line int    `json:"line"`
	// Kind, Name and Rule say of what, as far as it is known.
	Kind string `json:"kind,omitempty"`
	Name string `json:"name,omitempty"`
	Rule string `json:"rule,omitempty"`
	// Field is the path that is wrong, empty for the document as a whole.
	Field string `json:"field,omitempty"`
	// Message says what is wrong, and what to do.
	Message string `json:"message"`
	// Unsupported tells that the document is well formed, but asks for something
	// that Roadbed does not do.
	Unsupported bool `json:"unsupported,omitempty"`
	// Foreign tells that the document is no policy: whoever looks for policies
	// among other things may go on.
	Foreign bool `json:"foreign,omitempty"`
}

// Join makes one error of problems, with a line for each; nil if there are none.
func Join(problems []Problem) error {
	all := make([]error, len(problems))
	for i, problem := range problems {
		all[i] = errors.New(problem.String())
	}
	return errors.Join(all...)
}

// String is "file:line: kind name, rule: field: message".
func (p Problem) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s:%d: ", p.File, p.Line)
	if p.Name != "" {
		fmt.Fprintf(&text, "%s %q", p.Kind, p.Name)
		if p.Rule != "" {
			fmt.Fprintf(&text, ", rule %q", p.Rule)
		}
		text.WriteString(": ")
	}
	if p.Field != "" && !strings.Contains(p.Message, p.Field) {
		text.WriteString(p.Field + ": ")
	}
	return text.String() + p.Message
}

func problems(mistakes []yamldoc.Mistake, kind, name string) []Problem {
	found := make([]Problem, len(mistakes))
	for i, m := range mistakes {
		found[i] = Problem{File: m.File, Line: m.Line, Kind: kind, Name: name, Field: m.Field, Message: m.Message}
	}
	return found
}

// Fatal are the problems that keep a policy from being in force: neither
// unsupported nor foreign.
func Fatal(all []Problem) []Problem {
	var fatal []Problem
	for _, p := range all {
		if !p.Unsupported && !p.Foreign {
			fatal = append(fatal, p)
		}
	}
	return fatal
}
