package manifest

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// Live is the object of the same kind and name in the cluster, nil when
// there is none.
func Live(ctx context.Context, c client.Client, like client.Object) (client.Object, error) {
	if c == nil {
		return nil, nil
	}
	gvk := like.GetObjectKind().GroupVersionKind()
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(gvk)
	err := c.Get(ctx, client.ObjectKeyFromObject(like), live)
	switch {
	case apierrors.IsNotFound(err), meta.IsNoMatchError(err):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", Title(like), err)
	}
	return live, nil
}

// Contains says whether the live object has every field of the wanted one.
func Contains(live, want client.Object) bool {
	same, err := NewChange(live, want)
	return err == nil && same.Kind() == ChangeNone
}

// Show prints the diff of the documents themselves.
func Show(ctx context.Context, p *verb.Program, c client.Client, documents []Document) error {
	var changes []Change
	for _, d := range documents {
		live, err := Live(ctx, c, d.Object)
		if err != nil {
			return err
		}
		one, err := NewChange(live, d.Object)
		if err != nil {
			return err
		}
		changes = append(changes, one)
	}
	if PrintChanges(p, changes) {
		return verb.Exit(verb.ExitDifferences)
	}
	return nil
}

// Print writes an object as one YAML or JSON document, or its name.
func Print(p *verb.Program, out *verb.Output, object client.Object) error {
	if out.Chosen == verb.FormatName {
		name := Title(object)
		if object.GetObjectKind().GroupVersionKind().Group == tenancyv1.GroupVersion.Group {
			name = FullName(object)
		}
		_, err := fmt.Fprintln(p.Out, name)
		return err
	}
	fields, err := Content(object)
	if err != nil {
		return err
	}
	if out.Chosen == verb.FormatJSON {
		return out.Print(p.Out, fields, nil)
	}
	data, err := yaml.Marshal(fields)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.Out, "---\n%s", data)
	return err
}
