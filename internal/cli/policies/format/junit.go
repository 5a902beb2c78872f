package format

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Case is one test as a build server shows it.
type Case struct {
	// Suite groups cases, Class and Name say which it is.
	Suite, Class, Name string
	// File and Line say where it stands, if known.
	File string
	Line int
	// Status is Pass, Skip, Fail or Error; Warn counts as passed.
	Status policy.Status
	// Message says why it failed or was skipped.
	Message string
}

// The elements of a JUnit report.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Skipped  int          `xml:"skipped,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr,omitempty"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitMessage `xml:"failure"`
		Error   *junitMessage `xml:"error"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr,omitempty"`
		Type    string `xml:"type,attr,omitempty"`
	}
)

// JUnit writes cases as a JUnit XML report, one suite for each name, in the
// order in which they first appear.
func JUnit(w io.Writer, cases []Case) error {
	report := junitSuites{Name: "roadbed"}
	places := map[string]int{}
	for _, c := range cases {
		place, known := places[c.Suite]
		if !known {
			place = len(report.Suites)
			places[c.Suite] = place
			report.Suites = append(report.Suites, junitSuite{Name: printable(c.Suite)})
		}
		report.Suites[place].add(c)
	}
	for _, suite := range report.Suites {
		report.Tests += suite.Tests
		report.Failures += suite.Failures
		report.Errors += suite.Errors
		report.Skipped += suite.Skipped
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(c Case) {
	entry := junitCase{Class: printable(c.Class), Name: printable(c.Name), File: c.File, Line: c.Line}
	message := &junitMessage{Message: printable(c.Message)}
	s.Tests++
	switch c.Status {
	case policy.Fail:
		message.Type = "fail"
		entry.Failure = message
		s.Failures++
	case policy.Error:
		message.Type = "error"
		entry.Error = message
		s.Errors++
	case policy.Skip:
		entry.Skipped = message
		s.Skipped++
	default: // Passed, and warnings do not fail a build.
	}
	s.Cases = append(s.Cases, entry)
}

// printable drops what XML cannot hold.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0xFFFE || r == 0xFFFF {
			return -1
		}
		return r
	}, text)
}

// Cases are findings as a build server shows them: a suite for each policy. A
// failure that only warns is no failure there.
func Cases(findings []Finding) []Case {
	cases := make([]Case, len(findings))
	for i, finding := range findings {
		cases[i] = Case{
			Suite: finding.Policy, Class: ruleID(finding), Name: finding.Resource.String(),
			File: finding.File, Line: finding.Line, Status: finding.Status, Message: finding.Message,
		}
		if finding.Warns() {
			cases[i].Status = policy.Warn
		}
	}
	return cases
}
