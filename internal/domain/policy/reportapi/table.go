package reportapi

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/meta/table"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
)

// columns are what kubectl prints; those with a priority are for -o wide.
func columns() []metav1.TableColumnDefinition {
	all := []metav1.TableColumnDefinition{
		{Name: "Name", Type: "string", Format: "name", Description: "UID of the object that the report is about"},
		{Name: "Kind", Type: "string", Description: "Kind of that object"},
		{Name: "Name", Type: "string", Description: "Name of that object"},
	}
	for _, name := range []string{"Pass", "Fail", "Warn", "Error", "Skip"} {
		all = append(all, metav1.TableColumnDefinition{Name: name, Type: "integer", Description: "Number of rules"})
	}
	return append(all,
		metav1.TableColumnDefinition{Name: "Age", Type: "string", Description: "How long the oldest result has been what it is"},
		metav1.TableColumnDefinition{Name: "Policies", Type: "string", Priority: 1, Description: "Policies that fail, warn or err"},
	)
}

// ConvertToTable prints one report or a list of them.
func (s *storage) ConvertToTable(_ context.Context, object, options runtime.Object) (*metav1.Table, error) {
	printed := &metav1.Table{}
	if o, ok := options.(*metav1.TableOptions); !ok || !o.NoHeaders {
		printed.ColumnDefinitions = columns()
	}
	if list, err := meta.ListAccessor(object); err == nil {
		printed.ResourceVersion, printed.Continue = list.GetResourceVersion(), list.GetContinue()
	} else if one, err := meta.CommonAccessor(object); err == nil {
		printed.ResourceVersion = one.GetResourceVersion()
	}
	var err error
	printed.Rows, err = table.MetaToTableRow(object, func(object runtime.Object, _ metav1.Object, _, age string) ([]any, error) {
		v, err := viewOf(object)
		if err != nil {
			return nil, err
		}
		return cells(v, age), nil
	})
	return printed, err
}

func cells(v view, age string) []any {
	row := []any{v.meta.Name, "", ""}
	if v.scope != nil {
		row[1], row[2] = v.scope.Kind, v.scope.Name
	}
	sum := v.summary
	for _, count := range []int{sum.Pass, sum.Fail, sum.Warn, sum.Error, sum.Skip} {
		row = append(row, int64(count))
	}
	return append(row, age, strings.Join(discontent(v.results), ","))
}

// discontent are the policies that are not content, once each.
func discontent(results []openreportsv1alpha1.Result) []string {
	var names []string
	for _, r := range results {
		if r.Result != "pass" && r.Result != "skip" && !slices.Contains(names, r.Policy) {
			names = append(names, r.Policy)
		}
	}
	return names
}
