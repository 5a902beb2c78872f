package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/config"
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
	// FeatureGates switches unfinished things on, by name, as in Options.
	FeatureGates map[string]bool
	// Settings are the platform's names; those that are empty get their defaults.
	Settings tenancy.Settings
	// Enforcement says who enforces policies beside a Kyverno, as in Options.
	Enforcement enforce.Enforcement
	// NoKyvernoKinds leaves Kyverno's kinds out of what Manifests renders.
	NoKyvernoKinds bool
	// DatabaseSecret names a Secret of roadbed-system whose key "url" is that of a
	// PostgreSQL. Default the SQLite file on the server's volume.
	DatabaseSecret string
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
	return o
}

// installManager owns the fields that an installation sets.
const installManager = "roadbed-install"

// Install prepares the cluster: kinds, rights, guards, webhook configuration,
// platform namespaces, policies and the shipped tiers. It may be called any
// number of times and then upgrades what it finds. A tier, or a policy that is
// not Mandatory, is left as it is: its owner may have changed it.
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
	if err := installKinds(ctx, c); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	others, err := installKyvernoKinds(ctx, c)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if len(others) > 0 {
		opts.Log.InfoContext(ctx, "kinds of Kyverno's own are left as they are", "kinds", others)
		opts.Notice(fmt.Sprintf("Kyverno's own kinds are in this cluster and are left as they are: %s.", strings.Join(others, ", ")))
	}
	all := parts(opts)
	if opts.Deployment {
		all = append(all, part{"workload", workload(opts)})
	}
	for _, part := range all {
		for _, object := range part.objects {
			if err := installOne(ctx, c, part.name, object); err != nil {
				return fmt.Errorf("install: %w", err)
			}
		}
		opts.Log.InfoContext(ctx, "installed", "part", part.name, "objects", len(part.objects))
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
	return applyLoose(ctx, c, loose)
}

// applyLoose applies an object as part of an installation.
func applyLoose(ctx context.Context, c client.Client, object *unstructured.Unstructured) error {
	return applyAs(ctx, c, object, installManager)
}

// applyAs applies an object for the manager of its fields.
func applyAs(ctx context.Context, c client.Client, object *unstructured.Unstructured, manager string) error {
	body, err := object.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encode %s %q: %w", object.GetKind(), object.GetName(), err)
	}
	patch := client.RawPatch(types.ApplyYAMLPatchType, body)
	if err := c.Patch(ctx, object, patch, client.FieldOwner(manager), client.ForceOwnership); err != nil {
		return fmt.Errorf("apply %s %q: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// installKinds applies the definitions of Roadbed's kinds and waits until the
// API server serves them.
func installKinds(ctx context.Context, c client.Client) error {
	text, err := crdText()
	if err != nil {
		return err
	}
	definitions, err := documents(text)
	if err != nil {
		return err
	}
	for _, definition := range definitions {
		if err := applyLoose(ctx, c, definition); err != nil {
			return err
		}
	}
	return allEstablished(ctx, c, definitions)
}

// allEstablished waits until kinds are served.
func allEstablished(ctx context.Context, c client.Client, definitions []*unstructured.Unstructured) error {
	for _, definition := range definitions {
		if err := established(ctx, c, definition); err != nil {
			return fmt.Errorf("wait for %q to be served: %w", definition.GetName(), err)
		}
	}
	return nil
}

// established waits until a kind is served.
func established(ctx context.Context, c client.Client, definition *unstructured.Unstructured) error {
	kind, _, err := unstructured.NestedString(definition.Object, "spec", "names", "kind")
	if err != nil {
		return err
	}
	group, _, err := unstructured.NestedString(definition.Object, "spec", "group")
	if err != nil {
		return err
	}
	version, err := firstVersion(definition)
	if err != nil {
		return err
	}
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion(group + "/" + version)
	list.SetKind(kind + "List")
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		err := c.List(ctx, list, client.Limit(1))
		if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) {
			return false, nil
		}
		return err == nil, err
	})
}

// firstVersion is the first of the versions that a definition serves.
func firstVersion(definition *unstructured.Unstructured) (string, error) {
	versions, _, err := unstructured.NestedSlice(definition.Object, "spec", "versions")
	if err != nil {
		return "", err
	}
	if len(versions) == 0 {
		return "", errors.New("it has no versions")
	}
	version, _ := versions[0].(map[string]any)
	name, _, err := unstructured.NestedString(version, "name")
	return name, err
}

// crdText are the definitions of all kinds as YAML documents.
func crdText() ([]byte, error) {
	files, err := fs.Glob(config.CRDs, "crds/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("find the kinds: %w", err)
	}
	var out bytes.Buffer
	for _, file := range files {
		text, err := config.CRDs.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the kinds: %w", err)
		}
		if !bytes.HasPrefix(text, []byte("---\n")) {
			out.WriteString("---\n")
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// documents parses YAML documents.
func documents(text []byte) ([]*unstructured.Unstructured, error) {
	var found []*unstructured.Unstructured
	for document := range bytes.SplitSeq(text, []byte("---\n")) {
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, fmt.Errorf("read a document: %w", err)
		}
		found = append(found, object)
	}
	return found, nil
}
