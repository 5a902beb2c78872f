package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

// writers are the numbers of requests at a time.
var writers = []int{1, 8, 50}

// The namespaces where Pods are made look like a tenant's, so that the catalogue
// concerns them. One has what each tenant has: defaults of the tier for what a
// container does not say. In the other a policy has to add them.
const (
	namespace = "bench"
	unlimited = "bench-unlimited"
)

// scenario is a set of policies in force.
type scenario struct {
	name      string
	namespace string
	// install puts it in force and returns what takes it out again.
	install func(context.Context, *plane) (remove func(context.Context) error, err error)
}

// plane is the control plane of the run.
type plane struct {
	*standalone.Plane
	client client.Client
	made   int
}

// admission measures the same requests under each scenario.
func (b *bench) admission(ctx context.Context) (err error) {
	b.say("start a control plane")
	started, err := standalone.Start(ctx, standalone.Config{DataDir: filepath.Join(b.dir, "plane"), Binary: b.kube})
	if err != nil {
		return fmt.Errorf("start a control plane: %w", err)
	}
	defer func() { err = errors.Join(err, started.Stop(context.WithoutCancel(ctx))) }()
	config := started.AdminConfig()
	config.QPS, config.Burst = -1, -1
	p := &plane{Plane: started}
	if p.client, err = client.New(config, client.Options{Scheme: scheme.Scheme}); err != nil {
		return err
	}
	if err := p.prepare(ctx); err != nil {
		return err
	}
	measured := map[string]map[int][]time.Duration{}
	for range turns {
		for _, s := range scenarios() {
			latencies, err := b.measure(ctx, p, s)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if measured[s.name] == nil {
				measured[s.name] = map[int][]time.Duration{}
			}
			for n, some := range latencies {
				measured[s.name][n] = append(measured[s.name][n], some...)
			}
		}
	}
	b.conclude(measured)
	return nil
}

// turns is how often the scenarios take turns: what else the machine does is
// spread over all of them.
const turns = 3

// The scenarios.
const (
	without   = "no policy"
	inside    = "16 native policies x 3"
	elsewhere = "the same by webhook"
	shipped   = "the catalogue's defaults"
	filling   = "the same, adding limits"
)

func scenarios() []scenario {
	return []scenario{
		{without, namespace, nothing},
		{inside, namespace, natively},
		{elsewhere, namespace, byWebhook},
		{shipped, namespace, defaults},
		{filling, unlimited, defaults},
	}
}

// prepare makes the namespaces and waits for their service accounts.
func (p *plane) prepare(ctx context.Context) error {
	tier := tenancy.Tiers()[2]
	for _, name := range []string{namespace, unlimited} {
		in := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			tenancyv1alpha1.LabelTenant: "bench", tenancyv1alpha1.LabelTier: tier.Name,
		}}}
		if err := p.client.Create(ctx, in); err != nil {
			return err
		}
		if err := eventually(ctx, func() error {
			return p.client.Get(ctx, client.ObjectKey{Namespace: name, Name: "default"}, &corev1.ServiceAccount{})
		}); err != nil {
			return err
		}
	}
	return p.client.Create(ctx, &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: namespace + "-limits"},
		Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
			Type: corev1.LimitTypeContainer, Default: tier.Spec.Limits.Default, DefaultRequest: tier.Spec.Limits.DefaultRequest, Max: tier.Spec.Limits.Max,
		}}},
	})
}

// measure puts a scenario in force, warms up, and writes Pods.
func (b *bench) measure(ctx context.Context, p *plane, s scenario) (map[int][]time.Duration, error) {
	b.say("%s", s.name)
	remove, err := s.install(ctx, p)
	if err != nil {
		return nil, err
	}
	if _, err := p.write(ctx, s.namespace, b.requests/10, 8); err != nil { // warm up
		return nil, err
	}
	latencies := map[int][]time.Duration{}
	for _, n := range writers {
		if latencies[n], err = p.write(ctx, s.namespace, b.requests/turns, n); err != nil {
			return nil, err
		}
	}
	return latencies, remove(ctx)
}

// write creates Pods, so many at a time, and tells how long each took. They are
// deleted afterwards, outside of what is measured.
func (p *plane) write(ctx context.Context, in string, requests, atOnce int) ([]time.Duration, error) {
	pods := make(chan *corev1.Pod, requests)
	for range requests {
		p.made++
		pods <- ordinaryPod(in, p.made)
	}
	close(pods)
	var mu sync.Mutex
	var latencies []time.Duration // guarded by mu
	var failed error              // guarded by mu
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			for pod := range pods {
				begun := time.Now()
				err := p.client.Create(ctx, pod)
				took := time.Since(begun)
				mu.Lock()
				latencies = append(latencies, took)
				failed = errors.Join(failed, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	if failed != nil {
		return nil, failed
	}
	return latencies, p.client.DeleteAllOf(ctx, &corev1.Pod{}, client.InNamespace(in), client.GracePeriodSeconds(0))
}

// ordinaryPod passes every policy. No scheduler looks at it.
func ordinaryPod(in string, i int) *corev1.Pod {
	yes, no := true, false
	user := int64(1000)
	amount := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: in, Name: fmt.Sprintf("pod-%06d", i), Labels: map[string]string{"app": "web", "app.kubernetes.io/name": "web"}},
		Spec: corev1.PodSpec{
			SchedulerName:   "nobody",
			SecurityContext: &corev1.PodSecurityContext{RunAsNonRoot: &yes, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "web", Image: "registry.example/app:1.0",
				Resources:       corev1.ResourceRequirements{Requests: amount},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}, {
				Name: "sidecar", Image: "registry.example/sidecar:1.0",
				Resources:       corev1.ResourceRequirements{Limits: amount},
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
}

func nothing(context.Context, *plane) (func(context.Context) error, error) {
	return func(context.Context) error { return nil }, nil
}

// natively puts 16 policies of three validations into the API server.
func natively(ctx context.Context, p *plane) (func(context.Context) error, error) {
	var objects []client.Object
	for _, each := range comparable16() {
		made, reason, err := native.Validating(each, native.Options{})
		if err != nil || reason != "" {
			return nil, fmt.Errorf("%s is not native: %s, %w", each.Name, reason, err)
		}
		objects = append(objects, made...)
	}
	return p.install(ctx, objects)
}

// comparable16 are the 16 policies that the native and the webhook scenario
// share. They ask for no limits, which the Pods leave to the defaults.
func comparable16() []*policiesv1.ValidatingPolicy {
	policies := many(16)
	for _, each := range policies {
		each.Spec.Validations[1].Expression = "object.spec.containers.all(c, c.name.size() < 63 && c.image.size() > 0)"
	}
	return policies
}

// defaults puts the whole catalogue into the API server, as far as it is native.
func defaults(ctx context.Context, p *plane) (func(context.Context) error, error) {
	var objects []client.Object
	for _, entry := range catalogue.All() {
		var made native.Objects
		var err error
		switch each := entry.Object.(type) {
		case *policiesv1.ValidatingPolicy:
			made, _, err = native.Validating(each, native.Options{})
		case *policiesv1.MutatingPolicy:
			made, _, err = native.Mutating(each, native.Options{})
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name, err)
		}
		objects = append(objects, made...)
	}
	return p.install(ctx, objects)
}

// install creates objects and waits until the control plane is done with them: its
// controllers check the types of what a policy says and write that into its status,
// for which the API server compiles it anew; it looks for that once a second.
func (p *plane) install(ctx context.Context, objects []client.Object) (func(context.Context) error, error) {
	for _, object := range objects {
		object.SetResourceVersion("")
		if err := p.client.Create(ctx, object); err != nil {
			return nil, fmt.Errorf("create %T %s: %w", object, object.GetName(), err)
		}
	}
	if err := eventually(ctx, func() error { return p.checked(ctx) }); err != nil {
		return nil, err
	}
	if err := p.settle(ctx); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		for _, object := range objects {
			if err := client.IgnoreNotFound(p.client.Delete(ctx, object)); err != nil {
				return err
			}
		}
		return p.settle(ctx)
	}, nil
}

// checked tells whether the types of all policies have been checked.
func (p *plane) checked(ctx context.Context) error {
	var policies admissionv1.ValidatingAdmissionPolicyList
	if err := p.client.List(ctx, &policies); err != nil {
		return err
	}
	for _, each := range policies.Items {
		if each.Status.ObservedGeneration < each.Generation {
			return fmt.Errorf("policy %s: %w", each.Name, errUnchecked)
		}
	}
	return nil
}

// errUnchecked is about policies whose types have not been checked yet.
var errUnchecked = errors.New("its types have not been checked")

// settle waits for three seconds in which nothing is asked.
func (p *plane) settle(ctx context.Context) error {
	timer := time.NewTimer(3 * time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// eventually tries until it succeeds or a minute is over.
func eventually(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil || !apierrors.IsNotFound(err) && !errors.Is(err, errUnchecked) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}

// conclude compares the scenarios with none.
func (b *bench) conclude(measured map[string]map[int][]time.Duration) {
	base := measured[without]
	for _, each := range scenarios() {
		name := each.name
		for _, n := range writers {
			p50, p99 := percentile(measured[name][n], 50), percentile(measured[name][n], 99)
			added := p50 - percentile(base[n], 50)
			goal := ""
			switch {
			case name == inside && n == 1:
				goal = "added p50 <= 1 ms"
			case name == shipped && n == 50:
				goal = "p99 < 200 ms"
			}
			b.report.add(fmt.Sprintf("%s, %d at once", name, n), goal, "p50 %.2f ms (added %.2f), p99 %.2f ms", milliseconds(p50), milliseconds(added), milliseconds(p99))
		}
	}
	s := &b.report.summary
	added := func(name string) float64 {
		return milliseconds(percentile(measured[name][1], 50) - percentile(base[1], 50))
	}
	s.NativeAddedP50, s.WebhookAddedP50 = added(inside), added(elsewhere)
	s.NativeP99 = milliseconds(percentile(measured[inside][50], 99))
	s.DefaultsP99 = milliseconds(percentile(measured[shipped][50], 99))
	s.FillingP99 = milliseconds(percentile(measured[filling][50], 99))
}
