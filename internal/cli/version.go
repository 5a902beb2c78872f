package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// kubernetesVersion is the Kubernetes that the embedded platform runs.
const kubernetesVersion = "v1.37.2"

// build is what the program says of itself.
type build struct {
	Version    string `json:"version"`
	Revision   string `json:"revision,omitempty"`
	Go         string `json:"go"`
	Platform   string `json:"platform"`
	Kubernetes string `json:"embeddedKubernetes"`
}

func (p *program) versionVerb() *cobra.Command {
	out := verb.NewOutput(verb.FormatText, verb.FormatJSON, verb.FormatYAML)
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of roadbed and of the Kubernetes it embeds",
		Long:    "Print the version of roadbed, the revision it was built from, and the version of\nthe Kubernetes that \"roadbed up\" starts. Needs no cluster.",
		Example: "  roadbed version\n  roadbed version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			b := thisBuild()
			return out.Print(p.Out, b, func() error {
				_, err := fmt.Fprintf(p.Out, "roadbed %s %s %s\nembedded Kubernetes %s\n", b.Version, b.Go, b.Platform, b.Kubernetes)
				return err
			})
		},
	}
	out.AddFlag(cmd)
	return cmd
}

func thisBuild() build {
	b := build{
		Version:    "(devel)",
		Go:         runtime.Version(),
		Platform:   runtime.GOOS + "/" + runtime.GOARCH,
		Kubernetes: kubernetesVersion,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}
