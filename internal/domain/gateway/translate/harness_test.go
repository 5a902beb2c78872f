package translate

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/roadbed-dev/roadbed/api/gateway/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(s))
	utilruntime.Must(discoveryv1.AddToScheme(s))
	utilruntime.Must(gatewayv1.Install(s))
	utilruntime.Must(v1alpha1.AddToScheme(s))
	return s
}

// bench is a World with its Translator.
type bench struct {
	t     testing.TB
	world *World
	tr    *Translator
	born  int
}

func newBench(t testing.TB, manifests ...string) *bench {
	t.Helper()
	b := &bench{t: t, world: NewWorld()}
	b.tr = New(Settings{
		Addresses:     []Address{{Bind: netip.MustParseAddr("127.0.0.1")}, {Bind: netip.MustParseAddr("127.0.0.2")}},
		ClusterIssuer: "https://kubernetes.default.svc",
	}, b.world)
	for _, manifest := range manifests {
		b.put(manifest)
	}
	return b
}

// put sets the objects of a manifest, each a second younger than the one before.
func (b *bench) put(manifest string) {
	b.t.Helper()
	objects, err := apply.Decode(scheme(), manifest)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, object := range objects {
		b.born++
		object.SetCreationTimestamp(metav1.NewTime(epoch.Add(time.Duration(b.born) * time.Second)))
		object.SetGeneration(1)
		object.SetUID(types.UID(object.GetName()))
		b.world.Set(object)
	}
}

func (b *bench) translate() *Result { return b.tr.Translate(epoch) }

// settle writes the statuses back until there are none to write.
func (b *bench) settle() *Result {
	b.t.Helper()
	for range 5 {
		result := b.translate()
		if len(result.Statuses) == 0 {
			return result
		}
		for _, object := range result.Statuses {
			b.world.Set(object)
		}
	}
	b.t.Fatal("statuses never settle")
	return nil
}

func find[T client.Object](b *bench, result *Result, name string) T {
	b.t.Helper()
	for _, object := range result.Statuses {
		if found, ok := object.(T); ok && found.GetName() == name {
			return found
		}
	}
	var none T
	b.t.Fatalf("no status of %T %q", none, name)
	return none
}

func read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
