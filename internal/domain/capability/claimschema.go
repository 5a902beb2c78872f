package capability

import (
	"fmt"
	"maps"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/schema"
)

// PlatformField is the field of a claim's spec that every claim has.
const PlatformField = "platform"

// ClaimSchema is the whole schema of a version's claims: what the version says,
// with spec.platform and the status that all claims have.
func ClaimSchema(v *v1alpha1.CapabilityVersion) (*schema.Props, error) {
	spec, err := schema.Decode(&v.Schema.Spec)
	if err != nil {
		return nil, fmt.Errorf("version %q: schema.spec: %w", v.Name, err)
	}
	status, err := schema.Decode(v.Schema.Status)
	if err != nil {
		return nil, fmt.Errorf("version %q: schema.status: %w", v.Name, err)
	}
	if _, taken := spec.Properties[PlatformField]; taken {
		return nil, fmt.Errorf("version %q: schema.spec: the field %q is the platform's: give yours another name", v.Name, PlatformField)
	}
	common := statusSchema()
	for name := range status.Properties {
		if _, taken := common.Properties[name]; taken {
			return nil, fmt.Errorf("version %q: schema.status: the field %q is in every claim's status: leave it out, or give yours another name", v.Name, name)
		}
	}
	spec.Properties = joined(spec.Properties, map[string]schema.Props{PlatformField: platformSchema()})
	common.Properties = joined(common.Properties, status.Properties)
	common.XPreserveUnknownFields = status.XPreserveUnknownFields
	return &schema.Props{
		Type:        "object",
		Description: spec.Description,
		Properties: map[string]schema.Props{
			"apiVersion": {Type: "string"}, "kind": {Type: "string"}, "metadata": {Type: "object"},
			"spec": *spec, "status": common,
		},
		Required: required(spec),
	}, nil
}

// required asks for a spec where the schema asks for something in it.
func required(spec *schema.Props) []string {
	if len(spec.Required) == 0 {
		return nil
	}
	return []string{"spec"}
}

func joined(a, b map[string]schema.Props) map[string]schema.Props {
	all := make(map[string]schema.Props, len(a)+len(b))
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}

func platformSchema() schema.Props {
	return schema.Props{
		Type:        "object",
		Description: "platform says how the claim follows its capability, and what becomes of it in the end.",
		Properties: map[string]schema.Props{
			"revision": textSchema("revision names the CapabilityRevision to render; the newest of the claim's version when empty.", 253),
			"updates": enumSchema("updates says whether the claim follows its capability: Floating gets each new revision, Pinned stays.",
				string(v1alpha1.UpdatesFloating), string(v1alpha1.UpdatesPinned)),
			"deletionPolicy": enumSchema("deletionPolicy says what becomes of what was provisioned when the claim is deleted; by the tenant's data class when empty.",
				string(v1alpha1.DeletionRetain), string(v1alpha1.DeletionSnapshot), string(v1alpha1.DeletionDelete)),
		},
	}
}

func statusSchema() schema.Props {
	return schema.Props{
		Type:        "object",
		Description: "status is what became of the claim.",
		Properties: map[string]schema.Props{
			"observedGeneration": {Type: "integer", Format: "int64", Description: "observedGeneration is the generation that the status speaks of."},
			"conditions":         conditionsSchema(),
			"version":            textSchema("version of the capability that the claim is of.", 20),
			"revision":           textSchema("revision names the CapabilityRevision that was rendered.", 253),
			"endpoint":           textSchema("endpoint is where the thing is reached.", 2048),
			"connectionSecretRef": objectSchema("connectionSecretRef names the Secret with what one needs to connect.",
				map[string]schema.Props{"name": textSchema("name of the Secret.", 253)}, "name"),
			"cost": objectSchema("cost is what the claim costs.", map[string]schema.Props{
				"amount": textSchema("amount, a decimal number.", 32), "currency": textSchema("currency is its ISO 4217 code.", 3),
				"per": textSchema("per is what it is charged for.", 10),
			}, "amount", "currency", "per"),
			"resources": listSchema("resources are the objects made for the claim.", 128, map[string]schema.Props{
				"apiVersion": textSchema("", 253), "kind": textSchema("", 63), "name": textSchema("", 253),
				"namespace": textSchema("", 63), "id": textSchema("", 63),
			}, "apiVersion", "kind", "name"),
			"approval": objectSchema("approval says who agreed to the claim as it was provisioned.", map[string]schema.Props{
				"approvers": approversSchema(), "hash": textSchema("", 64), "at": {Type: "string", Format: "date-time"},
			}, "approvers", "hash", "at"),
			"lastAppliedHash": textSchema("lastAppliedHash is the hash of what was last applied.", 64),
		},
	}
}

func approversSchema() schema.Props {
	most, set, name := int64(8), "set", textSchema("", 256)
	return schema.Props{
		Type: "array", MaxItems: &most, XListType: &set, Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &name},
	}
}

func conditionsSchema() schema.Props {
	conditions := listSchema("conditions say what holds: Accepted, Approved, Provisioned, and Ready, which sums up.", 16, map[string]schema.Props{
		"type": textSchema("", 316), "status": enumSchema("", "True", "False", "Unknown"),
		"observedGeneration": {Type: "integer", Format: "int64"}, "lastTransitionTime": {Type: "string", Format: "date-time"},
		"reason": textSchema("", 1024), "message": textSchema("", 32768),
	}, "type", "status", "lastTransitionTime", "reason", "message")
	kind := "map"
	conditions.XListType, conditions.XListMapKeys = &kind, []string{"type"}
	return conditions
}

func textSchema(description string, longest int64) schema.Props {
	return schema.Props{Type: "string", Description: description, MaxLength: &longest}
}

func enumSchema(description string, values ...string) schema.Props {
	props := schema.Props{Type: "string", Description: description}
	for _, value := range values {
		props.Enum = append(props.Enum, apiextensionsv1.JSON{Raw: []byte(`"` + value + `"`)})
	}
	return props
}

func objectSchema(description string, properties map[string]schema.Props, needed ...string) schema.Props {
	return schema.Props{Type: "object", Description: description, Properties: properties, Required: needed}
}

func listSchema(description string, most int64, properties map[string]schema.Props, needed ...string) schema.Props {
	item := objectSchema("", properties, needed...)
	return schema.Props{
		Type: "array", Description: description, MaxItems: &most,
		Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &item},
	}
}
