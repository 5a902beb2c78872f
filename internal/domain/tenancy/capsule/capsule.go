// Package capsule translates Tenants of Capsule (capsule.clastix.io/v1beta2)
// into Roadbed's.
//
// Nothing is dropped silently: whatever of a Capsule Tenant has no counterpart
// is reported by its path, fields this package has never heard of included.
// What the API server fills in (uid, managedFields and so on) is no wish of
// anybody and is passed over.
package capsule

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

const (
	group   = "capsule.clastix.io"
	version = group + "/v1beta2"
)

// Defaults are what a Roadbed Tenant needs and a Capsule Tenant does not say.
type Defaults struct {
	// BusinessUnit, Tier, CostCenter and Owner of every tenant.
	BusinessUnit, Tier, CostCenter, Owner string
	// Jurisdictions of every tenant.
	Jurisdictions []string
}

// Untranslated is a part of a Capsule Tenant that has no counterpart.
type Untranslated struct {
	// Tenant is the Capsule Tenant's name.
	Tenant string
	// Path of the part, such as spec.ingressOptions.
	Path string
	// Reason says why, and what to do instead.
	Reason string
}

// String is one line about it.
func (u Untranslated) String() string {
	return fmt.Sprintf("%s: %s: %s", u.Tenant, u.Path, u.Reason)
}

// Import translates every Capsule Tenant in a YAML text of one or more
// documents, lists as kubectl prints them included. Namespaces that a Tenant's
// status names are adopted. The error is about the text, never about what a
// Tenant wishes; with an error there is no result.
func Import(text []byte, defaults Defaults) ([]v1alpha1.Tenant, []Untranslated, error) {
	objects, err := documents(text)
	if err != nil {
		return nil, nil, err
	}
	var tenants []v1alpha1.Tenant
	var lost []Untranslated
	for _, object := range objects {
		if problem := foreign(object); problem != "" {
			lost = append(lost, Untranslated{Tenant: nameOf(object), Path: "kind", Reason: problem})
			continue
		}
		t := &translation{
			tenant: v1alpha1.Tenant{
				TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "Tenant"},
				ObjectMeta: metav1.ObjectMeta{Name: nameOf(object)},
			},
			rest: object,
		}
		t.run(defaults)
		tenants = append(tenants, t.tenant)
		lost = append(lost, t.lost...)
	}
	return tenants, lost, nil
}

// documents reads the objects of a YAML text, and those in its lists.
func documents(text []byte) ([]tree, error) {
	var objects []tree
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for n := 1; ; n++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read document %d: %w", n, err)
		}
		var object tree
		if err := yaml.Unmarshal(document, &object); err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if object == nil {
			continue // comments alone
		}
		found, err := unlist(object)
		if err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		objects = append(objects, found...)
	}
}

func unlist(object tree) ([]tree, error) {
	kind, _ := object["kind"].(string)
	if !strings.HasSuffix(kind, "List") {
		return []tree{object}, nil
	}
	items, ok := object["items"].([]any)
	if !ok && object["items"] != nil {
		return nil, fmt.Errorf("items of %s is not a list", kind)
	}
	var found []tree
	for i, item := range items {
		object, ok := item.(tree)
		if !ok {
			return nil, fmt.Errorf("items[%d] is not an object", i)
		}
		found = append(found, object)
	}
	return found, nil
}

// foreign says why an object is not translated at all, or nothing.
func foreign(object tree) string {
	kind, _ := object["kind"].(string)
	apiVersion, _ := object["apiVersion"].(string)
	switch {
	case kind == "Tenant" && apiVersion == version:
		return ""
	case kind == "Tenant" && strings.HasPrefix(apiVersion, group+"/"):
		return fmt.Sprintf("%s is an older version: have Capsule convert it to %s first", apiVersion, version)
	default:
		return fmt.Sprintf("%s of %q is not a Tenant of %s", kind, apiVersion, version)
	}
}

func nameOf(object tree) string {
	meta, _ := object["metadata"].(tree)
	name, _ := meta["name"].(string)
	return name
}
