package policies

import (
	"context"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/adapter/render"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// target says which objects are judged.
type target struct {
	resources []string
	charts    []string
	// chart is how charts are rendered.
	chart          render.ChartOptions
	kustomizations []string
	cluster        bool
	namespace      string
}

func (t target) empty() bool {
	return len(t.resources) == 0 && len(t.charts) == 0 && len(t.kustomizations) == 0 && !t.cluster
}

// objects reads the objects of files, charts and kustomizations. Policies among
// them, as folders of both have them, are left out.
func (p *program) objects(t target) ([]scenario.Object, error) {
	var objects []scenario.Object
	var mistakes []yamldoc.Mistake
	add := func(name string, data []byte) {
		read, wrong := scenario.ParseObjects(name, data)
		objects = append(objects, read...)
		mistakes = append(mistakes, wrong...)
	}
	for _, name := range t.resources {
		files, err := expand(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, shown, err := manifest.Input(p.Program, file)
			if err != nil {
				return nil, err
			}
			add(shown, data)
		}
	}
	rendered, err := t.rendered()
	if err != nil {
		return nil, err
	}
	for _, file := range rendered {
		add(file.Name, file.Data)
	}
	objects = slices.DeleteFunc(objects, func(o scenario.Object) bool {
		return load.IsPolicyKind(o.GVK().GroupVersion().String(), o.GVK().Kind)
	})
	return objects, yamldoc.Join(mistakes)
}

// rendered are the files that charts and kustomizations make.
func (t target) rendered() ([]render.File, error) {
	var files []render.File
	for _, dir := range t.charts {
		made, err := render.Chart(dir, t.chart)
		if err != nil {
			return nil, err
		}
		files = append(files, made...)
	}
	for _, dir := range t.kustomizations {
		made, err := render.Kustomization(dir)
		if err != nil {
			return nil, err
		}
		files = append(files, made)
	}
	return files, nil
}

// live reads the objects of the cluster that the policies may concern.
func (p *program) live(ctx context.Context, namespace string, policies []policy.Evaluator) ([]scenario.Object, error) {
	c, err := p.Client()
	if err != nil {
		return nil, err
	}
	served, err := p.served()
	if err != nil {
		return nil, err
	}
	var objects []scenario.Object
	for _, resource := range policy.Covering(policies, served, admissionv1.Create, admissionv1.Update) {
		if namespace != "" && !resource.Namespaced {
			continue
		}
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(schema.GroupVersionKind{Group: resource.Group, Version: resource.Version, Kind: resource.Kind + "List"})
		if err := c.List(ctx, list, client.InNamespace(namespace)); err != nil {
			if meta.IsNoMatchError(err) {
				continue
			}
			return nil, fmt.Errorf("list %s: %w", resource.Resource, err)
		}
		for i := range list.Items {
			list.Items[i].SetManagedFields(nil)
			objects = append(objects, scenario.Of(list.Items[i].Object))
		}
	}
	return objects, nil
}

// served are the resources of the cluster that can be listed, each in the
// version that the cluster prefers.
func (p *program) served() ([]policy.Served, error) {
	config, err := p.RestConfig()
	if err != nil {
		return nil, err
	}
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	lists, err := d.ServerPreferredResources()
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return nil, fmt.Errorf("ask which kinds the cluster has: %w", err)
	}
	var served []policy.Served
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			continue
		}
		for _, resource := range list.APIResources {
			if slices.Contains(resource.Verbs, "list") {
				served = append(served, policy.Served{
					Group: version.Group, Version: version.Version, Kind: resource.Kind, Resource: resource.Name, Namespaced: resource.Namespaced,
				})
			}
		}
	}
	return served, nil
}
