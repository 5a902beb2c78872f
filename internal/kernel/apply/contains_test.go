package apply_test

import (
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

func quota(hard map[corev1.ResourceName]string) *corev1.ResourceQuota {
	list := corev1.ResourceList{}
	for name, value := range hard {
		list[name] = resource.MustParse(value)
	}
	return &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: list}}
}

func policy(spec networkingv1.NetworkPolicySpec) *networkingv1.NetworkPolicy {
	return &networkingv1.NetworkPolicy{Spec: spec}
}

func labelled(labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Labels: labels}}
}

func loose(spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "x.dev/v1", "kind": "X", "metadata": map[string]any{"name": "x"}, "spec": spec,
	}}
}

func TestContains(t *testing.T) {
	t.Parallel()
	selector := func(labels map[string]string) metav1.LabelSelector { return metav1.LabelSelector{MatchLabels: labels} }
	tcp, udp := corev1.ProtocolTCP, corev1.ProtocolUDP
	port := func(p *corev1.Protocol, number intstr.IntOrString) networkingv1.NetworkPolicyPort {
		return networkingv1.NetworkPolicyPort{Protocol: p, Port: &number}
	}
	ingress := func(ports ...networkingv1.NetworkPolicyPort) *networkingv1.NetworkPolicy {
		return policy(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{Ports: ports}}})
	}
	cases := map[string]struct {
		reason        string
		live, desired client.Object
		want          bool
	}{
		"QuantityByValue": {
			"one core is a thousand thousandths",
			quota(map[corev1.ResourceName]string{"cpu": "1000m", "memory": "1024Mi"}),
			quota(map[corev1.ResourceName]string{"cpu": "1", "memory": "1Gi"}), true,
		},
		"QuantityDiffers": {"a quota that was raised is drift", quota(map[corev1.ResourceName]string{"cpu": "2"}), quota(map[corev1.ResourceName]string{"cpu": "1"}), false},
		"QuantityZero":    {"an entry of zero is set", quota(map[corev1.ResourceName]string{"cpu": "1"}), quota(map[corev1.ResourceName]string{"cpu": "0"}), false},
		"EntryMissing":    {"an entry that was removed is drift", quota(nil), quota(map[corev1.ResourceName]string{"cpu": "0"}), false},
		"EntryMore":       {"maps may have more than was asked", quota(map[corev1.ResourceName]string{"cpu": "1", "pods": "5"}), quota(map[corev1.ResourceName]string{"cpu": "1"}), true},
		"LabelMore":       {"others may add labels", labelled(map[string]string{"a": "1", "b": "2"}), labelled(map[string]string{"a": "1"}), true},
		"LabelChanged":    {"a label that was changed is drift", labelled(map[string]string{"a": "2"}), labelled(map[string]string{"a": "1"}), false},
		"LabelEmptied":    {"an empty label is a label", labelled(nil), labelled(map[string]string{"a": ""}), false},
		"Status": {
			"the status is not ours to ask for",
			&corev1.Namespace{},
			&corev1.Namespace{Status: corev1.NamespaceStatus{Phase: corev1.NamespaceActive}}, true,
		},
		"ListLonger": {
			"lists are compared whole: a second subject is drift",
			&rbacv1.RoleBinding{Subjects: []rbacv1.Subject{{Name: "a"}, {Name: "b"}}},
			&rbacv1.RoleBinding{Subjects: []rbacv1.Subject{{Name: "a"}}}, false,
		},
		"ListElementWider": {
			"within a list nothing may be added",
			ingress(port(&udp, intstr.FromInt32(53)), port(&tcp, intstr.FromInt32(53))),
			ingress(port(&udp, intstr.FromInt32(53)), port(nil, intstr.FromInt32(53))), false,
		},
		"PortNameIsNoNumber": {"a port by name is not one by number", ingress(port(&tcp, intstr.FromString("53"))), ingress(port(&tcp, intstr.FromInt32(53))), false},
		"UnsetList": {
			"a list that is not set is not asked for",
			policy(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}}}),
			policy(networkingv1.NetworkPolicySpec{}), true,
		},
		"EmptyList": {
			"a list that is empty on purpose finds the hole in a default deny",
			policy(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{{}}}),
			policy(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{}}), false,
		},
		"EmptyListIsNil": {
			"nil is empty enough",
			policy(networkingv1.NetworkPolicySpec{}),
			policy(networkingv1.NetworkPolicySpec{Ingress: []networkingv1.NetworkPolicyIngressRule{}}), true,
		},
		"SelectorNarrowed": {
			"a selector is compared whole: one more label lets most pods escape",
			policy(networkingv1.NetworkPolicySpec{PodSelector: selector(map[string]string{"a": "1", "b": "2"})}),
			policy(networkingv1.NetworkPolicySpec{PodSelector: selector(map[string]string{"a": "1"})}), false,
		},
		"SelectorOfAll": {
			"the empty selector means all pods",
			policy(networkingv1.NetworkPolicySpec{PodSelector: selector(map[string]string{"a": "1"})}),
			policy(networkingv1.NetworkPolicySpec{}), false,
		},
		"Pointer": {
			"a value behind a pointer is compared, also a zero",
			&corev1.ServiceAccount{AutomountServiceAccountToken: new(true)},
			&corev1.ServiceAccount{AutomountServiceAccountToken: new(false)}, false,
		},
		"Finalizer": {
			"others may have finalizers too",
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{"theirs", "ours"}}},
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{"ours"}}}, true,
		},
		"FinalizerGone": {
			"our finalizer must be there",
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{"theirs"}}},
			&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Finalizers: []string{"ours"}}}, false,
		},
		"OtherType":     {"another kind contains nothing", &corev1.Secret{}, &corev1.ConfigMap{}, false},
		"Loose":         {"what has no Go type is compared by key", loose(map[string]any{"a": "1", "b": map[string]any{"c": int64(1), "d": "2"}}), loose(map[string]any{"b": map[string]any{"c": int64(1)}}), true},
		"LooseDiffers":  {"at any depth", loose(map[string]any{"b": map[string]any{"c": int64(1)}}), loose(map[string]any{"b": map[string]any{"c": int64(2)}}), false},
		"LooseListMore": {"with lists whole", loose(map[string]any{"b": []any{map[string]any{"c": "1", "d": "2"}}}), loose(map[string]any{"b": []any{map[string]any{"c": "1"}}}), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := apply.Contains(tc.live, tc.desired); got != tc.want {
				t.Errorf("Contains() = %t, want %t: %s", got, tc.want, tc.reason)
			}
		})
	}
}

// generated draws objects of the sorts that Roadbed generates.
func generated(t *rapid.T) client.Object {
	words := rapid.StringMatching(`[a-z]{1,5}`)
	labels := rapid.MapOfN(words, words, 1, 4)
	meta := metav1.ObjectMeta{Name: words.Draw(t, "name"), Labels: labels.Draw(t, "labels")}
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		object := quota(nil)
		object.ObjectMeta = meta
		for name, amount := range rapid.MapOfN(words, rapid.Int64Range(0, 1<<40), 1, 5).Draw(t, "hard") {
			object.Spec.Hard[corev1.ResourceName(name)] = *resource.NewMilliQuantity(amount, resource.DecimalSI)
		}
		return object
	case 1:
		object := &rbacv1.RoleBinding{ObjectMeta: meta, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: words.Draw(t, "role")}}
		for _, name := range rapid.SliceOfN(words, 0, 4).Draw(t, "subjects") {
			object.Subjects = append(object.Subjects, rbacv1.Subject{Kind: "Group", Name: name})
		}
		return object
	case 2:
		object := policy(networkingv1.NetworkPolicySpec{PodSelector: metav1.LabelSelector{MatchLabels: labels.Draw(t, "pods")}})
		object.ObjectMeta = meta
		for _, number := range rapid.SliceOfN(rapid.Int32Range(1, 65535), 0, 3).Draw(t, "ports") {
			object.Spec.Egress = append(object.Spec.Egress, networkingv1.NetworkPolicyEgressRule{
				Ports: []networkingv1.NetworkPolicyPort{{Port: new(intstr.FromInt32(number))}},
			})
		}
		return object
	default:
		return &corev1.ConfigMap{ObjectMeta: meta, Data: rapid.MapOfN(words, words, 1, 5).Draw(t, "data")}
	}
}

// add gives the object something that nobody asked for.
func add(object client.Object) {
	labels := maps.Clone(object.GetLabels())
	labels["Added"] = "by somebody"
	object.SetLabels(labels)
	object.SetResourceVersion("12")
	switch object := object.(type) {
	case *corev1.ResourceQuota:
		object.Spec.Hard["Added"] = resource.MustParse("1")
		object.Status.Hard = object.Spec.Hard
	case *corev1.ConfigMap:
		object.Data["Added"] = "by somebody"
	}
}

// spoil changes one thing that was asked for.
func spoil(t *rapid.T, object, desired client.Object) {
	if rapid.Bool().Draw(t, "spoil a label") {
		delete(object.GetLabels(), anyKey(t, desired.GetLabels()))
		return
	}
	switch object := object.(type) {
	case *corev1.ResourceQuota:
		name := anyKey(t, desired.(*corev1.ResourceQuota).Spec.Hard)
		more := object.Spec.Hard[name]
		more.Add(resource.MustParse("1m"))
		object.Spec.Hard[name] = more
	case *rbacv1.RoleBinding:
		object.RoleRef.Name += "x"
	case *networkingv1.NetworkPolicy:
		object.Spec.PodSelector.MatchLabels["Added"] = "to a selector"
	case *corev1.ConfigMap:
		object.Data[anyKey(t, desired.(*corev1.ConfigMap).Data)] += "x"
	}
}

func anyKey[K ~string, V any](t *rapid.T, from map[K]V) K {
	return rapid.SampledFrom(slices.Sorted(maps.Keys(from))).Draw(t, "key")
}

func TestContainsLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		desired := generated(t)
		live := desired.DeepCopyObject().(client.Object)
		if !apply.Contains(live, desired) {
			t.Fatalf("an object does not contain itself: %v", desired)
		}
		add(live)
		if !apply.Contains(live, desired) {
			t.Fatalf("what somebody added makes it drift: %v in %v", desired, live)
		}
		spoil(t, live, desired)
		if apply.Contains(live, desired) {
			t.Fatalf("what somebody changed is not seen: %v in %v", desired, live)
		}
	})
}

// BenchmarkContains is the cost of a resync per object: 12,000 of them should
// take well under a second.
func BenchmarkContains(b *testing.B) {
	desired := quota(map[corev1.ResourceName]string{"requests.storage": "1Ti"})
	desired.Labels = map[string]string{"tenancy.roadbed.dev/tenant": "payments", "tenancy.roadbed.dev/tier": "tier-1"}
	for i := range 40 {
		desired.Spec.Hard[corev1.ResourceName("count/kind"+strconv.Itoa(i))] = resource.MustParse("100")
	}
	network := policy(networkingv1.NetworkPolicySpec{Egress: []networkingv1.NetworkPolicyEgressRule{{
		Ports: []networkingv1.NetworkPolicyPort{{Protocol: new(corev1.ProtocolUDP), Port: new(intstr.FromInt32(53))}},
		To:    []networkingv1.NetworkPolicyPeer{{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "kube-system"}}}},
	}}})
	for name, object := range map[string]client.Object{"Quota41": desired, "NetworkPolicy": network} {
		live := object.DeepCopyObject().(client.Object)
		live.SetCreationTimestamp(metav1.NewTime(time.Now()))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if !apply.Contains(live, object) {
					b.Fatal("not contained")
				}
			}
		})
	}
}
