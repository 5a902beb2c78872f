package reports

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/controller-runtime/pkg/client"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/report"
)

// found is a report of a namespace or, without one, of the cluster.
type found = openreportsv1alpha1.Report

// errNotServed says that the Kubernetes API has no reports.
var errNotServed = errors.New("the Kubernetes API serves no policy reports")

// pageSize is how many reports are asked for at once.
const pageSize = 500

// reader reads reports through the Kubernetes API.
type reader struct {
	dynamic.Interface
	options metav1.ListOptions
}

// fromKubernetes lists reports as kubectl does.
func (p *program) fromKubernetes(ctx context.Context, f *flags) ([]found, error) {
	config, err := p.RestConfig()
	if err != nil {
		return nil, err
	}
	direct, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reach the cluster at %s: %w", config.Host, err)
	}
	// Kyverno may serve reports of the same kinds.
	r := reader{direct, metav1.ListOptions{Limit: pageSize, LabelSelector: report.LabelManagedBy + "=" + report.Source}}
	if f.tenant != "" {
		r.options.LabelSelector += "," + tenancyv1alpha1.LabelTenant + "=" + f.tenant
	}
	if f.namespace != "" {
		return r.list(ctx, "reports", f.namespace)
	}
	all, err := r.list(ctx, "reports", "")
	if apierrors.IsForbidden(err) && f.tenant != "" {
		return p.ofTenant(ctx, r, f.tenant)
	}
	if err != nil || f.tenant != "" {
		return all, err
	}
	wide, err := r.list(ctx, "clusterreports", "")
	return append(all, wide...), err
}

// ofTenant reads a tenant's namespaces one by one, for who may not read more.
func (p *program) ofTenant(ctx context.Context, r reader, name string) ([]found, error) {
	c, err := p.Client()
	if err != nil {
		return nil, err
	}
	var tenant tenancyv1alpha1.Tenant
	if err := c.Get(ctx, client.ObjectKey{Name: name}, &tenant); err != nil {
		return nil, fmt.Errorf("find the namespaces of tenant %q: %w", name, err)
	}
	var all []found
	for _, home := range tenant.Status.Namespaces {
		some, err := r.list(ctx, "reports", home.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// list reads all reports of a kind, page by page.
func (r reader) list(ctx context.Context, resource, namespace string) ([]found, error) {
	var all []found
	options := r.options
	for {
		page, err := r.Resource(openreportsv1alpha1.GroupVersion.WithResource(resource)).Namespace(namespace).List(ctx, options)
		if apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err) {
			return nil, fmt.Errorf("%w: %w", errNotServed, err)
		}
		if err != nil {
			return nil, fmt.Errorf("list policy reports: %w", err)
		}
		for i := range page.Items {
			one, err := reportOf(&page.Items[i])
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return all, nil
		}
	}
}

func reportOf(object *unstructured.Unstructured) (found, error) {
	var one found
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &one); err != nil {
		return one, fmt.Errorf("read report %q: %w", object.GetName(), err)
	}
	return one, nil
}
