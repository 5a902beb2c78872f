package operator_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/guards"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/operator"
	"github.com/roadbed-dev/roadbed/internal/kernel/identity"
	"github.com/roadbed-dev/roadbed/internal/kernel/module"
	"github.com/roadbed-dev/roadbed/internal/kernel/trail"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/kubetest/controllertest"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// patience is how long tests wait for what takes a moment.
const patience = time.Minute

// place is the namespace of the tenant payments.
const place = "tenant-payments"

// platform is the controllers at work on an API server of their own, because
// there is one ledger in a cluster.
type platform struct {
	env      *kubetest.Env
	client   client.Client
	trail    *controllertest.Trail
	audit    *fileAudit
	policies *catalogue
	clock    clock.WithTicker
	live     *operator.Live
	also     func(*module.Host) error
	dir      string
	stop     func() error
	// refusals counts the controllers' writes that the API server refused.
	refusals atomic.Int32
}

// start has the controllers at work, and what also adds; nil for nothing.
func start(t *testing.T, c clock.WithTicker, also func(*module.Host) error) *platform {
	t.Helper()
	dir := t.TempDir()
	env := kubetest.Private(t, kubetest.WithDataDir(dir))
	env.InstallCRDs(t)
	if also != nil {
		env.InstallKyvernoCRDs(t)
	}
	audit := &fileAudit{path: filepath.Join(dir, "logs", "audit.log")}
	p := &platform{env: env, client: env.Client, trail: &controllertest.Trail{}, audit: audit, clock: c, also: also, dir: dir, policies: &catalogue{infos: []policy.Info{
		{Name: "require-owner", Tier: policy.Default, Rules: []string{"validations[0]"}},
		{Name: "add-owner", Tier: policy.Default},
		{Name: "require-signatures", Tier: policy.Mandatory},
	}}}
	for _, object := range guards.Objects() {
		p.create(t, object)
	}
	p.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: place, Labels: map[string]string{
		tenancyv1alpha1.LabelTenant: "payments", tenancyv1alpha1.LabelTier: "tier-2",
	}}})
	p.run(t)
	p.awaitGuards(t)
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *platform) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := p.client.Create(t.Context(), object); err != nil {
		t.Fatalf("create %T %s: %v", object, object.GetName(), err)
	}
}

// awaitGuards returns when the API server judges by the guards.
func (p *platform) awaitGuards(t *testing.T) {
	t.Helper()
	o := request("probe", time.Hour)
	kubetest.Eventually(t, patience, "the guards are in force", func() error {
		probe := o.DeepCopy()
		if err := p.by(t, "ann").Create(t.Context(), probe, client.DryRunAll); err != nil || probe.Spec.Requester != "ann" {
			return fmt.Errorf("asked for by %q: %w", probe.Spec.Requester, err)
		}
		if err := p.by(t, "ann").Create(t.Context(), request("probe", -time.Hour), client.DryRunAll); !apierrors.IsForbidden(err) {
			return fmt.Errorf("one that is over: %w", err)
		}
		ledger := &v1alpha1.OverrideLedger{ObjectMeta: metav1.ObjectMeta{Name: v1alpha1.LedgerName}}
		if err := p.client.Delete(t.Context(), ledger, client.DryRunAll); !apierrors.IsForbidden(err) {
			return fmt.Errorf("a ledger deleted by an admin: %w", err)
		}
		return nil
	})
	if err := p.by(t, "ann").Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	kubetest.Eventually(t, patience, "decisions are judged", func() error {
		if err := p.decision(t, "ann", "probe", v1alpha1.VerdictApproved); !apierrors.IsForbidden(err) {
			return fmt.Errorf("one's own: %w", err)
		}
		return p.decision(t, "bob", "probe", v1alpha1.VerdictRejected)
	})
}

// run starts the controllers. They end abruptly with stop: nothing is flushed.
func (p *platform) run(t *testing.T) {
	t.Helper()
	host := controllertest.Host(t, p.env, p.as(t, identity.Roadbed, "system:masters"), p.trail, func(o *manager.Options) {
		o.NewClient = func(config *rest.Config, options client.Options) (client.Client, error) {
			made, err := client.NewWithWatch(config, options)
			return interceptor.NewClient(made, interceptor.Funcs{SubResourcePatch: p.patchStatus}), err
		}
	})
	host.Clock = p.clock
	live, err := operator.Setup(host, p.policies, operator.WithAudit(p.audit))
	if err != nil {
		t.Fatal(err)
	}
	p.live = live
	if p.also != nil {
		if err := p.also(host); err != nil {
			t.Fatal(err)
		}
	}
	p.stop = controllertest.Run(t, host)
	kubetest.Eventually(t, patience, "the ledger exists", func() error {
		return p.client.Get(t.Context(), client.ObjectKey{Name: v1alpha1.LedgerName}, &v1alpha1.OverrideLedger{})
	})
}

func (p *platform) patchStatus(ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
	err := c.SubResource(sub).Patch(ctx, o, patch, opts...)
	if err != nil {
		p.refusals.Add(1)
	}
	return err
}

// as acts as somebody. Admission sees only whom one acts as.
func (p *platform) as(t *testing.T, user string, groups ...string) *rest.Config {
	t.Helper()
	connection := rest.CopyConfig(p.env.Admin)
	connection.QPS, connection.Burst = -1, -1
	connection.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: append(slices.Clone(groups), "system:authenticated")}
	return connection
}

// by is a client of somebody whose rights are no matter here.
func (p *platform) by(t *testing.T, user string) client.Client {
	t.Helper()
	c, err := client.New(p.as(t, user, "system:masters"), client.Options{Scheme: p.env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// request is an override for a while.
func request(name string, life time.Duration) *v1alpha1.PolicyOverride {
	return &v1alpha1.PolicyOverride{
		ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: name},
		Spec: v1alpha1.PolicyOverrideSpec{
			Policies:      []v1alpha1.OverriddenPolicy{{Name: "require-owner"}, {Name: "add-owner"}},
			Justification: "the vendor's chart cannot set labels", Ticket: "CHG-1",
			Scope:     v1alpha1.OverrideScope{Kinds: []string{"ConfigMap"}, Names: []string{"vendor-*"}},
			ExpiresAt: metav1.NewTime(time.Now().Add(life).Truncate(time.Second)),
		},
	}
}

// ask makes ann ask for an override for a while.
func (p *platform) ask(t *testing.T, name string, life time.Duration, changes ...func(*v1alpha1.PolicyOverride)) {
	t.Helper()
	o := request(name, life)
	for _, change := range changes {
		change(o)
	}
	if err := p.by(t, "ann").Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// decide makes bob decide.
func (p *platform) decide(t *testing.T, name string, verdict v1alpha1.OverrideVerdict) {
	t.Helper()
	if err := p.decision(t, "bob", name, verdict); err != nil {
		t.Fatal(err)
	}
}

func (p *platform) decision(t *testing.T, user, name string, verdict v1alpha1.OverrideVerdict) error {
	t.Helper()
	o := &v1alpha1.PolicyOverride{ObjectMeta: metav1.ObjectMeta{Namespace: place, Name: name}}
	patch := fmt.Sprintf(`{"status":{"decision":{"verdict":%q}}}`, verdict)
	return p.by(t, user).Status().Patch(t.Context(), o, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// awaits waits for a phase and returns the override in it.
func (p *platform) awaits(t *testing.T, name string, phase v1alpha1.OverridePhase) *v1alpha1.PolicyOverride {
	t.Helper()
	o := &v1alpha1.PolicyOverride{}
	kubetest.Eventually(t, patience, fmt.Sprintf("override %s is %s", name, phase), func() error {
		if err := p.client.Get(t.Context(), client.ObjectKey{Namespace: place, Name: name}, o); err != nil {
			return err
		}
		if o.Status.Phase != phase {
			return fmt.Errorf("it is %q: %+v", o.Status.Phase, o.Status.Conditions)
		}
		return nil
	})
	return o
}

// entries are the overrides in the ledger for the policy.
func (p *platform) entries(t *testing.T, policyName string) []string {
	t.Helper()
	var ledger v1alpha1.OverrideLedger
	if err := p.client.Get(t.Context(), client.ObjectKey{Name: v1alpha1.LedgerName}, &ledger); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range ledger.Spec.Policies[policyName] {
		names = append(names, w.Override)
	}
	return names
}

// catalogue is the policies there are.
type catalogue struct {
	mu       sync.Mutex
	infos    []policy.Info // guarded by mu
	onChange []func()      // guarded by mu
}

var _ operator.Policies = (*catalogue)(nil)

func (c *catalogue) Infos() []policy.Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.infos)
}

func (c *catalogue) OnChange(call func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.onChange = append(c.onChange, call)
}

func (c *catalogue) set(infos ...policy.Info) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.infos = infos
	for _, call := range c.onChange {
		call()
	}
}

// fileAudit reads the plane's audit log, which is never rotated here.
type fileAudit struct {
	path   string
	offset int
}

var _ operator.Audit = (*fileAudit)(nil)

func (a *fileAudit) Next(ctx context.Context) ([][]byte, func() error, error) {
	for {
		content, err := os.ReadFile(a.path)
		if err != nil {
			return nil, nil, err
		}
		end := bytes.LastIndexByte(content, '\n') + 1
		if end > a.offset {
			fresh := content[a.offset:end]
			return bytes.Split(bytes.TrimSpace(fresh), []byte("\n")), func() error { a.offset = end; return nil }, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// told is who did what to an override, as the trail has it.
func told(book *controllertest.Trail, name string) []string {
	var found []string
	for _, r := range book.Of(func(r trail.Record) bool { return r.Object.Name == name }) {
		found = append(found, r.Actor.Name+" "+r.Action)
	}
	return found
}
