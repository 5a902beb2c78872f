package doctor

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/config"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// crds checks that Roadbed's kinds are served, and as this program has them.
func (e examination) crds(ctx context.Context) []finding {
	const check = "Roadbed's kinds"
	shipped, err := shippedCRDs()
	if err != nil {
		return []finding{undecided(check, err)}
	}
	var findings []finding
	for _, want := range shipped {
		findings = append(findings, e.crd(ctx, want))
	}
	if first := slices.IndexFunc(findings, func(f finding) bool { return f.Verdict != verdictOK }); first >= 0 {
		return findings
	}
	return []finding{ok(check, fmt.Sprintf("all %d are served, as this program has them", len(shipped)))}
}

func (e examination) crd(ctx context.Context, want *apiextensionsv1.CustomResourceDefinition) finding {
	check := "kind " + want.Spec.Names.Kind
	var live apiextensionsv1.CustomResourceDefinition
	err := e.client.Get(ctx, client.ObjectKeyFromObject(want), &live)
	switch {
	case client.IgnoreNotFound(err) != nil:
		return undecided(check, err)
	case err != nil:
		return fail(check, "is not there", toInstall)
	case !established(&live):
		return fail(check, "is there but not established", "see the conditions of CustomResourceDefinition "+want.Name)
	case !sameDefinition(&live, want):
		return fail(check, "is of another version of Roadbed", toInstall)
	default:
		return ok(check, "served")
	}
}

// sameDefinition says whether the live kind has every field of the wanted one.
func sameDefinition(live, want *apiextensionsv1.CustomResourceDefinition) bool {
	live.SetGroupVersionKind(want.GroupVersionKind()) // Typed clients leave it out.
	return manifest.Contains(live, want)
}

func established(crd *apiextensionsv1.CustomResourceDefinition) bool {
	return slices.ContainsFunc(crd.Status.Conditions, func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
		return c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue
	})
}

// webhooks checks the certificates that the API server is told to trust, and
// tries the tenant webhook with what it must refuse.
func (e examination) webhooks(ctx context.Context) []finding {
	const check = "admission webhooks"
	var configurations admissionv1.ValidatingWebhookConfigurationList
	if err := e.client.List(ctx, &configurations); err != nil {
		return []finding{undecided(check, err)}
	}
	hooks := 0
	for _, configuration := range configurations.Items {
		if !strings.HasPrefix(configuration.Name, "roadbed") {
			continue
		}
		for _, hook := range configuration.Webhooks {
			hooks++
			if problem := authorityProblem(hook.ClientConfig.CABundle, e.clock.Now()); problem != "" {
				return []finding{fail(check, fmt.Sprintf("%s: %s", hook.Name, problem), "restart the server, which renews its certificate")}
			}
		}
	}
	if hooks == 0 {
		return []finding{warn(check, "none, so mistakes are found by the controllers a moment after the write",
			"start the server with webhooks, or install them")}
	}
	return []finding{e.tryWebhook(ctx, check)}
}

// authorityProblem says what is wrong with the certificates that the API server
// is to trust, or nothing.
func authorityProblem(bundle []byte, now time.Time) string {
	if len(bundle) == 0 {
		return "no certificate authority is given"
	}
	certificates, err := cert.ParseCertsPEM(bundle)
	if err != nil {
		return "its certificate authority cannot be read: " + err.Error()
	}
	for _, c := range certificates {
		if now.Before(c.NotAfter) {
			return ""
		}
	}
	return "its certificate authority has expired"
}

// tryWebhook sends, as a dry run, a tenant in a tier that does not exist.
func (e examination) tryWebhook(ctx context.Context, check string) finding {
	unit, err := e.anyUnit(ctx)
	if err != nil {
		return undecided(check, err)
	}
	probe := &tenancyv1.Tenant{
		ObjectMeta: metav1.ObjectMeta{Name: guardProbe},
		Spec: tenancyv1.TenantSpec{
			Owner: "doctor", BusinessUnit: unit, Tier: "no-such-tier", Jurisdictions: []string{"none"}, CostCenter: "none",
		},
	}
	err = e.client.Create(ctx, probe, client.DryRunAll)
	switch {
	case err == nil:
		return warn(check, "give no answer, so mistakes are found by the controllers a moment after the write",
			"see that the server runs and that the API server can reach it")
	case strings.Contains(err.Error(), "no-such-tier"), strings.Contains(err.Error(), tenancy.ReasonUnknownTier):
		return ok(check, "answer, and the API server trusts them")
	default:
		return undecided(check, err)
	}
}

// anyUnit is the name of a business unit, if there is one.
func (e examination) anyUnit(ctx context.Context) (string, error) {
	var units tenancyv1.BusinessUnitList
	if err := e.client.List(ctx, &units, client.Limit(1)); err != nil {
		return "", err
	}
	if len(units.Items) == 0 {
		return guardProbe, nil
	}
	return units.Items[0].Name, nil
}

// shippedCRDs are the definitions of kinds that this program brings.
func shippedCRDs() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	files, err := fs.Glob(config.CRDs, "crds/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("find the kinds: %w", err)
	}
	definitions := make([]*apiextensionsv1.CustomResourceDefinition, len(files))
	for i, file := range files {
		text, err := config.CRDs.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the kinds: %w", err)
		}
		definitions[i] = &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, definitions[i]); err != nil {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
	}
	return definitions, nil
}
