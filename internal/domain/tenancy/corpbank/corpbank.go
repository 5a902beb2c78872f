// Package corpbank makes the objects of Corp Bank, a fictitious global bank:
// seven jurisdictions, twenty business units, a dozen tenants written by hand
// and as many more as asked for, invented.
//
// The same number always gives the same objects, in the same order: tiers,
// business units with parents first, tenants. Every tenant is valid and fits
// into its business unit's envelope.
package corpbank

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/tenancy"
)

// Objects returns the bank with so many tenants in all, those written by hand
// among them and first. files holds the folder corp-bank, as package examples
// has it. It fails if the bank's envelopes have no room for so many.
func Objects(files fs.FS, tenants int) ([]client.Object, error) {
	written, err := Written(files)
	if err != nil {
		return nil, err
	}
	ledger, err := newLedger(written)
	if err != nil {
		return nil, err
	}
	invented, err := invent(ledger, tenants-ledger.tenants)
	if err != nil {
		return nil, err
	}
	return append(written, invented...), nil
}

// Written returns the hand-written part of the bank.
func Written(files fs.FS) ([]client.Object, error) {
	paths := []string{"corp-bank/tiers.yaml", "corp-bank/business-units.yaml"}
	tenants, err := fs.Glob(files, "corp-bank/tenants/*.yaml") // sorted
	if err != nil {
		return nil, fmt.Errorf("find tenants: %w", err)
	}
	var objects []client.Object
	for _, path := range append(paths, tenants...) {
		text, err := fs.ReadFile(files, path)
		if err != nil {
			return nil, fmt.Errorf("read the bank: %w", err)
		}
		found, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

func decode(text []byte) ([]client.Object, error) {
	var objects []client.Object
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object, err := decodeOne(document)
		if err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
}

func decodeOne(document []byte) (client.Object, error) {
	var meta struct{ Kind string }
	if err := yaml.Unmarshal(document, &meta); err != nil {
		return nil, err
	}
	kinds := map[string]client.Object{
		"Tier":         &v1alpha1.Tier{},
		"BusinessUnit": &v1alpha1.BusinessUnit{},
		"Tenant":       &v1alpha1.Tenant{},
	}
	object, ok := kinds[meta.Kind]
	if !ok {
		return nil, fmt.Errorf("kind %q is none of the bank's", meta.Kind)
	}
	return object, yaml.UnmarshalStrict(document, object)
}

// world is what the bank's objects mean to each other, beside the tiers that
// come with Roadbed. Business units are copies: their status is the ledger's.
func world(objects []client.Object) tenancy.World {
	w := tenancy.World{
		Tiers:    map[string]*v1alpha1.Tier{},
		Units:    map[string]*v1alpha1.BusinessUnit{},
		Settings: tenancy.DefaultSettings(),
	}
	for _, tier := range tenancy.Tiers() {
		w.Tiers[tier.Name] = tier
	}
	for _, object := range objects {
		switch object := object.(type) {
		case *v1alpha1.Tier:
			w.Tiers[object.Name] = object
		case *v1alpha1.BusinessUnit:
			w.Units[object.Name] = object.DeepCopy()
		}
	}
	return w
}
