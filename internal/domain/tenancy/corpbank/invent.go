package corpbank

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// seed makes every run invent the same tenants.
const seed = 40_000

// products are what each business unit makes; each product has several
// applications, which are tenants.
var products = []struct {
	unit  string
	names []string
}{
	{"retail-payments", []string{"instant-payments", "direct-debit", "standing-orders", "sepa-credit", "bulk-payments", "open-banking", "cheques", "payee-check"}},
	{"retail-cards", []string{"credit-cards", "debit-cards", "disputes", "rewards", "tokens", "acquiring", "chargebacks"}},
	{"retail-lending", []string{"mortgages", "personal-loans", "car-finance", "collections", "credit-scoring", "overdrafts"}},
	{"retail-digital", []string{"web-banking", "chat", "notifications", "identity", "onboarding", "search", "feedback"}},
	{"retail", []string{"branches", "cash-machines", "appointments", "call-centre"}},
	{"wealth-private", []string{"custody", "mandates", "lombard-loans", "estates"}},
	{"wealth-advice", []string{"portfolios", "proposals", "model-funds", "client-reports"}},
	{"wealth", []string{"fund-shop", "tax-reports"}},
	{"markets-rates", []string{"swaps", "gilts", "treasuries", "repo", "curves", "rates-risk"}},
	{"markets-fx", []string{"spot", "forwards", "fx-options", "fixings", "fx-hedging", "liquidity"}},
	{"markets", []string{"post-trade", "clearing", "trade-reports", "market-data"}},
	{"corporate-trade", []string{"guarantees", "collections-abroad", "supply-chain", "shipping"}},
	{"corporate", []string{"cash-pooling", "syndicated-loans", "virtual-accounts", "escrow"}},
	{"risk-fincrime", []string{"money-laundering", "transaction-watch", "case-files", "know-your-customer", "watch-lists"}},
	{"risk", []string{"credit-risk", "market-risk", "stress-tests", "capital", "limits"}},
	{"operations-hr", []string{"payroll", "recruiting", "learning", "travel"}},
	{"operations", []string{"reconciliation", "archive", "procurement", "facilities", "print-shop"}},
	{"technology", []string{"build-farm", "service-desk", "asset-register", "data-lake", "feature-store", "test-data"}},
	{"technology-labs", []string{"chatbots", "forecasts", "documents-ai", "quantum", "graph"}},
	{"corp-bank", []string{"annual-report", "intranet"}},
}

var applications = []string{
	"api", "ledger", "events", "reports", "pricing", "alerts", "console", "gateway", "batch", "analytics", "rules", "mailer",
}

// environments by tier. A tier without any has one unnamed namespace, or
// shares one.
var environments = map[string][]string{
	"tier-1":  {"dev", "staging", "prod", "standby"},
	"trading": {"dev", "prod", "standby"},
	"tier-2":  {"dev", "staging", "prod"},
	"tier-3":  {"test", "prod"},
}

// mix is how often each tier is drawn, out of a hundred.
var mix = []struct {
	tier  string
	share int
}{{"tier-1", 10}, {"trading", 2}, {"tier-2", 36}, {"tier-3", 38}, {"sandbox", 14}}

// idea is a tenant that nobody has drawn yet.
type idea struct{ unit, product, application string }

// ideas lists all tenants the bank could have, in the order they are drawn.
func ideas(random *rand.Rand) []idea {
	var all []idea
	for _, p := range products {
		for _, product := range p.names {
			for _, application := range applications {
				all = append(all, idea{p.unit, product, application})
			}
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}

// invent draws n tenants that the ledger admits.
func invent(l *ledger, n int) ([]client.Object, error) {
	random := rand.New(rand.NewPCG(seed, seed))
	latest := map[string]*v1alpha1.Tenant{} // by business unit, for calls between tenants
	var invented []client.Object
	for _, idea := range ideas(random) {
		if len(invented) >= n {
			return invented, nil
		}
		t := draw(idea, l, random)
		switch err := l.add(t); {
		case errors.Is(err, errRefused):
			continue
		case err != nil:
			return nil, err
		}
		invented = append(invented, t)
		if t.Spec.Tier == "sandbox" {
			continue
		}
		if other := latest[idea.unit]; other != nil && random.IntN(4) == 0 {
			connect(t, other)
		}
		latest[idea.unit] = t
	}
	if len(invented) < n {
		return nil, fmt.Errorf("the bank's envelopes have room for %d tenants, not for %d more", l.tenants, n-len(invented))
	}
	return invented, nil
}

func draw(i idea, l *ledger, random *rand.Rand) *v1alpha1.Tenant {
	unit := l.world.Units[i.unit]
	tier := l.world.Tiers[drawTier(unit, random)]
	name := i.product + "-" + i.application
	t := &v1alpha1.Tenant{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Tenant"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.TenantSpec{
			Owner:         "team-" + i.product,
			BusinessUnit:  unit.Name,
			Tier:          tier.Name,
			Jurisdictions: drawJurisdictions(unit, tier, random),
			CostCenter:    drawCostCenter(unit, random),
			DataClass:     drawDataClass(tier, random),
			Access: v1alpha1.TenantAccess{
				Admins:     []v1alpha1.Subject{{Name: "corp:" + i.product + "-leads"}},
				Developers: []v1alpha1.Subject{{Name: "corp:" + name + "-developers"}},
			},
		},
	}
	for _, environment := range environments[tier.Name] {
		n := v1alpha1.TenantNamespace{Name: environment}
		if environment == "standby" && len(t.Spec.Jurisdictions) > 1 {
			n.Jurisdiction = t.Spec.Jurisdictions[1]
		}
		t.Spec.Namespaces = append(t.Spec.Namespaces, n)
	}
	if tier.Name == "tier-1" {
		t.Spec.Registries = []string{"registry.corp.example/" + unit.Name + "/"}
	}
	if tier.Name != "sandbox" {
		t.Spec.Quota = drawQuota(tier, random)
	}
	return t
}

// drawTier draws a tier that the business unit and its division would take.
func drawTier(unit *v1alpha1.BusinessUnit, random *rand.Rand) string {
	at := random.IntN(100)
	for _, m := range mix {
		at -= m.share
		if at >= 0 {
			continue
		}
		if m.tier == "trading" && !slices.Contains([]string{"markets", "markets-fx", "markets-rates"}, unit.Name) {
			return "tier-2"
		}
		if len(unit.Spec.Tiers) == 0 || slices.Contains(unit.Spec.Tiers, m.tier) {
			return m.tier
		}
	}
	return unit.Spec.Tiers[random.IntN(len(unit.Spec.Tiers))]
}

// drawJurisdictions draws one, or two for a tenant with a standby. Tenants of
// a shared namespace live where it does.
func drawJurisdictions(unit *v1alpha1.BusinessUnit, tier *v1alpha1.Tier, random *rand.Rand) []string {
	all := unit.Spec.Jurisdictions
	if tier.Name == "sandbox" {
		return []string{all[0]}
	}
	first := random.IntN(len(all))
	if !slices.Contains(environments[tier.Name], "standby") || len(all) == 1 {
		return []string{all[first]}
	}
	return []string{all[first], all[(first+1)%len(all)]}
}

func drawCostCenter(unit *v1alpha1.BusinessUnit, random *rand.Rand) string {
	if centers := unit.Spec.CostCenters; len(centers) > 0 {
		return centers[random.IntN(len(centers))]
	}
	return fmt.Sprintf("cc-%d", 9000+random.IntN(100))
}

func drawDataClass(tier *v1alpha1.Tier, random *rand.Rand) string {
	classes := map[string][]string{
		"tier-1":  {"Restricted", "Confidential"},
		"trading": {"Confidential"},
		"tier-2":  {"Confidential", "Internal"},
		"tier-3":  {"Internal"},
		"sandbox": {"Public", "Internal"},
	}[tier.Name]
	return classes[random.IntN(len(classes))]
}

// drawQuota is a half or a quarter of the tier's, or now and then nothing: all
// of it.
func drawQuota(tier *v1alpha1.Tier, random *rand.Rand) corev1.ResourceList {
	divisor := []int64{1, 2, 2, 4, 4, 4}[random.IntN(6)]
	if divisor == 1 {
		return nil
	}
	part := corev1.ResourceList{}
	for _, name := range []corev1.ResourceName{
		corev1.ResourceRequestsCPU, corev1.ResourceLimitsCPU, corev1.ResourceRequestsMemory,
		corev1.ResourceLimitsMemory, corev1.ResourceRequestsStorage, corev1.ResourcePods,
	} {
		whole := tier.Spec.Quota[name]
		part[name] = *resource.NewQuantity(whole.Value()/divisor, whole.Format)
	}
	return part
}

// connect lets caller call callee: both must say so.
func connect(caller, callee *v1alpha1.Tenant) {
	ports := []v1alpha1.NetworkPort{{Protocol: corev1.ProtocolTCP, Port: 8443}}
	caller.Spec.Network.EgressTo = append(caller.Spec.Network.EgressTo, v1alpha1.TenantPeer{Tenant: callee.Name, Ports: ports})
	callee.Spec.Network.IngressFrom = append(callee.Spec.Network.IngressFrom, v1alpha1.TenantPeer{Tenant: caller.Name, Ports: ports})
}
