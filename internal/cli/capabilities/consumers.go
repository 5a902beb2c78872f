package capabilities

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/duration"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/running"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/consumers"
)

// consumer is somebody who uses a version, or has claimed it.
type consumer struct {
	Version   string     `json:"version"`
	Tenant    string     `json:"tenant,omitempty"`
	Client    string     `json:"client,omitempty"`
	Operation string     `json:"operation,omitempty"`
	Last      *time.Time `json:"lastUse,omitempty"`
	Claim     string     `json:"claim,omitempty"`
}

func (p *program) consumersVerb() *cobra.Command {
	out := verb.NewOutput(verb.FormatTable, verb.FormatJSON, verb.FormatYAML)
	version, server := "", ""
	cmd := &cobra.Command{
		Use: "consumers NAME", Short: "Name who claims and uses each version",
		Long: `Name who used each version through the gateway in the last 90 days, by which operation
and when last, and the claims of each version. They are whom to talk to before a version
is removed: a refusal to remove it names them too.

The server is asked, which knows of a use within five seconds. It answers whom RBAC
lets get capabilities/consumers. Where it cannot be asked, what the cluster has
stored is shown, to the hour, and how old it is.`,
		Example: "  roadbed capability consumers database\n  roadbed capability consumers database --version v1 -o json",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: p.names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := p.consumers(cmd.Context(), args[0], version, server)
			if err != nil {
				return err
			}
			return out.Print(p.Out, all, func() error { return p.consumersTable(all) })
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "only those of this version")
	cmd.Flags().StringVar(&server, "server", "", running.ServerUsage)
	out.AddFlag(cmd)
	return cmd
}

// consumers are those who use a capability, and its claims, by version.
func (p *program) consumers(ctx context.Context, name, version, server string) ([]consumer, error) {
	c, found, err := p.read(ctx, name)
	if err != nil {
		return nil, err
	}
	if version != "" && capability.Version(found, version) == nil {
		return nil, verb.Usagef("--version: capability %q has no version %q", name, version)
	}
	users, err := p.users(ctx, c, found, server)
	if err != nil {
		return nil, err
	}
	claims, err := claimsOf(ctx, c, found)
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(append(users, claims...), func(each consumer) bool { return version != "" && each.Version != version })
	slices.SortStableFunc(all, func(a, b consumer) int { return cmp.Compare(a.Version, b.Version) })
	return all, nil
}

// users are those who used a capability through the gateway: as the server knows
// them now, and else as it stored them.
func (p *program) users(ctx context.Context, c client.Client, found *v1alpha1.Capability, server string) ([]consumer, error) {
	var told consumers.List
	err := running.Ask(ctx, p.Program, running.Question{
		Server: server, Path: consumers.Path, Query: url.Values{"capability": {found.Name}}, Audience: consumers.Audience,
	}, &told)
	if err != nil && server != "" {
		return nil, err
	}
	if err != nil {
		return p.storedUsers(ctx, c, found, err)
	}
	all := []consumer{}
	for _, each := range told.Items {
		all = append(all, consumerOf(each.Version, each.Consumer))
	}
	return all, nil
}

func consumerOf(version string, user capability.Consumer) consumer {
	return consumer{Version: version, Tenant: user.Tenant, Client: user.Client, Operation: user.Operation, Last: new(user.Last)}
}

// storedUsers are those who used a capability as the cluster has them stored. It
// says why, and how old that may be.
func (p *program) storedUsers(ctx context.Context, c client.Client, found *v1alpha1.Capability, why error) ([]consumer, error) {
	named := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: capability.Settings{}.WithDefaults().Namespace, Name: capability.ConsumersName(found)}
	err := c.Get(ctx, key, named)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("read who uses capability %q: %w", found.Name, err)
	}
	fmt.Fprintf(p.Err, "The server was not asked: %v.\nShown is what the cluster has stored of uses: %s.\n", why, p.ageOf(named))
	byVersion, err := capability.ReadConsumers(named)
	if err != nil {
		return nil, err
	}
	all := []consumer{}
	for version, users := range byVersion {
		for _, user := range users {
			all = append(all, consumerOf(version, user))
		}
	}
	return all, nil
}

// ageOf says how old the stored uses are: the server rewrites them within a minute
// when somebody new comes or an hour begins, and while it runs.
func (p *program) ageOf(stored *corev1.ConfigMap) string {
	var written time.Time
	for _, field := range stored.ManagedFields {
		if field.Time != nil && field.Time.After(written) {
			written = field.Time.Time
		}
	}
	if written.IsZero() {
		return "nothing yet"
	}
	return fmt.Sprintf("last written %s ago, at %s, with times to the hour; later uses may be missing",
		duration.HumanDuration(p.Clock.Since(written)), written.UTC().Format(time.RFC3339))
}

// claimsOf are the claims of a capability.
func claimsOf(ctx context.Context, c client.Client, found *v1alpha1.Capability) ([]consumer, error) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(capability.Kind(found, capability.Storage(found).Name))
	err := c.List(ctx, list)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil, nil // It is not served yet.
	}
	if err != nil {
		return nil, fmt.Errorf("list claims of capability %q: %w", found.Name, err)
	}
	var all []consumer
	for i := range list.Items {
		version, _, _ := unstructured.NestedString(list.Items[i].Object, "status", "version")
		all = append(all, consumer{
			Version: cmp.Or(version, capability.Storage(found).Name), Claim: list.Items[i].GetNamespace() + "/" + list.Items[i].GetName(),
		})
	}
	return all, nil
}

func (p *program) consumersTable(all []consumer) error {
	rows := make([][]string, 0, len(all))
	for _, each := range all {
		last := "-"
		if each.Last != nil {
			last = each.Last.UTC().Format(time.RFC3339)
		}
		or := func(text string) string { return cmp.Or(text, "-") }
		rows = append(rows, []string{each.Version, or(each.Tenant), or(each.Client), or(each.Operation), last, or(each.Claim)})
	}
	return verb.Table(p.Out, []string{"VERSION", "TENANT", "CLIENT", "OPERATION", "LAST USE", "CLAIM"}, rows)
}
