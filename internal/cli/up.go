package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/roadbed-dev/roadbed/internal/app/embedded"
	"github.com/roadbed-dev/roadbed/internal/cli/tenants"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// upFlags say what is started and how.
type upFlags struct {
	ephemeral, auditBodies, foreground, examples bool
	reportsAPI                                   bool
	imageRoot                                    string
	gates                                        []string
	nodes                                        int
	progress                                     int
	// starting are the flags of this call that count at the start alone.
	starting []string
}

// noProgress is the value of --progress-fd when nobody listens.
const noProgress = -1

// kubeBinary is the name of the embedded Kubernetes.
const kubeBinary = "roadbed-kube"

func (p *program) upVerb() *cobra.Command {
	f := upFlags{progress: noProgress}
	cmd := &cobra.Command{
		Use:     "up",
		GroupID: verb.GroupPlatform,
		Short:   "Start a Kubernetes with the platform on it, on this machine",
		Long: `Start a real Kubernetes with the platform on it, on this machine, as the user you are.
It goes on in the background once everything is Ready; Ctrl-C before that stops it, and
the next "roadbed up" goes on where it was. Everything listens on 127.0.0.1 only, and
~/.kube/config is left alone.

` + simulated + `

With --examples the hand-written part of Corp Bank is loaded: seven jurisdictions,
twenty business units and a dozen tenants. What you changed in it is changed back.`,
		Example:           "  roadbed up\n  roadbed up --examples\n  roadbed up --data-dir /tmp/try --ephemeral --nodes 5",
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.nodes < 0 {
				return verb.Usagef("--nodes must not be negative")
			}
			if _, err := parseGates(f.gates); err != nil {
				return err // before another process is started, which could only say so to a file
			}
			f.starting = starting(cmd.Flags())
			return p.up(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.ephemeral, "ephemeral", false, "do not wait for the disk: faster, and a crash of the machine loses data")
	flags.BoolVar(&f.auditBodies, "audit-bodies", false, "have logs/audit.log tell what was written, not of Secrets and ConfigMaps, for \"policy impact --requests\"")
	flags.IntVar(&f.nodes, "nodes", 2, "number of simulated nodes")
	flags.BoolVar(&f.reportsAPI, "reports-api", true, "serve policy reports as Kubernetes objects")
	imageRootFlag(flags, &f.imageRoot)
	gatesFlag(cmd, &f.gates)
	flags.BoolVar(&f.foreground, "foreground", false, "stay in the foreground until interrupted")
	flags.BoolVar(&f.examples, "examples", false, "load the hand-written part of Corp Bank")
	flags.IntVar(&f.progress, "progress-fd", noProgress, "descriptor to tell progress to")
	verb.Must(flags.MarkHidden("progress-fd"))
	return cmd
}

// starting are the flags that were given of those that say what is started.
func starting(flags *pflag.FlagSet) []string {
	var given []string
	flags.Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "ephemeral", "audit-bodies", "nodes", "reports-api", "image-trusted-root", "feature-gates":
			given = append(given, "--"+flag.Name)
		}
	})
	return given
}

// simulated says plainly what simulated nodes are.
const simulated = `The nodes are simulated: pods reach Running, but no process runs. So there are no logs,
no exec and no traffic, and NetworkPolicies are not enforced.`

func (p *program) up(ctx context.Context, f upFlags) error {
	dir, err := p.DataDir()
	if err != nil {
		return err
	}
	state, err := embedded.LookSettled(ctx, dir, p.Clock)
	if err != nil {
		return err
	}
	if state.Running && !state.Plane.Orphaned {
		return p.alreadyUp(ctx, state, f)
	}
	binary, err := p.findKube()
	if err != nil {
		return err
	}
	if f.foreground {
		return p.upHere(ctx, dir, binary, f)
	}
	if err := p.upThere(ctx, dir, f); err != nil {
		return err
	}
	return p.afterUp(ctx, dir, f)
}

// alreadyUp says that there is nothing to start.
func (p *program) alreadyUp(ctx context.Context, state embedded.State, f upFlags) error {
	fmt.Fprintf(p.Out, "Roadbed is running already, as process %d.\n", state.Plane.PID)
	if len(f.starting) > 0 {
		fmt.Fprintf(p.Err, "What counts at the start alone is as it was: %s. \"roadbed down\" and this command again change it.\n", strings.Join(f.starting, ", "))
	}
	if !state.Ready {
		fmt.Fprintf(p.Out, "It is not ready: %s. \"roadbed status\" says more.\n", state.Reason)
		return nil
	}
	return p.afterUp(ctx, state.Plane.DataDir, f)
}

// afterUp loads the examples and tells what there is now.
func (p *program) afterUp(ctx context.Context, dir string, f upFlags) error {
	if f.examples {
		if err := p.loadExamples(ctx, dir); err != nil {
			return err
		}
	}
	state, err := embedded.Look(ctx, dir)
	if err != nil {
		return err
	}
	return p.tour(ctx, state)
}

// loadExamples writes Corp Bank into the embedded cluster, whatever cluster
// other verbs would talk to.
func (p *program) loadExamples(ctx context.Context, dir string) error {
	here := p.Program
	here.Flags.Kubeconfig, here.Flags.Context = filepath.Join(dir, verb.KubeconfigFile), ""
	return tenants.LoadBank(ctx, &here)
}

// findKube finds the embedded Kubernetes: where the user says, beside this
// program, or where `make kube` puts it.
func (p *program) findKube() (string, error) {
	if named := p.Getenv("ROADBED_KUBE"); named != "" {
		if !verb.Exists(named) {
			return "", fmt.Errorf("$ROADBED_KUBE names %s, which is not there", named)
		}
		return filepath.Abs(named)
	}
	var places []string
	if self, err := os.Executable(); err == nil {
		places = append(places, filepath.Join(filepath.Dir(self), kubeBinary))
	}
	places = append(places, filepath.Join("bin", kubeBinary))
	for _, place := range places {
		if verb.Exists(place) {
			return filepath.Abs(place)
		}
	}
	return "", fmt.Errorf("%s is neither %s nor %s: `make kube` builds it, or $ROADBED_KUBE names one", kubeBinary, places[0], places[len(places)-1])
}

// upHere runs the platform in this process, until it is interrupted.
func (p *program) upHere(ctx context.Context, dir, binary string, f upFlags) (err error) {
	gates, err := parseGates(f.gates)
	if err != nil {
		return err
	}
	log, err := standalone.OpenLog(dir, "roadbed")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	tell, closeProgress := p.listener(f)
	defer closeProgress()
	return embedded.Run(ctx, embedded.Config{
		DataDir:          dir,
		Binary:           binary,
		Ephemeral:        f.ephemeral,
		AuditBodies:      f.auditBodies,
		Nodes:            f.nodes,
		NoReportsAPI:     !f.reportsAPI,
		ImageTrustedRoot: f.imageRoot,
		FeatureGates:     gates,
		Log:              slog.New(slog.NewTextHandler(log, nil)),
		Clock:            p.Clock,
		Progress: func(step embedded.Progress) {
			tell(step)
			if step.Phase == embedded.PhaseReady {
				closeProgress()
			}
		},
	})
}

// listener is who hears of progress: the process that started this one, or the
// user.
func (p *program) listener(f upFlags) (tell func(embedded.Progress), closeProgress func()) {
	if f.progress == noProgress {
		screen := newStartScreen(p)
		return screen.step, screen.end
	}
	pipe := os.NewFile(uintptr(f.progress), "progress")
	lines := json.NewEncoder(pipe)
	// The listener may have gone: that changes nothing here.
	return func(step embedded.Progress) { _ = lines.Encode(step) }, func() { _ = pipe.Close() }
}
