package gateways_test

import (
	"testing"

	"github.com/spf13/pflag"

	"github.com/roadbed-dev/roadbed/internal/cli/gateways"
)

func TestMaxBody(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]int64{"": 0, "10Mi": 10 << 20, "1000": 1000, "0": -1, "-1": -1, "much": -1} {
		var tuning gateways.Tuning
		flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
		tuning.AddTo(flags, "gateway-")
		if err := flags.Set("gateway-max-body", given); err != nil {
			t.Fatal(err)
		}
		made, err := tuning.Read(func(string) string { return "" })
		if refused := err != nil; refused != (want < 0) || !refused && made.MaxBody != want {
			t.Errorf("%q: %d, %v, want %d", given, made.MaxBody, err, want)
		}
	}
}
