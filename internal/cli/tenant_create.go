package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// tenantTimeout is how long a verb waits for a tenant by default.
const tenantTimeout = 2 * time.Minute

// tenantFlags say what a tenant is.
type tenantFlags struct {
	unit, tier, owner, costCenter, dataClass, model, displayName string

	jurisdictions, namespaces, registries []string
	admins, developers, viewers           []string
	quota                                 map[string]string
}

func (f *tenantFlags) add(p *program, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.unit, "business-unit", "", "business unit that the tenant belongs to")
	flags.StringVar(&f.tier, "tier", "", "risk class")
	flags.StringVar(&f.owner, "owner", "", "team that answers for the tenant")
	flags.StringVar(&f.costCenter, "cost-center", "", "what usage is charged to")
	flags.StringSliceVar(&f.jurisdictions, "jurisdiction", nil, "places where data may live, the first being that of namespaces that name none")
	flags.StringSliceVar(&f.namespaces, "namespaces", nil, "names such as dev,staging,prod; none means one namespace tenant-NAME")
	flags.StringSliceVar(&f.admins, "admin", nil, "group that manages the tenant, or user:NAME")
	flags.StringSliceVar(&f.developers, "developer", nil, "group that deploys and debugs, or user:NAME")
	flags.StringSliceVar(&f.viewers, "viewer", nil, "group that reads everything but Secrets, or user:NAME")
	flags.StringToStringVar(&f.quota, "quota", nil, "quota laid over the tier's, such as requests.cpu=8,pods=50")
	flags.StringSliceVar(&f.registries, "registry", nil, "image prefixes that pods may use; none means any")
	flags.StringVar(&f.dataClass, "data-class", "", "Public, Internal, Confidential or Restricted")
	flags.StringVar(&f.model, "model", "", "isolation model; the tier's default when not given")
	flags.StringVar(&f.displayName, "display-name", "", "name that people use")
	completeFlag(cmd, "business-unit", p.unitNames())
	completeFlag(cmd, "tier", p.tierNames())
	completeFlag(cmd, "data-class", completeFixed("Public", "Internal", "Confidential", "Restricted"))
	completeFlag(cmd, "model", completeFixed(string(tenancyv1.ModelNamespace), string(tenancyv1.ModelSharedNamespace)))
}

// tenant is what the flags say, or which required ones are missing.
func (f *tenantFlags) tenant(name string) (*tenancyv1.Tenant, error) {
	var missing []string
	for _, required := range []struct {
		flag  string
		given bool
	}{
		{"--business-unit", f.unit != ""},
		{"--tier", f.tier != ""},
		{"--owner", f.owner != ""},
		{"--cost-center", f.costCenter != ""},
		{"--jurisdiction", len(f.jurisdictions) > 0},
	} {
		if !required.given {
			missing = append(missing, required.flag)
		}
	}
	if len(missing) > 0 {
		return nil, usageErrorf("%s must be given, or a file with -f", strings.Join(missing, ", "))
	}
	quota, err := quantities("quota", f.quota)
	if err != nil {
		return nil, err
	}
	t := &tenancyv1.Tenant{
		TypeMeta:   metav1.TypeMeta{APIVersion: tenancyv1.GroupVersion.String(), Kind: "Tenant"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: tenancyv1.TenantSpec{
			DisplayName: f.displayName, Owner: f.owner, BusinessUnit: f.unit, Tier: f.tier,
			Jurisdictions: f.jurisdictions, CostCenter: f.costCenter, DataClass: f.dataClass,
			Model: tenancyv1.IsolationModel(f.model), Quota: quota, Registries: f.registries,
			Access: tenancyv1.TenantAccess{Admins: people(f.admins), Developers: people(f.developers), Viewers: people(f.viewers)},
		},
	}
	for _, name := range f.namespaces {
		t.Spec.Namespaces = append(t.Spec.Namespaces, tenancyv1.TenantNamespace{Name: name})
	}
	return t, nil
}

func quantities(flag string, given map[string]string) (corev1.ResourceList, error) {
	if len(given) == 0 {
		return nil, nil
	}
	list := corev1.ResourceList{}
	for name, text := range given {
		amount, err := resource.ParseQuantity(text)
		if err != nil {
			return nil, usageErrorf("--%s %s=%s: not a quantity such as 500m, 2 or 10Gi", flag, name, text)
		}
		list[corev1.ResourceName(name)] = amount
	}
	return list, nil
}

// people reads subjects as the describe verb writes them; a bare name is a group.
func people(names []string) []tenancyv1.Subject {
	var all []tenancyv1.Subject
	for _, name := range names {
		if user, ok := strings.CutPrefix(name, "user:"); ok {
			all = append(all, tenancyv1.Subject{Kind: "User", Name: user})
			continue
		}
		all = append(all, tenancyv1.Subject{Kind: "Group", Name: strings.TrimPrefix(name, "group:")})
	}
	return all
}

func (p *program) tenantCreateVerb() *cobra.Command {
	var spec tenantFlags
	s := onboarding{create: true}
	cmd := &cobra.Command{
		Use:   "create (NAME --business-unit UNIT --tier TIER --owner TEAM --cost-center CC --jurisdiction PLACE | -f FILE)",
		Short: "Onboard a tenant and wait until it is Ready",
		Long: `Onboard a tenant, from flags or from a file with one or more Tenants, and wait
until it is Ready or refused. A file is taken whole or not at all: when the cluster
would refuse one of its objects, nothing is created, and each mistake is shown with
its line.

With --dry-run nothing is created; what would be generated is shown as a diff, and
the exit code is 3 when there is a difference.`,
		Example: `  roadbed tenant create payments --business-unit retail-banking --tier tier-1 \
    --owner payments-team --cost-center cc-1042 --jurisdiction uk --namespaces dev,prod
  roadbed tenant create -f payments.yaml --dry-run
  cat payments.yaml | roadbed tenant create -f -`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, names []string) error {
			documents, err := tenantDocuments(p, names, s.files, &spec)
			if err != nil {
				return err
			}
			return s.run(cmd.Context(), p, documents)
		},
	}
	spec.add(p, cmd)
	s.addFlags(cmd)
	return cmd
}

// tenantDocuments come from files or from flags, never from both.
func tenantDocuments(p *program, names, files []string, spec *tenantFlags) ([]document, error) {
	switch {
	case len(files) > 0 && len(names) > 0:
		return nil, usageErrorf("give a NAME or -f FILE, not both")
	case len(files) > 0:
		return p.readKind(files, "Tenant")
	case len(names) == 0:
		return nil, usageErrorf("give the tenant's NAME and its flags, or -f FILE")
	}
	t, err := spec.tenant(names[0])
	if err != nil {
		return nil, err
	}
	return []document{{object: t}}, nil
}

// readKind reads documents that must all be of one of Roadbed's kinds.
func (p *program) readKind(files []string, kind string) ([]document, error) {
	documents, err := p.readDocuments(tenancyScheme(), files)
	if err != nil {
		return nil, err
	}
	for _, d := range documents {
		if have := d.object.GetObjectKind().GroupVersionKind().Kind; have != kind {
			return nil, d.errorAt("kind", fmt.Sprintf("this verb takes %ss, not a %s", kind, have))
		}
		if d.object.GetName() == "" {
			return nil, d.errorAt("metadata", "metadata.name is missing")
		}
	}
	return documents, nil
}

// tenancyScheme knows Roadbed's tenancy kinds and no others.
func tenancyScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	must(tenancyv1.AddToScheme(scheme))
	return scheme
}

// onboarding is what create and apply have in common.
type onboarding struct {
	create bool
	force  bool
	files  []string
	dryRun string
	waitFlags
}

func (o *onboarding) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringSliceVarP(&o.files, "filename", "f", nil, "file with Tenants, - for standard input")
	must(cmd.MarkFlagFilename("filename", "yaml", "yml"))
	addDryRunFlag(cmd, &o.dryRun)
	o.waitFlags.add(cmd, tenantTimeout)
}

func (o *onboarding) run(ctx context.Context, p *program, documents []document) error {
	if err := checkDryRun(o.dryRun); err != nil {
		return err
	}
	c, err := p.client()
	if err != nil {
		return err
	}
	if o.dryRun == dryRunClient {
		return p.showPlans(ctx, c, documents)
	}
	s := submission{p: p, c: c, create: o.create, force: o.force}
	accepted, err := s.rehearse(ctx, documents)
	if err != nil {
		return err
	}
	if o.dryRun == dryRunServer {
		return p.showPlans(ctx, c, withObjects(documents, accepted))
	}
	if err := s.commit(ctx, documents); err != nil || !o.wait {
		return err
	}
	return p.tenantsReady(ctx, c, o.waitFlags, objectNames(documents), false)
}

// withObjects are the documents with what the cluster would make of them.
func withObjects(documents []document, objects []client.Object) []document {
	seen := slices.Clone(documents)
	for i, object := range objects {
		t := &tenancyv1.Tenant{}
		plain := object.(runtime.Unstructured).UnstructuredContent()
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(plain, t); err == nil {
			seen[i].object = t
		}
	}
	return seen
}

func objectNames(documents []document) []string {
	names := make([]string, len(documents))
	for i, d := range documents {
		names[i] = d.object.GetName()
	}
	return names
}
