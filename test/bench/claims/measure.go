package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/claim"
	"github.com/roadbed-dev/roadbed/internal/kernel/condition"
)

// measure runs everything once.
func measure(ctx context.Context, s settings, progress io.Writer) (f figures, err error) {
	stage := &scene{}
	defer func() { err = errors.Join(err, stage.close()) }()
	if err := stage.stage(ctx, s); err != nil {
		return f, err
	}
	f.Claims, f.Tenants = s.claims, s.tenants
	before, err := stage.writes(ctx)
	if err != nil {
		return f, err
	}
	reconciles, err := reconciled()
	if err != nil {
		return f, err
	}
	start := time.Now()
	if err := stage.claim(ctx, s); err != nil {
		return f, err
	}
	f.Seconds = time.Since(start).Seconds()
	fmt.Fprintf(progress, "%d claims are Ready after %.1f s\n", s.claims, f.Seconds)
	if err := pause(ctx, settle); err != nil { // Events come a moment later
		return f, err
	}
	after, err := stage.writes(ctx)
	if err != nil {
		return f, err
	}
	again, err := reconciled()
	if err != nil {
		return f, err
	}
	f.WritesPerEach, f.ReconcilesPerEach = float64(after-before-s.claims)/float64(s.claims), float64(again-reconciles)/float64(s.claims)
	if err := pause(ctx, s.idle); err != nil {
		return f, err
	}
	idle, err := stage.writes(ctx)
	f.IdleWrites, f.IdleSeconds = idle-after, s.idle.Seconds()
	return f, err
}

// settle is how long what follows a claim may take after it is Ready.
const settle = 3 * time.Second

// claim makes all claims and waits until they are Ready.
func (s *scene) claim(ctx context.Context, of settings) error {
	var group errgroup.Group
	group.SetLimit(of.parallel)
	for i := range of.claims {
		group.Go(func() error {
			made := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"size": int64(i)}}}
			made.SetAPIVersion("claims.roadbed.dev/v1")
			made.SetKind("Box")
			made.SetNamespace(namespace(i % of.tenants))
			made.SetName(fmt.Sprintf("box-%d", i))
			return s.roadbed.Create(ctx, made)
		})
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("make claims: %w", err)
	}
	return wait.PollUntilContextTimeout(ctx, 200*time.Millisecond, 10*time.Minute, true, func(ctx context.Context) (bool, error) {
		list := &unstructured.UnstructuredList{}
		list.SetAPIVersion("claims.roadbed.dev/v1")
		list.SetKind("BoxList")
		if err := s.roadbed.List(ctx, list); err != nil {
			return false, err
		}
		for i := range list.Items {
			if !condition.IsTrue((&claim.Claim{Unstructured: &list.Items[i]}).GetConditions(), condition.Ready) {
				return false, nil
			}
		}
		return true, nil
	})
}

// writes is how many writes the API server has answered so far, leases apart,
// which its own components renew.
func (s *scene) writes(ctx context.Context) (int, error) {
	admin, err := kubernetes.NewForConfig(s.plane.AdminConfig())
	if err != nil {
		return 0, err
	}
	text, err := admin.RESTClient().Get().AbsPath("/metrics").Stream(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the API server's metrics: %w", err)
	}
	defer func() { _ = text.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		return 0, fmt.Errorf("read the API server's metrics: %w", err)
	}
	counted := 0.0
	for _, metric := range families["apiserver_request_total"].GetMetric() {
		labels := map[string]string{}
		for _, pair := range metric.GetLabel() {
			labels[pair.GetName()] = pair.GetValue()
		}
		switch labels["verb"] {
		case "POST", "PUT", "PATCH", "APPLY", "DELETE":
			if labels["resource"] != "leases" {
				counted += metric.GetCounter().GetValue()
			}
		}
	}
	return int(counted), nil
}

// reconciled is how many passes over claims there were so far.
func reconciled() (int, error) {
	families, err := metrics.Registry.Gather()
	if err != nil {
		return 0, err
	}
	count := 0.0
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if ofClaims(metric.GetLabel()) {
				count += metric.GetCounter().GetValue()
			}
		}
	}
	return int(count), nil
}

// ofClaims says whether a series is of the controller of the claims.
func ofClaims(labels []*dto.LabelPair) bool {
	return slices.ContainsFunc(labels, func(pair *dto.LabelPair) bool {
		return pair.GetName() == "controller" && pair.GetValue() == "claims-box"
	})
}

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
