package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
	"github.com/roadbed-dev/roadbed/internal/standalone"
	"github.com/roadbed-dev/roadbed/test/server"
)

// patience is how long nothing at all may happen before a phase gives up.
const patience = time.Minute

// scheme knows every kind that is written or read here.
var scheme = func() *runtime.Scheme {
	s, err := app.Scheme()
	utilruntime.Must(err)
	return s
}()

// platform is a control plane of the run's own, with Roadbed's server once it
// was started.
type platform struct {
	plane   *standalone.Plane
	dir     string
	profile bool
	// admin acts as the cluster's administrator, self as Roadbed.
	admin, self client.Client

	server    *server.Process
	addresses server.Addresses
}

// onPlane runs a phase on a fresh control plane and stops that afterwards,
// whatever happens.
func (b *bench) onPlane(ctx context.Context, name string, admission []standalone.Manifest, phase func(context.Context, *platform) error) (err error) {
	b.say("%s: start a control plane", name)
	p := &platform{dir: filepath.Join(b.dir, name), profile: b.profile != ""}
	config := standalone.Config{DataDir: filepath.Join(p.dir, "plane"), Binary: b.kube, Admission: admission}
	if p.plane, err = standalone.Start(ctx, config); err != nil {
		return fmt.Errorf("start a control plane: %w", err)
	}
	defer func() { err = errors.Join(err, p.plane.Stop(context.WithoutCancel(ctx))) }()
	if p.admin, err = client.New(p.plane.AdminConfig(), client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if p.self, err = client.New(p.plane.RoadbedConfig(), client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	return phase(ctx, p)
}

func (p *platform) install(ctx context.Context) error {
	return app.Install(ctx, app.InstallOptions{
		Config: p.plane.AdminConfig(), StaticGuards: true, Webhook: app.WebhookLoopback,
		Log: slog.New(slog.DiscardHandler),
	})
}

// guardFiles are the core guards, as the embedded control plane gets them.
func guardFiles() []standalone.Manifest {
	var files []standalone.Manifest
	for _, file := range guards.Static() {
		files = append(files, standalone.Manifest{Name: file.Name, Data: file.Data})
	}
	return files
}

// startServer starts Roadbed and waits until it is ready.
func (p *platform) startServer(ctx context.Context) error {
	process, err := server.Start(server.Config{Cluster: p.plane.RoadbedConfig(), Dir: p.dir, Profile: p.profile})
	if err != nil {
		return err
	}
	p.server = process
	p.addresses, err = process.Ready(ctx)
	return err
}

func (p *platform) stopServer() { p.server.Kill() }

// profileTo writes a profile of the server into a file.
func (p *platform) profileTo(ctx context.Context, path, kind string) error {
	body, err := get(ctx, "http://"+p.addresses.Profile+"/debug/pprof/"+kind)
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	return os.WriteFile(path, body, 0o600)
}

// get reads what a server on this machine answers with 200.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, response.Status, body)
	}
	return body, err
}

// pause waits for d, or for less when the context ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
