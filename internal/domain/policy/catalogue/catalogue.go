package catalogue

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/kernel/apply"
)

//go:embed policies/*.yaml
var sources embed.FS

// Entry is one policy of the platform.
type Entry struct {
	// Name is the policy's.
	Name string
	// Tier says what happens to a request that the policy does not like.
	Tier policy.Tier
	// Object is a *policiesv1.ValidatingPolicy or *policiesv1.MutatingPolicy.
	Object client.Object
	// Source is the YAML that the object was read from, comments included.
	Source []byte
}

// All returns every policy, the strictest tier first and by name within a tier.
// The objects are the caller's own copies.
//
// It panics when an embedded source is malformed, which the package's tests
// rule out.
func All() []Entry {
	files, err := fs.Glob(sources, "policies/*.yaml")
	if err != nil {
		panic(err)
	}
	entries := make([]Entry, 0, len(files))
	for _, file := range files {
		entry, err := read(file)
		if err != nil {
			panic(fmt.Sprintf("embedded policy %q: %v", file, err))
		}
		entries = append(entries, entry)
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(rank(a.Tier), rank(b.Tier)), cmp.Compare(a.Name, b.Name))
	})
	return entries
}

// Of returns the policies of some tiers, in the order of All.
func Of(tiers ...policy.Tier) []Entry {
	return slices.DeleteFunc(All(), func(e Entry) bool { return !slices.Contains(tiers, e.Tier) })
}

func rank(tier policy.Tier) int { return slices.Index(policy.Tiers(), tier) }

func read(file string) (Entry, error) {
	source, err := sources.ReadFile(file)
	if err != nil {
		return Entry{}, err
	}
	objects, err := apply.Decode(kinds(), string(source))
	if err != nil {
		return Entry{}, err
	}
	if len(objects) != 1 {
		return Entry{}, fmt.Errorf("it holds %d objects, want one", len(objects))
	}
	object := objects[0]
	tier, err := policy.TierOf(object.GetLabels(), object.GetAnnotations(), "")
	if err != nil {
		return Entry{}, err
	}
	return Entry{Name: object.GetName(), Tier: tier, Object: object, Source: source}, nil
}

// kinds are what a source may hold.
func kinds() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(policiesv1.AddToScheme(scheme))
	return scheme
}
