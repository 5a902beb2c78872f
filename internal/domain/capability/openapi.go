package capability

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/schema"
)

// Fragment is a piece of an OpenAPI document.
type Fragment = map[string]any

// OpenAPI is the OpenAPI 3.0 document of one version's HTTP API, as indented
// JSON with its keys sorted: list, create, read, patch and delete of claims on
// behalf of the calling tenant.
func OpenAPI(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) ([]byte, error) {
	claim, err := claimFragment(c, v)
	if err != nil {
		return nil, err
	}
	kind := c.Spec.Names.Kind
	document := Fragment{
		"openapi": "3.0.3",
		"info": Fragment{
			"title": Title(c), "version": v.Name, "description": c.Spec.Description,
			"contact": Fragment{"name": c.Spec.Owner.Team}, "x-stage": string(v.Stage),
		},
		"paths": Fragment{
			Path(c, v.Name):             collection(kind, v),
			Path(c, v.Name) + "/{name}": item(kind, v),
		},
		"components": Fragment{
			"schemas":         Fragment{kind: claim, kind + "List": listFragment(c, v), "Problem": problemFragment()},
			"securitySchemes": Fragment{"token": Fragment{"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}, "key": Fragment{"type": "apiKey", "in": "header", "name": "x-api-key"}},
		},
		"security": []any{Fragment{"token": []any{}}, Fragment{"key": []any{}}},
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return nil, fmt.Errorf("encode the OpenAPI document of version %q: %w", v.Name, err)
	}
	return text.Bytes(), nil
}

// operation is what all operations have in common.
func operation(v *v1alpha1.CapabilityVersion, id, summary string, responses Fragment, parameters ...any) Fragment {
	responses["default"] = Fragment{
		"description": "The request was refused, and why.",
		"content":     Fragment{"application/problem+json": Fragment{"schema": reference("Problem")}},
	}
	made := Fragment{"operationId": id, "summary": summary, "responses": responses}
	if len(parameters) > 0 {
		made["parameters"] = parameters
	}
	if v.Stage == v1alpha1.StageDeprecated {
		made["deprecated"] = true
		made["x-sunset"] = day(v.Sunset)
	}
	return made
}

func collection(kind string, v *v1alpha1.CapabilityVersion) Fragment {
	found := answer("The claims; with watch, events ADDED, MODIFIED and DELETED whose data is a claim. An event ERROR, whose data is a problem, ends a watch: with status 410 begin anew.", reference(kind+"List"), nil)
	found["content"].(Fragment)["text/event-stream"] = Fragment{"schema": Fragment{"type": "string"}}
	list := operation(v, "list"+kind, "List the claims of the calling tenant, or watch them as server-sent events.",
		Fragment{"200": found},
		parameter("query", "namespace", "One of the tenant's namespaces; all when absent.", false, Fragment{"type": "string"}),
		parameter("query", "limit", "How many at most.", false, Fragment{"type": "integer", "minimum": 1, "maximum": 500}),
		parameter("query", "continue", "Where the page before ended.", false, Fragment{"type": "string"}),
		parameter("query", "watch", "Stream changes as server-sent events.", false, Fragment{"type": "boolean"}),
		parameter("query", "resourceVersion", "Where a watch begins: that of a list. Without it, with all claims there are.", false, Fragment{"type": "string", "pattern": "^[0-9]+$"}),
		parameter("header", "Last-Event-ID", "The id of the last event that was seen: a watch goes on behind it.", false, Fragment{"type": "string"}))
	create := operation(v, "create"+kind, "Claim. Fields that are not in the schema are refused.",
		Fragment{"201": answer("The claim.", reference(kind), headers("ETag", "Location"))},
		parameter("query", "namespace", "One of the tenant's namespaces, where it has several and the body names none.", false, Fragment{"type": "string"}),
		parameter("header", "Idempotency-Key", "Makes a repeated request the same request.", false, Fragment{"type": "string", "minLength": 1, "maxLength": 130}))
	create["requestBody"] = body(reference(kind), "application/json")
	return Fragment{"get": list, "post": create}
}

func item(kind string, v *v1alpha1.CapabilityVersion) Fragment {
	exactly := parameter("header", "If-Match", "The ETags of the claim that is meant; else 412.", false, Fragment{"type": "string"})
	read := operation(v, "get"+kind, "Read a claim.", Fragment{
		"200": answer("The claim.", reference(kind), headers("ETag")),
		"304": Fragment{"description": "The claim is as it was.", "headers": headers("ETag")},
	}, parameter("header", "If-None-Match", "The ETags of the claim that are known.", false, Fragment{"type": "string"}))
	patch := operation(v, "patch"+kind, "Change a claim's spec, labels or annotations. Where metadata.resourceVersion is given and another, 409.",
		Fragment{"200": answer("The claim.", reference(kind), headers("ETag"))}, exactly)
	patch["requestBody"] = Fragment{"required": true, "content": Fragment{
		"application/merge-patch+json": Fragment{"schema": Fragment{"type": "object"}},
		"application/json-patch+json":  Fragment{"schema": Fragment{"type": "array", "items": Fragment{"type": "object"}}},
	}}
	return Fragment{
		"parameters": []any{
			parameter("path", "name", "The claim's name.", true, Fragment{"type": "string"}),
			parameter("query", "namespace", "One of the tenant's namespaces, where it has several.", false, Fragment{"type": "string"}),
		},
		"get": read, "patch": patch,
		"delete": operation(v, "delete"+kind, "Give a claim up.",
			Fragment{"202": answer("The claim, on its way out.", reference(kind), headers("ETag"))}, exactly),
	}
}

// headers are those of an answer, by name.
func headers(names ...string) Fragment {
	described := map[string]string{"ETag": "The claim's version.", "Location": "Where the claim is."}
	made := Fragment{}
	for _, name := range names {
		made[name] = Fragment{"description": described[name], "required": true, "schema": Fragment{"type": "string"}}
	}
	return made
}

func reference(name string) Fragment { return Fragment{"$ref": "#/components/schemas/" + name} }

func answer(description string, of, headers Fragment) Fragment {
	made := Fragment{"description": description, "content": Fragment{"application/json": Fragment{"schema": of}}}
	if len(headers) > 0 {
		made["headers"] = headers
	}
	return made
}

func body(of Fragment, mediaType string) Fragment {
	return Fragment{"required": true, "content": Fragment{mediaType: Fragment{"schema": of}}}
}

func parameter(in, name, description string, needed bool, of Fragment) Fragment {
	made := Fragment{"in": in, "name": name, "description": description, "schema": of}
	if needed {
		made["required"] = true
	}
	return made
}

// claimFragment is the schema of a claim as the HTTP API has it.
func claimFragment(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) (Fragment, error) {
	props, err := ClaimSchema(v)
	if err != nil {
		return nil, err
	}
	made, err := Portable(props)
	if err != nil {
		return nil, fmt.Errorf("version %q: %w", v.Name, err)
	}
	properties, _ := made["properties"].(map[string]any)
	properties["apiVersion"] = Fragment{"type": "string", "enum": []any{Group(c) + "/" + v.Name}}
	properties["kind"] = Fragment{"type": "string", "enum": []any{c.Spec.Names.Kind}}
	properties["metadata"] = metadataFragment()
	if status, ok := properties["status"].(map[string]any); ok {
		status["readOnly"] = true
	}
	made["required"] = []any{"metadata", "spec"}
	return made, nil
}

// metadataFragment is all of a claim's metadata that the HTTP API shows. What the
// server sets is refused in requests.
func metadataFragment() Fragment {
	set := func(made Fragment) Fragment {
		made["description"], made["readOnly"] = "Set by the server.", true
		return made
	}
	text := func() Fragment { return Fragment{"type": "string"} }
	texts := func(description string) Fragment {
		return Fragment{"type": "object", "additionalProperties": text(), "description": description}
	}
	named := func(description string) Fragment { return Fragment{"type": "string", "description": description} }
	moment := func() Fragment { return Fragment{"type": "string", "format": "date-time"} }
	return Fragment{
		"type": "object", "required": []any{"name"}, "additionalProperties": false,
		"properties": Fragment{
			"name": named("Name of the claim."), "namespace": named("One of the tenant's namespaces."),
			"labels": texts("Of the caller's choice, but for those of the platform."), "annotations": texts("Of the caller's choice, but for those of the platform."),
			"uid": set(text()), "resourceVersion": set(text()), "generation": set(Fragment{"type": "integer", "format": "int64"}),
			"creationTimestamp": set(moment()), "deletionTimestamp": set(moment()),
		},
	}
}

func listFragment(c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion) Fragment {
	kind := c.Spec.Names.Kind
	return Fragment{
		"type": "object", "required": []any{"apiVersion", "kind", "metadata", "items"}, "additionalProperties": false,
		"properties": Fragment{
			"apiVersion": Fragment{"type": "string", "enum": []any{Group(c) + "/" + v.Name}},
			"kind":       Fragment{"type": "string", "enum": []any{kind + "List"}},
			"items":      Fragment{"type": "array", "items": reference(kind)},
			"metadata": Fragment{"type": "object", "additionalProperties": false, "properties": Fragment{
				"continue":        Fragment{"type": "string", "description": "Where the next page begins; absent on the last."},
				"resourceVersion": Fragment{"type": "string", "description": "Where a watch begins that misses nothing of what changes after the list."},
			}},
		},
	}
}

func problemFragment() Fragment {
	text := Fragment{"type": "string"}
	return Fragment{
		"type": "object", "description": "What is wrong, as RFC 9457 has it.", "required": []any{"type", "title", "status"},
		"properties": Fragment{
			"type": text, "title": text, "detail": text, "instance": text, "status": Fragment{"type": "integer"},
			"errors": Fragment{"type": "array", "description": "The fields that are wrong.", "items": Fragment{
				"type": "object", "required": []any{"field", "detail"}, "properties": Fragment{"field": text, "detail": text},
			}},
		},
	}
}

// Portable is a schema as other tools than the API server read it: without
// Kubernetes' extensions.
func Portable(props *schema.Props) (Fragment, error) {
	raw, err := json.Marshal(props)
	if err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	var made Fragment
	if err := json.Unmarshal(raw, &made); err != nil {
		return nil, fmt.Errorf("read the schema: %w", err)
	}
	portable(made)
	return made, nil
}

// portable changes a decoded schema in place, and those below it. Under
// properties every key is a field's name, and none a keyword.
func portable(node Fragment) {
	if node["x-kubernetes-int-or-string"] == true {
		node["anyOf"] = []any{Fragment{"type": "integer"}, Fragment{"type": "string"}}
	}
	for key, value := range node {
		switch below := value.(type) {
		case map[string]any:
			portableBelow(key, below)
		case []any:
			portableList(key, below)
		}
		if strings.HasPrefix(key, "x-kubernetes-") {
			delete(node, key)
		}
	}
}

func portableBelow(key string, below Fragment) {
	switch key {
	case "default", "example":
	case "properties", "patternProperties":
		for _, field := range below {
			if field, ok := field.(map[string]any); ok {
				portable(field)
			}
		}
	default:
		portable(below)
	}
}

func portableList(key string, list []any) {
	if key == "enum" || key == "default" || key == "example" {
		return
	}
	for _, entry := range list {
		if entry, ok := entry.(map[string]any); ok {
			portable(entry)
		}
	}
}
