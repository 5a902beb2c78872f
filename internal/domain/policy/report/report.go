package report

import (
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	openreportsv1alpha1 "github.com/roadbed-dev/roadbed/api/openreports/v1alpha1"
	tenancyv1alpha1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	wgpolicyv1alpha2 "github.com/roadbed-dev/roadbed/api/wgpolicy/v1alpha2"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/history"
)

// Source is who reports, in every report and result.
const Source = "roadbed"

// LabelManagedBy is a label of every report, with the value Source.
const LabelManagedBy = "app.kubernetes.io/managed-by"

// Properties of results.
const (
	// PropertyTier is Mandatory, Default or Recommended.
	PropertyTier = "tier"
	// PropertyLane is where the verdict is reached at admission.
	PropertyLane = "lane"
	// PropertyKind is the policy's kind.
	PropertyKind = "kind"
	// PropertyOverride names the override that waives a failure.
	PropertyOverride = "override"
)

// Report is the report of an object of a namespace.
func Report(r history.Report) *openreportsv1alpha1.Report {
	return &openreportsv1alpha1.Report{
		TypeMeta:   kindOf(openreportsv1alpha1.GroupVersion.String(), "Report"),
		ObjectMeta: Meta(r), Content: content(r),
	}
}

// ClusterReport is the report of an object of the cluster.
func ClusterReport(r history.Report) *openreportsv1alpha1.ClusterReport {
	return &openreportsv1alpha1.ClusterReport{
		TypeMeta:   kindOf(openreportsv1alpha1.GroupVersion.String(), "ClusterReport"),
		ObjectMeta: Meta(r), Content: content(r),
	}
}

// PolicyReport is the report of an object of a namespace in the older form.
func PolicyReport(r history.Report) *wgpolicyv1alpha2.PolicyReport {
	return &wgpolicyv1alpha2.PolicyReport{
		TypeMeta:   kindOf(wgpolicyv1alpha2.GroupVersion.String(), "PolicyReport"),
		ObjectMeta: Meta(r), Content: olderContent(r),
	}
}

// ClusterPolicyReport is the report of an object of the cluster in the older form.
func ClusterPolicyReport(r history.Report) *wgpolicyv1alpha2.ClusterPolicyReport {
	return &wgpolicyv1alpha2.ClusterPolicyReport{
		TypeMeta:   kindOf(wgpolicyv1alpha2.GroupVersion.String(), "ClusterPolicyReport"),
		ObjectMeta: Meta(r), Content: olderContent(r),
	}
}

func kindOf(groupVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: groupVersion, Kind: kind}
}

// Meta is the metadata of an object's report. It is as old as the oldest of its
// results.
func Meta(r history.Report) metav1.ObjectMeta {
	s := r.Subject
	meta := metav1.ObjectMeta{
		Name:            s.UID,
		Namespace:       s.Namespace,
		ResourceVersion: strconv.FormatInt(r.Revision, 10),
		Labels:          map[string]string{LabelManagedBy: Source},
		OwnerReferences: []metav1.OwnerReference{{APIVersion: s.APIVersion, Kind: s.Kind, Name: s.Name, UID: types.UID(s.UID)}},
	}
	if s.Tenant != "" {
		meta.Labels[tenancyv1alpha1.LabelTenant] = s.Tenant
	}
	for _, since := range r.Since {
		if meta.CreationTimestamp.IsZero() || since.Before(meta.CreationTimestamp.Time) {
			meta.CreationTimestamp = metav1.NewTime(since)
		}
	}
	return meta
}

func content(r history.Report) openreportsv1alpha1.Content {
	return openreportsv1alpha1.Content{Source: Source, Scope: scope(r.Subject), Summary: Summary(r), Results: results(r)}
}

func olderContent(r history.Report) wgpolicyv1alpha2.Content {
	return wgpolicyv1alpha2.Content{Scope: scope(r.Subject), Summary: Summary(r), Results: results(r)}
}

func scope(s history.Subject) *corev1.ObjectReference {
	return &corev1.ObjectReference{APIVersion: s.APIVersion, Kind: s.Kind, Namespace: s.Namespace, Name: s.Name, UID: types.UID(s.UID)}
}

// Summary counts an object's results.
func Summary(r history.Report) openreportsv1alpha1.Summary {
	var sum openreportsv1alpha1.Summary
	for _, result := range r.Results {
		switch result.Status {
		case policy.Pass:
			sum.Pass++
		case policy.Fail:
			sum.Fail++
		case policy.Warn:
			sum.Warn++
		case policy.Error:
			sum.Error++
		case policy.Skip:
			sum.Skip++
		}
	}
	return sum
}

func results(r history.Report) []openreportsv1alpha1.Result {
	all := make([]openreportsv1alpha1.Result, len(r.Results))
	for i, result := range r.Results {
		all[i] = openreportsv1alpha1.Result{
			Source: Source, Policy: result.Policy, Rule: result.Rule, Category: result.Category,
			Severity: severity(result.Severity), Result: string(result.Status), Scored: result.Status != policy.Warn,
			Message: result.Message, Properties: properties(result),
		}
		if i < len(r.Since) {
			at := r.Since[i]
			all[i].Timestamp = metav1.Timestamp{Seconds: at.Unix(), Nanos: int32(at.Nanosecond())}
		}
	}
	return all
}

// severity leaves out what the formats do not know.
func severity(s string) string {
	if slices.Contains([]string{"critical", "high", "medium", "low", "info"}, s) {
		return s
	}
	return ""
}

func properties(r policy.Result) map[string]string {
	all := map[string]string{}
	for key, value := range map[string]string{
		PropertyTier: string(r.Tier), PropertyLane: string(r.Lane), PropertyKind: r.Kind, PropertyOverride: r.Override,
	} {
		if value != "" {
			all[key] = value
		}
	}
	return all
}
