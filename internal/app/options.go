package app

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// WebhookMode says how the API server reaches the admission webhooks.
type WebhookMode string

// The webhook modes.
const (
	// WebhookLoopback serves on a free port of 127.0.0.1 with a certificate
	// that lives as long as the process. For an API server on this machine.
	WebhookLoopback WebhookMode = "loopback"
	// WebhookService serves behind the Service roadbed-webhook, with a
	// certificate kept in the Secret roadbed-webhook-cert.
	WebhookService WebhookMode = "service"
	// WebhookOff serves none. Wrong objects are then refused by the
	// controllers, a moment after they were written.
	WebhookOff WebhookMode = "off"
)

// Options say what Run runs, and where.
type Options struct {
	// Config reaches the API server as identity.Roadbed. Required.
	Config *rest.Config
	// TrailPath is the file that privileged actions are recorded in. Required.
	TrailPath string
	// AuditLog is the file that the API server writes its audit log into, where
	// that is a file of ours: uses of policy overrides are read from it.
	AuditLog string
	// Database keeps history, such as what policies say of objects: a postgres://
	// URL or the path of a SQLite file. Default history.db beside the trail.
	Database string
	// ReportsAPI serves policy reports to an API server on this machine.
	ReportsAPI bool
	// ExportDir is the directory that offboarded tenants' objects are written
	// to. Required.
	ExportDir string

	// HealthAddr serves /healthz, /readyz, /domains and the domains' routes.
	// Default 127.0.0.1:0, a free port.
	HealthAddr string
	// MetricsAddr serves /metrics; "0" serves none. Default 127.0.0.1:0.
	MetricsAddr string
	// Webhook is how the API server reaches the webhooks. Default WebhookLoopback.
	Webhook WebhookMode
	// WebhookPort is the port of WebhookService. Default 9443.
	WebhookPort int

	// LeaderElection lets several copies run, of which one works.
	LeaderElection bool
	// LeaseDuration is how long a copy that works and is not heard of any more
	// keeps the others from working. Default 15 s, as everywhere in Kubernetes.
	LeaseDuration time.Duration
	// Domains names the domains to run; empty means all.
	Domains []string
	// FeatureGates opens and closes feature gates by name; those that are not named
	// are as Gates says.
	FeatureGates map[string]bool
	// GatewayAddr is what Gateways listen on. Default 127.0.0.1, where ports below
	// 1024 become 8000 more.
	GatewayAddr netip.Addr
	// GatewayPort says which port is listened on for one that a Gateway names. Default
	// as GatewayAddr says. It MUST always say the same, and be safe for concurrent use.
	GatewayPort func(port int32) uint16
	// Gateway says how the gateway serves.
	Gateway GatewayTuning
	// LeasesAddr is where other processes of the gateway reach this one while it
	// leads. Default 127.0.0.1:0, a free port.
	LeasesAddr netip.AddrPort
	// Settings are the tenancy domain's names of platform namespaces and the
	// like. The zero value means the defaults.
	Settings tenancy.Settings
	// ExportSecrets writes the values of Secrets into exports as well.
	ExportSecrets bool

	// Enforcement says who enforces policies beside a Kyverno. Default
	// enforce.EnforceAuto.
	Enforcement enforce.Enforcement

	// PolicyServices are the URLs that policies may ask, with what is below them;
	// none for no requests at all.
	PolicyServices []string

	// ImageTrustedRoot is a file with the roots of certificates and the keys of
	// logs that vouch for keyless signatures of images: a trusted_root.json of
	// Sigstore. Empty for none.
	ImageTrustedRoot string

	// Ready is called once, when every cache is filled and every controller
	// reconciles. Optional.
	Ready func(Endpoints)
	// Log is the program's logger. Default slog.Default().
	Log *slog.Logger
	// Clock is the program's only clock. Default the real one.
	Clock clock.WithTicker
}

// Endpoints are the addresses that Run serves on, as host:port.
type Endpoints struct {
	Health, Metrics, Webhook string
	// Platform is where claims are served over HTTP: what port 80 of Gateways became
	// on this machine. Empty where the API is reached otherwise, or not at all.
	Platform string
}

// minLease is the shortest lease: leases are counted in whole seconds.
const minLease = time.Second

// withDefaults returns the options with every default filled in.
func (o Options) withDefaults() Options {
	o.FeatureGates = gates.With(o.FeatureGates)
	o.HealthAddr = cmp.Or(o.HealthAddr, "127.0.0.1:0")
	o.MetricsAddr = cmp.Or(o.MetricsAddr, "127.0.0.1:0")
	o.Webhook = cmp.Or(o.Webhook, WebhookLoopback)
	o.WebhookPort = cmp.Or(o.WebhookPort, 9443)
	if !o.GatewayAddr.IsValid() {
		o.GatewayAddr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if !o.LeasesAddr.IsValid() {
		o.LeasesAddr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	}
	o.LeaseDuration = cmp.Or(o.LeaseDuration, 15*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	return o
}

// validate says what is missing or unknown.
func (o Options) validate() error {
	var errs []error
	if o.Config == nil {
		errs = append(errs, errors.New("no connection to an API server given"))
	}
	if o.TrailPath == "" {
		errs = append(errs, errors.New("no file for the trail of privileged actions given"))
	}
	if o.ExportDir == "" {
		errs = append(errs, errors.New("no directory for exports given"))
	}
	if modes := []WebhookMode{WebhookLoopback, WebhookService, WebhookOff}; !slices.Contains(modes, o.Webhook) {
		errs = append(errs, fmt.Errorf("unknown webhook mode %q: use one of %v", o.Webhook, modes))
	}
	if o.LeaseDuration < minLease {
		errs = append(errs, fmt.Errorf("a lease of %v is too short to be renewed in time: use at least %v", o.LeaseDuration, minLease))
	}
	if o.Enforcement != "" && !slices.Contains(enforce.Enforcements(), o.Enforcement) {
		errs = append(errs, fmt.Errorf("unknown policy enforcement %q: use one of %v", o.Enforcement, enforce.Enforcements()))
	}
	if o.LeasesAddr.Addr().IsUnspecified() {
		errs = append(errs, fmt.Errorf("other processes of the gateway cannot reach this one at %s: give the address that they use", o.LeasesAddr.Addr()))
	}
	errs = append(errs, gates.Check(o.FeatureGates), o.Gateway.Spans.Validate())
	for _, name := range o.Domains {
		if !slices.Contains(domainNames, name) {
			errs = append(errs, fmt.Errorf("unknown domain %q: use some of %v", name, domainNames))
		}
	}
	return errors.Join(errs...)
}
