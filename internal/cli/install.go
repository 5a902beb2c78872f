package cli

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/enforce"
)

// installFlags say what is installed.
type installFlags struct {
	apply, diff bool
	kyverno     bool
	enforcement string
	image       string
	database    string
	pullSecrets []string
	reportsAPI  bool
	redis       string
	gateways    int32
	entrance    string
	gates       []string
	ranges      []string
}

func (p *program) installVerb() *cobra.Command {
	var f installFlags
	cmd := &cobra.Command{
		Use:     "install",
		GroupID: verb.GroupCluster,
		Short:   "Print or apply what a cluster needs to run the platform",
		Long: `Print, as YAML, what a cluster needs to run the platform: the definitions of its
kinds, roles, native admission policies, the webhook configuration, the shipped tiers,
and a Deployment of the server. With --apply it is applied; that may be done any number
of times and upgrades what is there. Tiers that exist are left as they are. The kinds
of Kyverno's policies are made where they are absent; Kyverno's own are left alone.

--apply needs a cluster admin: it acts as Roadbed, because the policies keep everybody
else from changing what belongs to the platform. With --diff nothing is changed, what
would be is shown, and the exit code is 3 when there is a difference.`,
		Example: `  roadbed install > roadbed.yaml
  roadbed install --diff
  roadbed install --apply --image registry.corp.example/roadbed:1.0 --cluster-cidr 10.244.0.0/16,10.96.0.0/12`,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts, err := f.options()
			if err != nil {
				return err
			}
			return p.install(cmd.Context(), f, opts)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.apply, "apply", false, "apply it to the cluster instead of printing it")
	flags.BoolVar(&f.diff, "diff", false, "show how the cluster differs from it")
	flags.BoolVar(&f.kyverno, "kyverno-kinds", true, "print Kyverno's kinds; false beside a Kyverno, which brings its own, as --apply finds out by itself")
	flags.StringVar(&f.enforcement, "policy-enforcement", string(enforce.EnforceAuto), "who enforces policies of Kyverno's kinds: auto, roadbed or kyverno")
	flags.StringVar(&f.database, "database-secret", "", "Secret in roadbed-system whose key \"url\" is that of a PostgreSQL for history; the server keeps it in a file when not given")
	flags.StringSliceVar(&f.pullSecrets, "pull-secrets", nil, "pull secrets in roadbed-system that Roadbed may read for policies that name them")
	flags.BoolVar(&f.reportsAPI, "reports-api", true, "serve policy reports as Kubernetes objects, by a Deployment of its own; needs --database-secret")
	flags.Int32Var(&f.gateways, "gateway-replicas", 2, "number of processes that serve Gateways, with the feature gate Gateway; 0 leaves that to the server")
	flags.StringVar(&f.entrance, "gateway-public-address", "", "what the statuses of Gateways say, an IP address or a host name; the Service's when not given")
	flags.StringVar(&f.redis, "rate-limit-redis-secret", "", "Secret in roadbed-system whose key \"url\" is that of a Redis that budgets of rate limits are shared by; the server that leads shares them when not given")
	flags.StringVar(&f.image, "image", "", "image of the Deployment; the released one when not given")
	gatesFlag(cmd, &f.gates)
	rangesFlag(flags, &f.ranges)
	cmd.MarkFlagsMutuallyExclusive("apply", "diff")
	completeEnforcement(cmd)
	return cmd
}

func (f installFlags) options() (app.InstallOptions, error) {
	opts := app.InstallOptions{
		Image: f.image, DatabaseSecret: f.database, PullSecrets: f.pullSecrets, NoReportsAPI: !f.reportsAPI, Deployment: true, Webhook: app.WebhookService,
		GatewayReplicas: f.gateways, GatewayPublic: f.entrance, RedisSecret: f.redis,
		NoKyvernoKinds: !f.kyverno || f.diff, Enforcement: enforce.Enforcement(f.enforcement),
	}
	if f.gateways < 0 {
		return opts, verb.Usagef("--gateway-replicas must not be negative")
	}
	if !slices.Contains(enforce.Enforcements(), opts.Enforcement) {
		return opts, verb.Usagef("--policy-enforcement %s: must be one of %v", f.enforcement, enforce.Enforcements())
	}
	var err error
	if opts.FeatureGates, err = parseGates(f.gates); err != nil {
		return opts, err
	}
	opts.Settings, err = platformSettings(f.ranges)
	return opts, err
}

func (p *program) install(ctx context.Context, f installFlags, opts app.InstallOptions) error {
	if f.apply {
		config, err := p.RestConfig()
		if err != nil {
			return err
		}
		opts.Config = config
		opts.Log = slog.New(slog.DiscardHandler)
		var notices []string
		opts.Notice = func(sentence string) { notices = append(notices, sentence) }
		if err := p.Slowly("installing", func() error { return app.Install(ctx, opts) }); err != nil {
			return err
		}
		for _, notice := range notices {
			fmt.Fprintln(p.Out, notice)
		}
		_, err = fmt.Fprintln(p.Out, "Installed. \"roadbed doctor\" says what is still missing.")
		return err
	}
	manifests, err := app.Manifests(opts)
	if err != nil {
		return err
	}
	if f.diff {
		return p.diffManifests(ctx, manifests)
	}
	_, err = p.Out.Write(manifests)
	return err
}

// diffManifests compares the cluster with YAML documents.
func (p *program) diffManifests(ctx context.Context, manifests []byte) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	objects, err := splitManifests(manifests)
	if err != nil {
		return err
	}
	return manifest.Show(ctx, &p.Program, c, objects)
}

// splitManifests reads the documents that this program itself wrote.
func splitManifests(text []byte) ([]manifest.Document, error) {
	var documents []manifest.Document
	for part := range bytes.SplitSeq(text, []byte("---\n")) {
		if len(bytes.TrimSpace(part)) == 0 {
			continue
		}
		loose := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(part, &loose.Object); err != nil {
			return nil, fmt.Errorf("read what is to be installed: %w", err)
		}
		documents = append(documents, manifest.Document{Object: loose})
	}
	return documents, nil
}
