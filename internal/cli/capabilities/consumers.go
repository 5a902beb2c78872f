package capabilities

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/capability"
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
	version := ""
	cmd := &cobra.Command{
		Use: "consumers NAME", Short: "Name who claims and uses each version",
		Long: `Name who used each version through the gateway in the last 90 days, by which operation
and, to the hour, when last, and the claims of each version. They are whom to talk to
before a version is removed: a refusal to remove it names them too.`,
		Example: "  roadbed capability consumers database\n  roadbed capability consumers database --version v1 -o json",
		Args:    cobra.ExactArgs(1), ValidArgsFunction: p.names(),
		RunE: func(cmd *cobra.Command, args []string) error {
			all, err := p.consumers(cmd.Context(), args[0], version)
			if err != nil {
				return err
			}
			return out.Print(p.Out, all, func() error { return p.consumersTable(all) })
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "only those of this version")
	out.AddFlag(cmd)
	return cmd
}

// consumers are those who use a capability, and its claims, by version.
func (p *program) consumers(ctx context.Context, name, version string) ([]consumer, error) {
	c, found, err := p.read(ctx, name)
	if err != nil {
		return nil, err
	}
	if version != "" && capability.Version(found, version) == nil {
		return nil, verb.Usagef("--version: capability %q has no version %q", name, version)
	}
	users, err := namedUsers(ctx, c, found)
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

// namedUsers are those who used a capability through the gateway.
func namedUsers(ctx context.Context, c client.Client, found *v1alpha1.Capability) ([]consumer, error) {
	named := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: capability.Settings{}.WithDefaults().Namespace, Name: capability.ConsumersName(found)}
	if err := c.Get(ctx, key, named); apierrors.IsNotFound(err) {
		return []consumer{}, nil
	} else if err != nil {
		return nil, fmt.Errorf("read who uses capability %q: %w", found.Name, err)
	}
	byVersion, err := capability.ReadConsumers(named)
	if err != nil {
		return nil, err
	}
	all := []consumer{}
	for version, users := range byVersion {
		for _, user := range users {
			all = append(all, consumer{Version: version, Tenant: user.Tenant, Client: user.Client, Operation: user.Operation, Last: new(user.Last)})
		}
	}
	return all, nil
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
