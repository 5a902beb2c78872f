package standalone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/standalone/atomicfile"
	"github.com/roadbed-dev/roadbed/internal/standalone/pki"
)

// Config says what to run and where.
type Config struct {
	// DataDir is the data directory. It is made when absent. Required.
	DataDir string
	// Binary is the roadbed-kube executable. Required.
	Binary string
	// Ephemeral makes etcd not wait for the disk: faster, and a crash of the
	// machine loses the data.
	Ephemeral bool
	// AuditBodies has the audit log tell what was written, too; never Secrets and
	// ConfigMaps.
	AuditBodies bool
	// Nodes is how many simulated nodes there are; 0 runs no simulator.
	Nodes int
	// Admission are static admission policies.
	Admission []Manifest
	// Liveness says when a component counts as hung.
	Liveness Liveness
	// Log gets what operators want to know; by default nothing is logged.
	Log *slog.Logger
	// Clock is the real one by default.
	Clock clock.WithTicker
	// Events, if set, hears of everything that happens. It is called from
	// several goroutines, must be safe for that, and must not block.
	Events func(Event)
}

// Plane is a running control plane.
//
// Its goroutines, two for each component, end with Stop. Every method is safe
// for concurrent use.
type Plane struct {
	*Access
	config  Config
	plan    plan
	creds   credentials
	state   state
	started time.Time
	admin   *rest.Config
	roadbed *rest.Config

	lock              lock
	lifeline, holding *os.File // the pipe that the children hang on: its read and its write end
	logs              []*logFile

	mu     sync.Mutex // guards stages and the writing of status.json
	stages [][]*child // in the order in which they were started

	stopOnce sync.Once
	stopped  chan struct{}
	stopErr  error
}

// starts is how often a start is tried while others are faster to take the ports
// that were free when they were chosen.
const starts = 3

// Start brings up a control plane and returns when all of it is ready. When
// ctx ends before, or anything fails, what was started is stopped again.
// Afterwards ctx means nothing: the plane runs until Stop.
//
// Errors for users: DamagedError, LockedError, ChildError.
func Start(ctx context.Context, config Config) (*Plane, error) {
	for left := starts - 1; ; left-- {
		p, err := newPlane(ctx, config)
		if err != nil {
			return nil, err
		}
		if err = p.launch(ctx); err == nil {
			return p, nil
		}
		stopErr := p.Stop(context.WithoutCancel(ctx))
		if left == 0 || stopErr != nil || !outrun(err) {
			return nil, errors.Join(err, stopErr)
		}
	}
}

// newPlane takes the data directory and writes into it what the components
// will read. Nothing runs yet.
func newPlane(ctx context.Context, config Config) (*Plane, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	l := layout(config.DataDir)
	if err := l.prepare(); err != nil {
		return nil, err
	}
	taken, err := acquireLock(ctx, l, config.Clock)
	if err != nil {
		return nil, err
	}
	p := &Plane{config: config, lock: taken, started: config.Clock.Now(), stopped: make(chan struct{})}
	if err := p.prepare(l); err != nil {
		return nil, errors.Join(err, p.release())
	}
	return p, nil
}

func (c Config) complete() (Config, error) {
	if c.DataDir == "" || c.Binary == "" {
		return c, errors.New("a plane needs a data directory and the roadbed-kube executable")
	}
	var err error
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return c, fmt.Errorf("data directory: %w", err)
	}
	if c.Binary, err = filepath.Abs(c.Binary); err != nil {
		return c, fmt.Errorf("roadbed-kube: %w", err)
	}
	if _, err := os.Stat(c.Binary); err != nil {
		return c, fmt.Errorf("roadbed-kube: %w: `make kube` builds it", err)
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.Events == nil {
		c.Events = func(Event) {}
	}
	return c, nil
}

func (p *Plane) prepare(l layout) error {
	var err error
	if p.state, err = loadState(l); err != nil {
		return err
	}
	if err := checkEtcd(l, p.state); err != nil {
		return err
	}
	moved, err := p.state.choosePorts(listeners)
	if err != nil {
		return err
	}
	p.plan = plan{
		layout:    l,
		vault:     pki.Vault{Dir: l.pki(), Clock: p.config.Clock, Complete: p.state.Initialised},
		ports:     p.state.Ports,
		ephemeral: p.config.Ephemeral,
	}
	if p.creds, err = p.plan.certify(); err != nil {
		return l.damagedKey(err)
	}
	p.Access = p.creds.access
	if err := writeSettings(l, p.config, p.creds.encryptionKey); err != nil {
		return err
	}
	if err := p.state.save(l); err != nil {
		return err
	}
	p.reportMoved(moved)
	return p.openConnections()
}

func (p *Plane) reportMoved(moved []movedPort) {
	for _, m := range moved {
		p.changed(Event{
			Time: p.config.Clock.Now(), Kind: EventPortMoved, Child: m.listener,
			Message: fmt.Sprintf("port %d of %s is taken by another program; it listens on %d from now on, and kubeconfig files made earlier must be made again", m.from, m.listener, m.to),
		})
	}
}

// stageCount is the number of stages of a whole plane.
const stageCount = 3

// launch starts the components in three stages: etcd, the API server, and those
// that work through it.
func (p *Plane) launch(ctx context.Context) error {
	if err := p.startAll(ctx, p.etcd()); err != nil {
		return err
	}
	if !p.state.Initialised {
		p.state.Initialised = true
		if err := p.state.save(p.plan.layout); err != nil {
			return err
		}
	}
	if err := p.startAll(ctx, p.apiserver()); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(p.admin)
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	workers := []component{p.controllerManager(), p.scheduler()}
	if p.config.Nodes > 0 {
		if err := createNodes(ctx, client, p.config.Nodes); err != nil {
			return err
		}
		workers = append(workers, p.simulator(client))
	}
	if err := p.startAll(ctx, workers...); err != nil {
		return err
	}
	return awaitServiceAccounts(ctx, client, p.config.Clock)
}

// startAll starts a stage of components side by side and returns when all of
// them are ready.
func (p *Plane) startAll(ctx context.Context, components ...component) error {
	stage := make([]*child, 0, len(components))
	for _, c := range components {
		made, err := p.makeChild(c)
		if err != nil {
			return err
		}
		stage = append(stage, made)
	}
	p.mu.Lock()
	p.stages = append(p.stages, stage)
	p.mu.Unlock()
	for _, c := range stage {
		go c.supervise()
	}
	for _, c := range stage {
		if err := c.awaitReady(ctx); err != nil {
			return p.explain(c.name, err)
		}
	}
	return nil
}

func (p *Plane) makeChild(c component) (*child, error) {
	log, err := openLog(p.plan.layout.log(c.name), logLimit)
	if err != nil {
		return nil, err
	}
	p.logs = append(p.logs, log)
	launch := launcher{binary: p.config.Binary, home: p.config.DataDir, lifeline: p.lifeline, lock: p.lock.shared}
	spawn := func() (process, error) { return launch.start(c.name, c.args, log) }
	made := newChild(c, spawn, p.config.Liveness, p.config.Clock, p.changed)
	made.status.Port, made.status.Log = p.plan.ports[c.name], log.path
	return made, nil
}

// changed passes an event on and keeps status.json fresh.
func (p *Plane) changed(e Event) {
	level := slog.LevelInfo
	if e.Kind == EventExited || e.Kind == EventPortMoved {
		level = slog.LevelWarn
	}
	attributes := []slog.Attr{slog.String("event", string(e.Kind)), slog.String("component", e.Child)}
	if e.Message != "" {
		attributes = append(attributes, slog.String("message", e.Message))
	}
	if e.Err != nil {
		attributes = append(attributes, slog.String("exit", e.Err.Error()), slog.Duration("restartIn", e.Delay))
	}
	p.config.Log.LogAttrs(context.Background(), level, "control plane changed", attributes...)
	p.config.Events(e)
	if err := p.writeStatus(); err != nil {
		p.config.Log.Error("status cannot be written", "error", err)
	}
}

func (p *Plane) writeStatus() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	content, err := json.MarshalIndent(p.statusLocked(), "", "  ")
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	return atomicfile.Write(p.plan.layout.status(), append(content, '\n'))
}

// Status tells how the plane is.
func (p *Plane) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.statusLocked()
}

func (p *Plane) statusLocked() Status {
	status := Status{
		PID:        os.Getpid(),
		Ready:      len(p.stages) == stageCount,
		Started:    p.started,
		Server:     p.Server(),
		DataDir:    p.config.DataDir,
		Kubeconfig: p.plan.layout.kubeconfig(),
		Ephemeral:  p.config.Ephemeral,
		Nodes:      p.config.Nodes,
	}
	for _, c := range slices.Concat(p.stages...) {
		child := c.snapshot()
		status.Ready = status.Ready && child.Ready
		status.Children = append(status.Children, child)
	}
	return status
}

// AdminConfig returns a configuration for the cluster's administrator.
func (p *Plane) AdminConfig() *rest.Config { return rest.CopyConfig(p.admin) }

// RoadbedConfig returns a configuration for Roadbed's own identity.
func (p *Plane) RoadbedConfig() *rest.Config { return rest.CopyConfig(p.roadbed) }

// KubeconfigFile is the administrator's kubeconfig file.
func (p *Plane) KubeconfigFile() string { return p.plan.layout.kubeconfig() }

// AuditLogFile is where the API server writes who did what.
func (p *Plane) AuditLogFile() string { return p.plan.layout.auditLog() }

// Wait returns when the plane has been stopped, or with ctx.
func (p *Plane) Wait(ctx context.Context) error {
	select {
	case <-p.stopped:
		return p.stopErr
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends the components in the reverse order of their start and gives the
// data directory free. Components that do not end in 15 seconds are killed;
// when ctx ends, all of them are, at once. It may be called more than once.
func (p *Plane) Stop(ctx context.Context) error {
	p.stopOnce.Do(func() {
		defer close(p.stopped)
		cut := context.AfterFunc(ctx, func() { _ = p.holding.Close() })
		defer cut()
		p.stopChildren()
		if p.state.Initialised {
			p.stopErr = p.state.remember(p.plan.layout)
		}
		p.stopErr = errors.Join(p.stopErr, p.release())
	})
	<-p.stopped
	return p.stopErr
}

func (p *Plane) stopChildren() {
	p.mu.Lock()
	stages := slices.Clone(p.stages)
	p.mu.Unlock()
	for _, stage := range slices.Backward(stages) {
		var stopping sync.WaitGroup
		for _, c := range stage {
			stopping.Go(c.stop)
		}
		stopping.Wait()
	}
}

// release closes what the plane holds open; the lock last.
func (p *Plane) release() error {
	var errs []error
	for _, log := range p.logs {
		errs = append(errs, log.Close())
	}
	for _, file := range []*os.File{p.holding, p.lifeline} {
		if file == nil {
			continue
		}
		if err := file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, p.lock.Close())...)
}
