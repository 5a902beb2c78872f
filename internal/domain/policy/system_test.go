package policy

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	klabels "k8s.io/apimachinery/pkg/labels"
)

func TestExempt(t *testing.T) {
	t.Parallel()
	included := map[string]string{IncludeSystemLabel: "true"}
	for _, test := range []struct {
		name, reason string
		labels       map[string]string
		namespace    string
		want         bool
	}{
		{name: "kube-system", reason: "Kubernetes must stay repairable", namespace: "kube-system", want: true},
		{name: "roadbed-system", reason: "and so must Roadbed", namespace: "roadbed-system", want: true},
		{name: "tenant", reason: "policies are for everybody else", namespace: "payments"},
		{name: "cluster", reason: "an object of the cluster is in no namespace", namespace: ""},
		{name: "included", reason: "the author asked for it", labels: included, namespace: "kube-system"},
		{name: "other value", reason: "only \"true\" is a yes", labels: map[string]string{IncludeSystemLabel: "yes"}, namespace: "kube-system", want: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := Exempt(test.labels, &Request{Namespace: test.namespace}); got != test.want {
				t.Errorf("Exempt = %v, want %v: %s", got, test.want, test.reason)
			}
			if test.namespace == "" {
				return
			}
			selector, err := metav1.LabelSelectorAsSelector(SystemSelector(test.labels))
			if err != nil {
				t.Fatal(err)
			}
			if selected := selector.Matches(klabels.Set{namespaceNameLabel: test.namespace}); selected == test.want {
				t.Errorf("the selector selects: %v, but exempt: %v; both say the same rule", selected, test.want)
			}
		})
	}
}
