package reportapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/kubernetes"
	clientrest "k8s.io/client-go/rest"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/utils/clock"
)

// Deps are what a Server needs. All are required.
type Deps struct {
	// Client asks the cluster's API server who may do what.
	Client kubernetes.Interface
	Store  Store
	Clock  clock.WithTicker
	Log    *slog.Logger
}

// Server serves reports.
type Server struct {
	deps    Deps
	access  *access
	handler http.Handler
	stop    chan struct{}
	once    sync.Once
}

// New returns a server that serves nothing until Serve. It asks the cluster how
// it vouches for who asks.
func New(ctx context.Context, deps Deps) (*Server, error) {
	s := &Server{deps: deps, stop: make(chan struct{})}
	var err error
	if s.access, err = newAccess(ctx, deps.Client); err != nil {
		return nil, fmt.Errorf("make the API server of reports: %w", err)
	}
	if s.handler, err = s.build(); err != nil {
		return nil, fmt.Errorf("make the API server of reports: %w", err)
	}
	return s, nil
}

// build makes the generic API server with the kinds of reports.
func (s *Server) build() (http.Handler, error) {
	scheme, err := newScheme()
	if err != nil {
		return nil, err
	}
	codecs := serializer.NewCodecFactory(scheme)
	config := genericapiserver.NewConfig(codecs)
	config.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	config.ExternalAddress = "localhost:443" // it is told to nobody
	config.LoopbackClientConfig = &clientrest.Config{}
	config.EnableIndex, config.EnableProfiling, config.EnableMetrics = false, false, false
	config.Authentication.Authenticator = s.access.authenticator
	config.Authentication.RequestHeaderConfig = s.access.headers
	config.Authorization.Authorizer = s.access.authorizer
	// Nothing is written, so the server itself needs no schemas: see openAPI.
	config.OpenAPIV3Config = &common.OpenAPIV3Config{IgnorePrefixes: []string{"/"}, GetDefinitions: noDefinitions}
	config.SkipOpenAPIInstallation = true
	server, err := config.Complete(nil).New("roadbed-reports", genericapiserver.NewEmptyDelegate())
	if err != nil {
		return nil, err
	}
	if err := server.InstallAPIGroups(s.groups(scheme, codecs)...); err != nil {
		return nil, err
	}
	server.PrepareRun()
	explained, err := openAPI()
	if err != nil {
		return nil, err
	}
	return onlyAPIs(server.Handler, explained), nil
}

func noDefinitions(common.ReferenceCallback) map[string]common.OpenAPIDefinition { return nil }

// groups are the kinds with what serves them.
func (s *Server) groups(scheme *runtime.Scheme, codecs serializer.CodecFactory) []*genericapiserver.APIGroupInfo {
	var all []*genericapiserver.APIGroupInfo
	for _, version := range Versions() {
		group := genericapiserver.NewDefaultAPIGroupInfo(version.Group, scheme, runtime.NewParameterCodec(scheme), codecs)
		resources := map[string]rest.Storage{}
		for _, k := range kinds() {
			if k.version == version {
				resources[k.plural] = &storage{kind: k, store: s.deps.Store, clock: s.deps.Clock, stop: s.stop}
			}
		}
		group.VersionedResourcesStorageMap[version.Version] = resources
		all = append(all, &group)
	}
	return all
}

// onlyAPIs serves what the cluster's API server asks for, and nothing else that
// a generic server has.
func onlyAPIs(next, explained http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == openAPIPath || strings.HasPrefix(r.URL.Path, openAPIPath+"/") {
			explained.ServeHTTP(w, r)
			return
		}
		if r.URL.Path != "/apis" && !strings.HasPrefix(r.URL.Path, "/apis/") {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Handler serves the API to clients that TLS has told who they are.
func (s *Server) Handler() http.Handler { return s.handler }

// drain is how long requests may take to end.
const drain = 5 * time.Second

// Serve serves on the listener until the context ends, and closes it. The
// certificate is asked for at each connection.
func (s *Server) Serve(ctx context.Context, listener net.Listener, certificate func() *tls.Certificate) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.access.follow(ctx)
	web := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(s.deps.Log.Handler(), slog.LevelDebug),
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12,
			// Who it is that the certificate names is for the authenticator to say.
			ClientAuth:     tls.RequestClientCert,
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return certificate(), nil },
		},
	}
	drained := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(drained)
		s.endWatches()
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		if web.Shutdown(grace) != nil {
			_ = web.Close() // What outlived the grace period is cut off.
		}
	})
	err := web.ServeTLS(listener, "", "")
	if !stop() {
		<-drained
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve reports: %w", err)
	}
	return nil
}

func (s *Server) endWatches() { s.once.Do(func() { close(s.stop) }) }
