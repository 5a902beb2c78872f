package verb_test

import (
	"context"
	"testing"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
)

func TestInterruptionIsSaidPlainly(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := s.Program()
	p.Running = true
	if code := p.Report(ctx, &cobra.Command{}, ctx.Err()); code != verb.ExitFailed {
		t.Errorf("exit code %d, want %d", code, verb.ExitFailed)
	}
	if got := s.Stderr.String(); got != "error: interrupted\n" {
		t.Errorf("stderr %q", got)
	}
}
