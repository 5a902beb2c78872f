package manifest

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/kernel/golden"
)

func quotaObject(hard corev1.ResourceList) *corev1.ResourceQuota {
	return &corev1.ResourceQuota{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ResourceQuota"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: "quota"},
		Spec:       corev1.ResourceQuotaSpec{Hard: hard},
	}
}

// service has a port of the name, and more ports with numbers for names.
func service(port string, protocol corev1.Protocol, more ...int32) *corev1.Service {
	s := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: "web"},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: port, Port: 443, Protocol: protocol}}},
	}
	for _, number := range more {
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: strconv.Itoa(int(number)), Port: number})
	}
	return s
}

func TestChangesSeeOnlyWhatIsWanted(t *testing.T) {
	t.Parallel()
	pods := func(n string) corev1.ResourceList { return corev1.ResourceList{"pods": resource.MustParse(n)} }
	withMore := quotaObject(pods("5"))
	withMore.ResourceVersion = "7"
	withMore.Annotations = map[string]string{"team": "their own"}
	withMore.Status.Used = pods("3")
	for _, test := range []struct {
		reason        string
		live, desired client.Object
		want          string
	}{
		{"what others set is none of our business", withMore, quotaObject(pods("5")), ChangeNone},
		{"another amount", withMore, quotaObject(pods("6")), ChangeEdit},
		{"not there yet", nil, quotaObject(pods("5")), ChangeAdd},
		{"no longer wanted", withMore, nil, ChangeRemove},
		{"a default within a named entry", service("web", "TCP"), service("web", ""), ChangeNone},
		{"another name of an entry", service("api", "TCP"), service("web", "TCP"), ChangeEdit},
		{"an entry more", service("web", "TCP", 1, 2), service("web", "TCP", 1), ChangeEdit},
		{"a field that is missing", quotaObject(nil), quotaObject(pods("5")), ChangeEdit},
	} {
		t.Run(test.reason, func(t *testing.T) {
			t.Parallel()
			got, err := NewChange(test.live, test.desired)
			if err != nil {
				t.Fatal(err)
			}
			if got.Kind() != test.want {
				t.Errorf("%s, want %s\nbefore:\n%s\nafter:\n%s", got.Kind(), test.want, got.before, got.after)
			}
		})
	}
}

func TestContentIsWhatWasSaid(t *testing.T) {
	t.Parallel()
	documents, err := Parse(Scheme(), "in.yaml", []byte("apiVersion: tenancy.roadbed.dev/v1alpha1\nkind: Tenant\nmetadata: {name: a}\nspec: {tier: tier-2}\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Content(documents[0].Object)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"tier": "tier-2"}
	if diff := cmp.Diff(want, got["spec"]); diff != "" {
		t.Errorf("a field that nobody wrote is sent, so that the refusal would not say it is missing (-want +got):\n%s", diff)
	}
}

func TestDiffIsGolden(t *testing.T) {
	t.Parallel()
	five, six := corev1.ResourceList{"pods": resource.MustParse("5")}, corev1.ResourceList{"pods": resource.MustParse("6")}
	denyAll := &networkingv1.NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: "default-deny-all"},
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	}
	var changes []Change
	for _, pair := range [][2]client.Object{
		{quotaObject(five), quotaObject(six)}, {quotaObject(five), quotaObject(five)}, {nil, denyAll}, {quotaObject(five), nil},
	} {
		one, err := NewChange(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		changes = append(changes, one)
	}
	for _, test := range []struct {
		file  string
		color bool
	}{{"diff", false}, {"diff-color", true}} {
		t.Run(test.file, func(t *testing.T) {
			t.Parallel()
			s := verbtest.New(t)
			p := s.Program()
			p.Color = test.color
			if !PrintChanges(p, changes) {
				t.Error("found no difference")
			}
			golden.Check(t, "testdata/output/"+test.file+".golden", s.Stdout.Bytes())
		})
	}
}
