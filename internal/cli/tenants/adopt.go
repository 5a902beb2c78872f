package tenants

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// adoption is what the adopt verb was asked.
type adoption struct {
	namespace, tenant, environment string
	yes                            bool
	out                            *verb.Output
	waitFlags
}

func (p *program) tenantAdoptVerb() *cobra.Command {
	a := adoption{out: verb.ResultOutput()}
	cmd := &cobra.Command{
		Use:   "adopt NAMESPACE --tenant TENANT",
		Short: "Take an existing namespace into a tenant",
		Long: `Take an existing namespace into a tenant that exists. First the plan is shown: what
the namespace holds, what is added to it and what changes. Nothing that runs is
restarted. Then you are asked, or --yes answers.

The namespace keeps its name. Within the tenant it is called what --as says, by
default the end of its name. With -o the tenant is printed in the end, and the plan
goes to standard error.`,
		Example: `  roadbed tenant adopt legacy-payments --tenant payments --as legacy
  roadbed tenant adopt legacy-payments --tenant payments --yes`,
		Args: cobra.ExactArgs(1),
		ValidArgsFunction: verb.First(p.CompleteNames(func() client.ObjectList {
			return &corev1.NamespaceList{}
		})),
		RunE: func(cmd *cobra.Command, names []string) error {
			a.namespace = names[0]
			if a.tenant == "" {
				return verb.Usagef("--tenant must be given")
			}
			return p.adopt(cmd.Context(), a)
		},
	}
	cmd.Flags().StringVar(&a.tenant, "tenant", "", "tenant that takes the namespace")
	cmd.Flags().StringVar(&a.environment, "as", "", "name of the namespace within the tenant")
	cmd.Flags().BoolVar(&a.yes, "yes", false, "do it without asking")
	a.waitFlags.add(cmd, tenantTimeout)
	a.out.AddFlag(cmd)
	verb.CompleteFlag(cmd, "tenant", p.TenantNames())
	return cmd
}

func (p *program) adopt(ctx context.Context, a adoption) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	var ns corev1.Namespace
	if err := c.Get(ctx, client.ObjectKey{Name: a.namespace}, &ns); err != nil {
		return fmt.Errorf("get namespace %q: %w", a.namespace, err)
	}
	var t tenancyv1.Tenant
	if err := c.Get(ctx, client.ObjectKey{Name: a.tenant}, &t); err != nil {
		return fmt.Errorf("get tenant %q: %w", a.tenant, err)
	}
	if owner := ns.Labels[tenancyv1.LabelTenant]; owner != "" {
		return fmt.Errorf("namespace %q belongs to tenant %q already", a.namespace, owner)
	}
	wanted, err := withAdopted(ctx, c, &t, a)
	if err != nil {
		return err
	}
	told := &program{a.out.Told(p.Program)}
	if err := told.showAdoption(ctx, c, wanted, &ns); err != nil {
		return err
	}
	if !a.yes {
		if err := p.Confirm(fmt.Sprintf("Tenant %q takes namespace %q.", a.tenant, a.namespace), "yes", "--yes"); err != nil {
			return err
		}
	}
	if err := c.Patch(ctx, wanted, client.MergeFromWithOptions(&t, client.MergeFromWithOptimisticLock{}), manifest.FieldOwner); err != nil {
		return manifest.Document{Object: withTenantKind(wanted)}.Refused(err)
	}
	fmt.Fprintf(told.Out, "%s configured\n", manifest.FullName(withTenantKind(wanted)))
	return p.conclude(ctx, c, a.waitFlags, a.out, []string{a.tenant})
}

// withAdopted is the tenant with the namespace among its own. A tenant with one
// unnamed namespace keeps it, under the name main.
func withAdopted(ctx context.Context, c client.Client, t *tenancyv1.Tenant, a adoption) (*tenancyv1.Tenant, error) {
	environment := a.environment
	if environment == "" {
		environment = environmentOf(a.namespace, t.Name)
	}
	wanted := t.DeepCopy()
	if slices.ContainsFunc(t.Spec.Namespaces, func(n tenancyv1.TenantNamespace) bool { return n.Name == environment }) {
		return nil, fmt.Errorf("tenant %q has a namespace %q already: choose another name with --as", t.Name, environment)
	}
	if len(t.Spec.Namespaces) == 0 {
		only := tenancy.Places(t)[0].Namespace
		err := c.Get(ctx, client.ObjectKey{Name: only}, &corev1.Namespace{})
		switch {
		case err == nil:
			wanted.Spec.Namespaces = append(wanted.Spec.Namespaces, tenancyv1.TenantNamespace{Name: "main", Adopt: only})
		case !apierrors.IsNotFound(err):
			return nil, fmt.Errorf("get namespace %q: %w", only, err)
		}
	}
	wanted.Spec.Namespaces = append(wanted.Spec.Namespaces, tenancyv1.TenantNamespace{Name: environment, Adopt: a.namespace})
	return wanted, nil
}

// environmentOf is a namespace's name without the tenant's, as short as the API
// demands.
func environmentOf(namespace, tenant string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(namespace, "tenant-"), tenant+"-")
	const longest = 15
	if len(name) > longest {
		name = name[len(name)-longest:]
	}
	return strings.Trim(name, "-")
}

func withTenantKind(t *tenancyv1.Tenant) *tenancyv1.Tenant {
	t.SetGroupVersionKind(tenancyv1.GroupVersion.WithKind("Tenant"))
	return t
}

// showAdoption prints what the namespace holds and what would change. What the
// cluster has to say of pods below the Pod Security level comes as warnings.
func (p *program) showAdoption(ctx context.Context, c client.Client, t *tenancyv1.Tenant, ns *corev1.Namespace) error {
	w, err := p.liveWorld(ctx, c)
	if err != nil {
		return err
	}
	if err := validate(ctx, manifest.Document{Object: withTenantKind(t)}, w); err != nil {
		return err
	}
	changes, err := p.plannedChanges(ctx, c, t, w)
	if err != nil {
		return err
	}
	held, err := holdingsOf(ctx, c, ns.Name)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.Out, "Namespace %s holds %s. None of it is restarted or deleted.\n\n", ns.Name, held.summary())
	if err := p.warnOfOpenings(ctx, c, ns.Name); err != nil {
		return err
	}
	manifest.PrintChanges(p.Program, changes)
	return p.tryPodSecurity(ctx, c, ns, w.Tiers[t.Spec.Tier])
}

// warnOfOpenings names what the namespace keeps beside what Roadbed adds:
// network policies and bindings add up, so these may open what it closes.
func (p *program) warnOfOpenings(ctx context.Context, c client.Client, namespace string) error {
	var kept []string
	var policies networkingv1.NetworkPolicyList
	if err := c.List(ctx, &policies, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list network policies of namespace %q: %w", namespace, err)
	}
	for i := range policies.Items {
		kept = append(kept, "networkpolicy/"+policies.Items[i].Name)
	}
	var bindings rbacv1.RoleBindingList
	if err := c.List(ctx, &bindings, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("list role bindings of namespace %q: %w", namespace, err)
	}
	for i := range bindings.Items {
		kept = append(kept, fmt.Sprintf("rolebinding/%s (to %s)", bindings.Items[i].Name, bindings.Items[i].RoleRef.Name))
	}
	if len(kept) > 0 {
		fmt.Fprintf(p.Out, "It keeps these, which may open more than a tenant's may: look at each, and delete what is not needed:\n  %s\n\n", strings.Join(kept, "\n  "))
	}
	return nil
}

// tryPodSecurity asks the cluster, as a dry run, which running pods fall below
// the tier's Pod Security level.
func (p *program) tryPodSecurity(ctx context.Context, c client.Client, ns *corev1.Namespace, tier *tenancyv1.Tier) error {
	labelled := ns.DeepCopy()
	if labelled.Labels == nil {
		labelled.Labels = map[string]string{}
	}
	labelled.Labels["pod-security.kubernetes.io/enforce"] = tier.Spec.PodSecurity
	err := c.Patch(ctx, labelled, client.MergeFrom(ns), client.DryRunAll)
	if err != nil && !apierrors.IsForbidden(err) {
		return fmt.Errorf("try Pod Security level %s on namespace %q: %w", tier.Spec.PodSecurity, ns.Name, err)
	}
	if err != nil {
		fmt.Fprintf(p.Err, "Whether its pods keep Pod Security level %s was not tried: you may not change the namespace.\n", tier.Spec.PodSecurity)
	}
	return nil
}
