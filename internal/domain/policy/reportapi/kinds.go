package reportapi

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
	wgpolicyv1alpha2 "github.com/roadbed-dev/roadbed/api/wgpolicy/v1alpha2"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/report"
)

// kind is a kind of reports, and how it is made.
type kind struct {
	version          schema.GroupVersion
	name             string
	plural, singular string
	short            string
	namespaced       bool
	empty, list      func() runtime.Object
	of               func(history.Report) runtime.Object
}

// kinds are those that are served.
func kinds() []kind {
	return []kind{
		{
			version: openreportsv1alpha1.GroupVersion, name: "Report", plural: "reports", singular: "report", short: "reps", namespaced: true,
			empty: func() runtime.Object { return &openreportsv1alpha1.Report{} },
			list:  func() runtime.Object { return &openreportsv1alpha1.ReportList{} },
			of:    func(r history.Report) runtime.Object { return report.Report(r) },
		},
		{
			version: openreportsv1alpha1.GroupVersion, name: "ClusterReport", plural: "clusterreports", singular: "clusterreport", short: "creps",
			empty: func() runtime.Object { return &openreportsv1alpha1.ClusterReport{} },
			list:  func() runtime.Object { return &openreportsv1alpha1.ClusterReportList{} },
			of:    func(r history.Report) runtime.Object { return report.ClusterReport(r) },
		},
		{
			version: wgpolicyv1alpha2.GroupVersion, name: "PolicyReport", plural: "policyreports", singular: "policyreport", short: "polr", namespaced: true,
			empty: func() runtime.Object { return &wgpolicyv1alpha2.PolicyReport{} },
			list:  func() runtime.Object { return &wgpolicyv1alpha2.PolicyReportList{} },
			of:    func(r history.Report) runtime.Object { return report.PolicyReport(r) },
		},
		{
			version: wgpolicyv1alpha2.GroupVersion, name: "ClusterPolicyReport", plural: "clusterpolicyreports", singular: "clusterpolicyreport", short: "cpolr",
			empty: func() runtime.Object { return &wgpolicyv1alpha2.ClusterPolicyReport{} },
			list:  func() runtime.Object { return &wgpolicyv1alpha2.ClusterPolicyReportList{} },
			of:    func(r history.Report) runtime.Object { return report.ClusterPolicyReport(r) },
		},
	}
}

// Versions are the groups that are served, each in its version.
func Versions() []schema.GroupVersion {
	return []schema.GroupVersion{openreportsv1alpha1.GroupVersion, wgpolicyv1alpha2.GroupVersion}
}

// Fields of the object that a report is about, by which reports can be selected.
const (
	fieldKind = "scope.kind"
	fieldName = "scope.name"
)

// newScheme knows the kinds, and which fields select.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := openreportsv1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := wgpolicyv1alpha2.AddToScheme(scheme); err != nil {
		return nil, err
	}
	unversioned := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, unversioned)
	scheme.AddUnversionedTypes(unversioned, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	for _, k := range kinds() {
		if err := scheme.AddFieldLabelConversionFunc(k.version.WithKind(k.name), selectable); err != nil {
			return nil, err
		}
	}
	for _, version := range Versions() {
		if err := scheme.SetVersionPriority(version); err != nil {
			return nil, err
		}
	}
	return scheme, nil
}

// selectable accepts the fields by which reports can be selected.
func selectable(label, value string) (gotLabel, gotValue string, err error) {
	switch label {
	case "metadata.name", "metadata.namespace", fieldKind, fieldName:
		return label, value, nil
	}
	return "", "", fmt.Errorf("reports cannot be selected by field %q; use metadata.name, metadata.namespace, %s or %s", label, fieldKind, fieldName)
}

// view is what all kinds of reports have in common.
type view struct {
	meta    *metav1.ObjectMeta
	scope   *corev1.ObjectReference
	summary openreportsv1alpha1.Summary
	results []openreportsv1alpha1.Result
}

// viewOf looks at a report of any kind.
func viewOf(object runtime.Object) (view, error) {
	switch o := object.(type) {
	case *openreportsv1alpha1.Report:
		return view{&o.ObjectMeta, o.Scope, o.Summary, o.Results}, nil
	case *openreportsv1alpha1.ClusterReport:
		return view{&o.ObjectMeta, o.Scope, o.Summary, o.Results}, nil
	case *wgpolicyv1alpha2.PolicyReport:
		return view{&o.ObjectMeta, o.Scope, o.Summary, o.Results}, nil
	case *wgpolicyv1alpha2.ClusterPolicyReport:
		return view{&o.ObjectMeta, o.Scope, o.Summary, o.Results}, nil
	}
	return view{}, fmt.Errorf("a %T is no report", object)
}
