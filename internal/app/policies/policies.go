// Package policies has what the platform brings of policies, as objects for a
// cluster and as files for an API server of ours. It panics where the catalogue
// cannot be compiled, which the catalogue's tests rule out.
package policies

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override"
	policyrbac "github.com/roadbed-dev/roadbed/internal/domain/policy/rbac"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy/guards"
)

// File is a Mandatory policy of the platform as a file for the API server.
type File struct {
	// Name of the file, such as roadbed-policy-public-buckets.yaml.
	Name string
	// Data is YAML: native policies and their bindings.
	Data []byte
}

// Static renders the platform's Mandatory policies as files, with the
// guard of what waives the others and the one that keeps Roadbed's server to its
// own admission policies.
func Static() []File {
	name, data := policyrbac.OwnWrites()
	files := []File{ledgerFile(), {Name: name, Data: data}}
	for _, entry := range catalogue.Of(policy.Mandatory) {
		data, err := native.Static(nativeOf(entry))
		if err != nil {
			panic(fmt.Sprintf("policy %q of the catalogue as a file: %v", entry.Name, err))
		}
		files = append(files, File{Name: native.Name(entry.Object) + ".yaml", Data: data})
	}
	return files
}

// Mandatory are the same policies as objects, for an API server whose
// files are not ours. They belong to the installation: no policy object stands
// behind them, and so nothing that is deleted takes them along.
func Mandatory() []client.Object {
	var objects []client.Object
	for _, entry := range catalogue.Of(policy.Mandatory) {
		objects = append(objects, nativeOf(entry)...)
	}
	return objects
}

// InForce are the Mandatory policies of the platform that a cluster's requests are
// judged by. No object there is one of them, so that its ledger of overrides tells;
// without Roadbed there are none.
func InForce(ctx context.Context, reader client.Reader) ([]client.Object, error) {
	ledger, err := Ledger(ctx, reader)
	if err != nil || ledger == nil {
		return nil, err
	}
	var objects []client.Object
	for _, entry := range catalogue.Of(policy.Mandatory) {
		if slices.Contains(ledger.Mandatory, entry.Name) {
			objects = append(objects, entry.Object)
		}
	}
	return objects, nil
}

// Ledger is what a cluster's ledger of overrides says; nil without Roadbed.
func Ledger(ctx context.Context, reader client.Reader) (*v1alpha1.OverrideLedgerSpec, error) {
	ledger := &v1alpha1.OverrideLedger{}
	err := reader.Get(ctx, client.ObjectKey{Name: v1alpha1.LedgerName}, ledger)
	if meta.IsNoMatchError(err) || apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the overrides in force: %w", err)
	}
	return &ledger.Spec, nil
}

// Waivers are a cluster's overrides in force; nil without Roadbed.
func Waivers(ctx context.Context, reader client.Reader) (policy.Waivers, error) {
	ledger, err := Ledger(ctx, reader)
	if err != nil || ledger == nil {
		return nil, err
	}
	waivers, err := override.NewWaivers(*ledger)
	if err != nil {
		return nil, fmt.Errorf("read the overrides in force: %w", err)
	}
	return waivers, nil
}

// Advised are the platform's other policies, as its people may change
// them: they are made once and then belong to them, as tiers do.
func Advised() []client.Object {
	var objects []client.Object
	for _, entry := range catalogue.Of(policy.Default, policy.Recommended) {
		objects = append(objects, entry.Object)
	}
	return objects
}

// nativeOf compiles a Mandatory policy of the catalogue. It panics when that is
// not possible, which the catalogue's tests rule out.
func nativeOf(entry catalogue.Entry) native.Objects {
	validating, ok := entry.Object.(*policiesv1.ValidatingPolicy)
	if !ok {
		panic(fmt.Sprintf("policy %q of the catalogue: a Mandatory %T", entry.Name, entry.Object))
	}
	objects, reason, err := native.Validating(validating, native.Options{Platform: true})
	if err != nil || reason != "" {
		panic(fmt.Sprintf("policy %q of the catalogue is not native: %s %v", entry.Name, reason, err))
	}
	return objects
}

// Guards are tenancy's guards as lists of policies show them, with their
// bindings: the native policies themselves, with a title. No override waives one.
func Guards() []client.Object {
	var objects []client.Object
	for _, guard := range guards.All() {
		for _, object := range guard.Objects {
			object.SetLabels(map[string]string{policy.TierLabel: string(policy.Mandatory)})
			object.SetAnnotations(map[string]string{
				policy.TitleAnnotation: guard.Summary, policy.CategoryAnnotation: "Tier 1: Tenancy", policy.SeverityAnnotation: "critical",
			})
			objects = append(objects, object)
		}
	}
	return objects
}
