package verb

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"
	"k8s.io/utils/clock"
)

// Env is the world outside, as far as a verb may touch it. Every field is set.
type Env struct {
	// Name is what the program was called, such as roadbed or kubectl-roadbed.
	Name string
	// In is what the user types; Out takes results, Err everything else.
	In       io.Reader
	Out, Err io.Writer
	// Interactive is true when In and Err are terminals: only then may a verb ask.
	Interactive bool
	// Live is true when Out is a terminal: only then may a verb redraw lines.
	Live bool
	// Color is true when Out is a terminal whose user did not refuse colour.
	Color bool
	// Getenv looks up an environment variable.
	Getenv func(string) string
	// Clock is the only clock a verb reads.
	Clock clock.WithTicker
}

// FromProcess is the Env of an ordinary process. arg0 is the path under which
// it was started.
func FromProcess(arg0 string, in, out, errOut *os.File, getenv func(string) string) Env {
	live := term.IsTerminal(int(out.Fd())) && getenv("TERM") != "dumb"
	return Env{
		Name:        filepath.Base(arg0),
		In:          in,
		Out:         out,
		Err:         errOut,
		Interactive: term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(errOut.Fd())),
		Live:        live,
		Color:       live && getenv("NO_COLOR") == "",
		Getenv:      getenv,
		Clock:       clock.RealClock{},
	}
}
