package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/policies"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// Config says what to run and where. Every field but ImageTrustedRoot and
// Progress is required.
type Config struct {
	// DataDir is the data directory.
	DataDir string
	// Binary is the roadbed-kube executable.
	Binary string
	// Ephemeral trades durability for speed, as in standalone.Config.
	Ephemeral bool
	// AuditBodies has the audit log tell what was written, as in standalone.Config.
	AuditBodies bool
	// Nodes is how many simulated nodes there are.
	Nodes int
	// NoReportsAPI leaves policy reports out of the Kubernetes API.
	NoReportsAPI bool
	// ImageTrustedRoot is a file of trust in images, as in app.Options. Empty for
	// none.
	ImageTrustedRoot string
	// FeatureGates opens and closes feature gates by name, as in app.Options.
	FeatureGates map[string]bool
	// Log is for operators.
	Log *slog.Logger
	// Clock is the process's only clock.
	Clock clock.WithTicker
	// Progress hears of every step until the platform is ready, and of its
	// failure. It may be called from several goroutines, one at a time.
	Progress func(Progress)
}

// Progress is a step on the way to a ready platform.
type Progress struct {
	// Phase is what is going on.
	Phase Phase `json:"phase"`
	// Message is the step in words.
	Message string `json:"message"`
	// Error is why the platform failed to start, with PhaseFailed.
	Error string `json:"error,omitempty"`
}

// Run runs the platform until ctx ends, and returns nil when that is why it
// ended. What was started is stopped in any case.
func Run(ctx context.Context, config Config) error {
	r := &runner{config: config}
	err := r.run(ctx)
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	r.tell(Progress{Phase: PhaseFailed, Message: "failed", Error: err.Error()})
	return err
}

// runner is a platform on its way.
type runner struct {
	config Config

	mu   sync.Mutex // guards done and the order of progress
	done bool       // nothing more is told
}

// tell passes a step on, until the platform is ready or has failed.
func (r *runner) tell(p Progress) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.done || r.config.Progress == nil {
		return
	}
	r.done = p.Phase == PhaseReady || p.Phase == PhaseFailed
	r.config.Progress(p)
}

func (r *runner) run(ctx context.Context) (err error) {
	c := r.config
	ctrl.SetLogger(logr.FromSlogHandler(c.Log.Handler())) // before the first client: later ones are not heard
	plane, err := standalone.Start(ctx, standalone.Config{
		DataDir:     c.DataDir,
		Binary:      c.Binary,
		Ephemeral:   c.Ephemeral,
		AuditBodies: c.AuditBodies,
		Nodes:       c.Nodes,
		Admission:   staticGuards(settings()),
		Log:         c.Log,
		Clock:       c.Clock,
		Events:      r.hear,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, plane.Stop(context.WithoutCancel(ctx))) }()
	return r.serve(ctx, plane)
}

// hear turns the events of the control plane into steps.
func (r *runner) hear(e standalone.Event) {
	switch e.Kind {
	case standalone.EventReady:
		r.tell(Progress{Phase: PhaseControlPlane, Message: e.Child + " is ready"})
	case standalone.EventExited:
		r.tell(Progress{Phase: PhaseControlPlane, Message: fmt.Sprintf("%s ended (%v) and starts again", e.Child, e.Err)})
	case standalone.EventPortMoved:
		r.tell(Progress{Phase: PhaseControlPlane, Message: e.Message})
	case standalone.EventStarted, standalone.EventStopped:
	}
}

// settings are the default ones with the ranges that the plane uses.
func settings() tenancy.Settings {
	return tenancy.Settings{ClusterCIDRs: standalone.ClusterCIDRs()}.WithDefaults()
}

// staticGuards are the core guards of tenancy and the Mandatory policies.
func staticGuards(settings tenancy.Settings) []standalone.Manifest {
	var manifests []standalone.Manifest
	for _, file := range guards.Static(guards.WithPlatform(app.GuardedPlatform(settings))) {
		manifests = append(manifests, standalone.Manifest{Name: file.Name, Data: file.Data})
	}
	for _, file := range policies.Static() {
		manifests = append(manifests, standalone.Manifest{Name: file.Name, Data: file.Data})
	}
	return manifests
}

// serve installs and runs the server on a plane that is up.
func (r *runner) serve(ctx context.Context, plane *standalone.Plane) error {
	started := r.config.Clock.Now()
	report := Report{PID: plane.Status().PID, Started: started, Phase: PhaseInstall}
	if err := report.save(r.config.DataDir); err != nil {
		return err
	}
	err := app.Install(ctx, app.InstallOptions{
		Config:       plane.AdminConfig(),
		StaticGuards: true,
		Webhook:      app.WebhookLoopback,
		Settings:     settings(),
		FeatureGates: r.config.FeatureGates,
		Log:          r.config.Log,
	})
	if err != nil {
		return report.failed(r.config.DataDir, err)
	}
	r.tell(Progress{Phase: PhaseInstall, Message: "kinds, roles, guards and tiers are installed"})
	report.Phase = PhaseServer
	if err := report.save(r.config.DataDir); err != nil {
		return err
	}
	err = app.Run(ctx, app.Options{
		Config:           plane.RoadbedConfig(),
		TrailPath:        filepath.Join(r.config.DataDir, trailFile),
		ExportDir:        filepath.Join(r.config.DataDir, exportDir),
		AuditLog:         plane.AuditLogFile(),
		ReportsAPI:       !r.config.NoReportsAPI,
		ImageTrustedRoot: r.config.ImageTrustedRoot,
		Settings:         settings(),
		FeatureGates:     r.config.FeatureGates,
		GatewayPort:      newPorts(r.config.DataDir, r.config.Log).of,
		Ready:            func(e app.Endpoints) { r.becomeReady(report, e) },
		Log:              r.config.Log,
		Clock:            r.config.Clock,
	})
	if err != nil {
		return report.failed(r.config.DataDir, err)
	}
	return nil
}

func (r *runner) becomeReady(report Report, reached app.Endpoints) {
	report.Phase, report.Ready = PhaseReady, r.config.Clock.Now()
	report.Health, report.Metrics = "http://"+reached.Health, "http://"+reached.Metrics
	if reached.Platform != "" {
		report.Platform = "http://" + reached.Platform
	}
	if err := report.save(r.config.DataDir); err != nil {
		r.config.Log.Error("report cannot be written", "error", err)
	}
	took := report.Ready.Sub(report.Started).Round(100 * time.Millisecond)
	r.tell(Progress{Phase: PhaseReady, Message: fmt.Sprintf("the server is ready, %v after the control plane", took)})
}
