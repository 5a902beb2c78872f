package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayapi "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gates"
	"github.com/roadbed-dev/roadbed/internal/app/kinds"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
)

// InstallOptions say what Install puts into a cluster and Manifests renders.
type InstallOptions struct {
	// Config reaches the API server as a cluster admin. Install needs it.
	Config *rest.Config
	// StaticGuards is true where the API server has the core guards as files
	// of its own; they are then not installed a second time.
	StaticGuards bool
	// Webhook is how the API server will reach the webhooks. Default WebhookService.
	Webhook WebhookMode
	// FeatureGates opens and closes feature gates by name, as in Options.
	FeatureGates map[string]bool
	// Settings are the platform's names; those that are empty get their defaults.
	Settings tenancy.Settings
	// Enforcement says who enforces policies beside a Kyverno, as in Options.
	Enforcement enforce.Enforcement
	// NoKyvernoKinds leaves Kyverno's kinds out of what Manifests renders.
	NoKyvernoKinds bool
	// GatewayReplicas is how many processes serve Gateways beside the server, with the
	// feature gate Gateway; GatewayPublic is what the statuses of Gateways then say,
	// by default the name of their Service.
	GatewayReplicas int32
	GatewayPublic   string
	// RedisSecret names a Secret of roadbed-system whose key "url" is that of a Redis
	// that budgets of rate limits are shared by. Default the server that leads.
	RedisSecret string
	// DatabaseSecret names a Secret of roadbed-system whose key "url" is that of a
	// PostgreSQL. Default the SQLite file on the server's volume.
	DatabaseSecret string
	// PullSecrets are Secrets of roadbed-system that Roadbed may read for policies
	// that name them.
	PullSecrets []string
	// NoReportsAPI leaves out the Deployment that serves policy reports as
	// Kubernetes objects. There is none without a DatabaseSecret either.
	NoReportsAPI bool
	// Image is what the Deployment runs. Default the released one.
	Image string
	// Deployment makes Install apply the Deployment as well, which Manifests
	// always renders. Left out where the server runs elsewhere.
	Deployment bool
	// Notice is told what a person should know of an installation, in whole
	// sentences. Default nobody.
	Notice func(sentence string)
	// Log hears what is done. Default slog.Default().
	Log *slog.Logger
}

func (o InstallOptions) withDefaults() InstallOptions {
	if o.Webhook == "" {
		o.Webhook = WebhookService
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Notice == nil {
		o.Notice = func(string) {}
	}
	o.Settings = o.Settings.WithDefaults()
	o.FeatureGates = gates.With(o.FeatureGates)
	return o
}

// Install prepares the cluster: kinds, rights, guards, webhook configuration,
// platform namespaces, policies and the shipped tiers. It may be called any
// number of times and then upgrades what it finds. A tier, a
// capability, or a policy that is not Mandatory, is left as it is: its owner may
// have changed it.
//
// It acts as Roadbed, with a cluster admin's rights, because the guards keep
// everybody else from changing what belongs to the platform: the API server's
// audit log shows who did so.
func Install(ctx context.Context, opts InstallOptions) error {
	opts = opts.withDefaults()
	if opts.Config == nil {
		return errors.New("install: no connection to an API server given")
	}
	c, err := ActingClient(opts.Config)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := kinds.Install(ctx, c); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := installForeign(ctx, c, opts); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	all := parts(opts)
	if opts.Deployment {
		all = append(all, part{"workload", workload(opts)})
	}
	for _, part := range all {
		if err := installPart(ctx, c, part, opts.Notice); err != nil {
			return fmt.Errorf("install: %w", err)
		}
		opts.Log.InfoContext(ctx, "installed", "part", part.name, "objects", len(part.objects))
	}
	return nil
}

func installPart(ctx context.Context, c client.Client, part part, notice func(string)) error {
	if part.name == capabilitiesPart {
		return capabilities.InstallShipped(ctx, c, capabilityHooks)
	}
	for _, object := range part.objects {
		err := installOne(ctx, c, part.name, object)
		if kind, foreign := lacking(err); foreign {
			notice(fmt.Sprintf("The cluster does not serve %s, so %s is not made: install Gateway API 1.5 or newer, and call this again.", kind, object.GetName()))
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// lacking is a kind of Gateway API's that the cluster has in other versions only,
// because somebody else installed an older one.
func lacking(err error) (kind string, foreign bool) {
	missing, is := errors.AsType[*meta.NoKindMatchError](err)
	if !is || missing.GroupKind.Group != gatewayapi.GroupName {
		return "", false
	}
	return missing.GroupKind.String() + " in " + strings.Join(missing.SearchedVersions, ", "), true
}

// installForeign installs the kinds of others that are absent.
func installForeign(ctx context.Context, c client.Client, opts InstallOptions) error {
	for _, foreign := range foreignKinds(InstallOptions{FeatureGates: opts.FeatureGates}) {
		others, err := foreign.Install(ctx, c)
		if err != nil {
			return err
		}
		if len(others) > 0 {
			opts.Log.InfoContext(ctx, "kinds of others are left as they are", "owner", foreign.Owner, "kinds", others)
			opts.Notice(fmt.Sprintf("%s's own kinds are in this cluster and are left as they are: %s.", foreign.Owner, strings.Join(others, ", ")))
		}
	}
	return nil
}

// ActingClient acts as Roadbed with the rights of the cluster admin whose
// connection it is.
func ActingClient(admin *rest.Config) (client.Client, error) {
	scheme, err := Scheme()
	if err != nil {
		return nil, err
	}
	acting := tuned(admin)
	acting.Impersonate = rest.ImpersonationConfig{UserName: identity.Roadbed, Groups: []string{"system:masters"}}
	c, err := client.New(acting, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	return c, nil
}

// capabilitiesPart are the capabilities that Roadbed brings along. They come
// before their webhook, which nobody answers while the platform is installed.
const capabilitiesPart = "capabilities"

// installOne applies an object. Tiers, policies that are not Mandatory, and
// namespaces of the platform that exist, are not ours to change.
func installOne(ctx context.Context, c client.Client, part string, object client.Object) error {
	fields, err := content(c.Scheme(), object)
	if err != nil {
		return err
	}
	loose := &unstructured.Unstructured{Object: fields}
	what := fmt.Sprintf("%s %q", loose.GetKind(), loose.GetName())
	if part == "tiers" || part == "catalogue" || part == "install" {
		if err := c.Create(ctx, loose); err != nil && !apierrors.IsAlreadyExists(err) {
			return fmt.Errorf("create %s: %w", what, err)
		}
		return nil
	}
	if part == "webhook" {
		// The server says where the webhooks are; the configuration must not
		// take that back.
		err := c.Get(ctx, client.ObjectKeyFromObject(loose), loose.DeepCopy())
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("read %s: %w", what, err)
		}
		if err == nil {
			return nil
		}
	}
	return kinds.Apply(ctx, c, loose, kinds.Manager)
}
