package tenants

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/listing"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
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
	flags.StringArrayVar(&f.admins, "admin", nil, "group that manages the tenant, or user:NAME; may be given several times")
	flags.StringArrayVar(&f.developers, "developer", nil, "group that deploys and debugs, or user:NAME; may be given several times")
	flags.StringArrayVar(&f.viewers, "viewer", nil, "group that reads everything but Secrets, or user:NAME; may be given several times")
	flags.StringToStringVar(&f.quota, "quota", nil, "quota laid over the tier's, such as requests.cpu=8,pods=50")
	flags.StringSliceVar(&f.registries, "registry", nil, "image prefixes that pods may use; none means any")
	flags.StringVar(&f.dataClass, "data-class", "", "Public, Internal, Confidential or Restricted")
	flags.StringVar(&f.model, "model", "", "isolation model; the tier's default when not given")
	flags.StringVar(&f.displayName, "display-name", "", "name that people use")
	verb.CompleteFlag(cmd, "business-unit", p.UnitNames())
	verb.CompleteFlag(cmd, "tier", p.TierNames())
	verb.CompleteFlag(cmd, "data-class", verb.CompleteFixed("Public", "Internal", "Confidential", "Restricted"))
	verb.CompleteFlag(cmd, "model", verb.CompleteFixed(string(tenancyv1.ModelNamespace), string(tenancyv1.ModelSharedNamespace)))
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
		return nil, verb.Usagef("%s must be given, or a file with -f", strings.Join(missing, ", "))
	}
	quota, err := verb.Quantities("quota", f.quota)
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
			Access: tenancyv1.TenantAccess{Admins: verb.People(f.admins), Developers: verb.People(f.developers), Viewers: verb.People(f.viewers)},
		},
	}
	for _, name := range f.namespaces {
		t.Spec.Namespaces = append(t.Spec.Namespaces, tenancyv1.TenantNamespace{Name: name})
	}
	return t, nil
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
the exit code is 3 when there is a difference. With -o the tenants are printed instead
of words: as they are in the end or, in a dry run, as they would be sent.`,
		Example: `  roadbed tenant create loans --business-unit retail-lending --tier tier-1 \
    --owner team-loans --cost-center cc-1042 --jurisdiction uk --namespaces dev,prod
  roadbed tenant create -f loans.yaml --dry-run
  cat loans.yaml | roadbed tenant create -f - -o name`,
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
func tenantDocuments(p *program, names, files []string, spec *tenantFlags) ([]manifest.Document, error) {
	switch {
	case len(files) > 0 && len(names) > 0:
		return nil, verb.Usagef("give a NAME or -f FILE, not both")
	case len(files) > 0:
		return manifest.ReadKind(p.Program, files, "Tenant")
	case len(names) == 0:
		return nil, verb.Usagef("give the tenant's NAME and its flags, or -f FILE")
	}
	t, err := spec.tenant(names[0])
	if err != nil {
		return nil, err
	}
	return []manifest.Document{{Object: t}}, nil
}

// onboarding is what create and apply have in common.
type onboarding struct {
	create bool
	force  bool
	files  []string
	dryRun string
	out    *verb.Output
	waitFlags
}

func (o *onboarding) addFlags(cmd *cobra.Command) {
	o.out = verb.ResultOutput()
	o.out.AddFlag(cmd)
	cmd.Flags().StringSliceVarP(&o.files, "filename", "f", nil, "file with Tenants, - for standard input")
	verb.Must(cmd.MarkFlagFilename("filename", "yaml", "yml"))
	manifest.AddDryRunFlag(cmd, &o.dryRun)
	o.waitFlags.add(cmd, tenantTimeout)
}

func (o *onboarding) run(ctx context.Context, p *program, documents []manifest.Document) error {
	if err := manifest.CheckDryRun(o.dryRun); err != nil {
		return err
	}
	c, err := p.Client()
	if err != nil {
		return err
	}
	if o.dryRun == manifest.DryRunClient {
		return p.showDryRun(ctx, c, o.out, documents)
	}
	told := &program{o.out.Told(p.Program)}
	s := manifest.Submission{Program: told.Program, Client: c, Create: o.create, Force: o.force}
	accepted, err := s.Rehearse(ctx, documents)
	if err != nil {
		return err
	}
	if err := p.fitTogether(ctx, c, documents); err != nil {
		return err
	}
	if o.dryRun == manifest.DryRunServer {
		return p.showDryRun(ctx, c, o.out, withObjects(documents, accepted))
	}
	if err := s.Commit(ctx, documents); err != nil {
		return err
	}
	return p.conclude(ctx, c, o.waitFlags, o.out, objectNames(documents))
}

// conclude waits for tenants, if that was asked, and prints what came of them.
func (p *program) conclude(ctx context.Context, c client.Client, f waitFlags, out *verb.Output, names []string) error {
	if f.wait {
		told := &program{out.Told(p.Program)}
		if err := told.tenantsReady(ctx, c, f, names, false); err != nil {
			return err
		}
	}
	if out.Chosen == verb.FormatText {
		return nil
	}
	return listing.Tenants(p.Clock).Show(ctx, p.Program, out, names)
}

// showDryRun prints what tenants would change, or with -o the tenants themselves.
func (p *program) showDryRun(ctx context.Context, c client.Client, out *verb.Output, documents []manifest.Document) error {
	if out.Chosen == verb.FormatText {
		return p.showPlans(ctx, c, documents)
	}
	for _, d := range documents {
		if err := manifest.Print(p.Program, out, d.Object); err != nil {
			return err
		}
	}
	return nil
}

// fitTogether refuses several tenants that fit one by one and not together: the
// cluster is asked about each alone.
func (p *program) fitTogether(ctx context.Context, c client.Client, documents []manifest.Document) error {
	if len(documents) < 2 {
		return nil
	}
	w, err := p.liveWorld(ctx, c)
	if err != nil {
		return err
	}
	return validateAll(ctx, documents, w)
}

// withObjects are the documents with what the cluster would make of them.
func withObjects(documents []manifest.Document, objects []client.Object) []manifest.Document {
	seen := slices.Clone(documents)
	for i, object := range objects {
		t := &tenancyv1.Tenant{}
		plain := object.(runtime.Unstructured).UnstructuredContent()
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(plain, t); err == nil {
			seen[i].Object = t
		}
	}
	return seen
}

func objectNames(documents []manifest.Document) []string {
	names := make([]string, len(documents))
	for i, d := range documents {
		names[i] = d.Object.GetName()
	}
	return names
}
