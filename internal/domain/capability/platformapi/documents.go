package platformapi

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// serveOpenAPI answers with one document of all that is served.
func (h *Handler) serveOpenAPI(w http.ResponseWriter, r *http.Request) {
	capabilities, err := h.sorted(w, r, jsonText)
	if err != nil {
		return
	}
	merged := map[string]any{
		"openapi": "3.0.3", "info": map[string]any{"title": "Platform API", "version": "1"},
		"paths": map[string]any{}, "components": map[string]any{"schemas": map[string]any{}},
	}
	operations := map[string]bool{}
	for _, each := range capabilities {
		if err := h.mergeVersions(merged, each, operations); err != nil {
			problem.Write(w, *h.failure(err))
			return
		}
	}
	send(w, http.StatusOK, merged)
}

func (h *Handler) mergeVersions(into map[string]any, c *v1alpha1.Capability, operations map[string]bool) error {
	for i := range c.Spec.Versions {
		v := &c.Spec.Versions[i]
		if !served(v) {
			continue
		}
		if err := h.merge(into, c, v, operations); err != nil {
			return err
		}
	}
	return nil
}

func (h *Handler) merge(into map[string]any, c *v1alpha1.Capability, v *v1alpha1.CapabilityVersion, operations map[string]bool) error {
	text, err := h.documents.OpenAPI(c, v)
	if err != nil {
		return fmt.Errorf("the OpenAPI document of %s %s: %w", c.Name, v.Name, err)
	}
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return fmt.Errorf("the OpenAPI document of %s %s: %w", c.Name, v.Name, err)
	}
	suffix := "_" + c.Name + "_" + v.Name // kinds of different groups may have one name
	rename(document, suffix, operations)
	maps.Copy(object(into, "paths"), object(document, "paths"))
	for name, schema := range object(object(document, "components"), "schemas") {
		object(object(into, "components"), "schemas")[name+suffix] = schema
	}
	components := object(into, "components")
	components["securitySchemes"] = object(document, "components")["securitySchemes"]
	into["security"] = document["security"]
	return nil
}

func object(of map[string]any, key string) map[string]any {
	found, _ := of[key].(map[string]any)
	return found
}

const references = "#/components/schemas/"

// rename gives what versions have alike names of their own, in place.
func rename(node any, suffix string, operations map[string]bool) {
	switch value := node.(type) {
	case []any:
		for _, each := range value {
			rename(each, suffix, operations)
		}
	case map[string]any:
		if to, ok := value["$ref"].(string); ok && strings.HasPrefix(to, references) {
			value["$ref"] = to + suffix
		}
		if id, ok := value["operationId"].(string); ok {
			if operations[id] {
				value["operationId"] = id + suffix
			}
			operations[id] = true
		}
		for _, each := range value {
			rename(each, suffix, operations)
		}
	}
}

// sorted are the capabilities by name. It answers itself when it fails, or when
// the request is none for a document of the media type.
func (h *Handler) sorted(w http.ResponseWriter, r *http.Request, offered string) ([]*v1alpha1.Capability, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		problem.Write(w, problem.New(http.StatusMethodNotAllowed, "this path takes GET"))
		return nil, http.ErrNotSupported
	}
	if wrong := unacceptable(r, offered); wrong != nil {
		problem.Write(w, *wrong)
		return nil, http.ErrNotSupported
	}
	found, err := h.catalogue.Capabilities(r.Context())
	if err != nil {
		problem.Write(w, *h.failure(err))
		return nil, err
	}
	found = slices.Clone(found)
	slices.SortFunc(found, func(a, b *v1alpha1.Capability) int { return cmp.Compare(a.Name, b.Name) })
	return found, nil
}

// sheet is every page; it loads nothing from anywhere.
var sheet = template.Must(template.New("page").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
a{color:#0b57d0}pre,code{font-family:ui-monospace,monospace;background:#f3f3f3}pre{padding:.75rem;overflow:auto}
table{border-collapse:collapse}th,td{border:1px solid #bbb;padding:.25rem .5rem;text-align:left}</style></head>
<body><nav><a href="/docs">All APIs</a> · <a href="/openapi.json">OpenAPI</a></nav><main>{{.Body}}</main></body></html>
`))

// index is the page with all APIs.
var index = template.Must(template.New("index").Parse(`<h1>Platform API</h1><ul>
{{range .}}<li><a href="/docs/{{.API}}">{{.Title}}</a>: {{.Description}}</li>
{{else}}<li>Nothing is published yet.</li>{{end}}</ul>`))

type entry struct{ API, Title, Description string }

// serveDocs answers with the page of an API, or of all of them.
func (h *Handler) serveDocs(w http.ResponseWriter, r *http.Request) {
	capabilities, err := h.sorted(w, r, webPage)
	if err != nil {
		return
	}
	name := strings.Trim(strings.TrimPrefix(r.URL.Path, "/docs"), "/")
	var entries []entry
	for _, each := range capabilities {
		api := cmp.Or(each.Spec.API, each.Spec.Names.Plural)
		if api == name {
			h.page(w, each)
			return
		}
		entries = append(entries, entry{api, cmp.Or(each.Spec.DisplayName, each.Spec.Names.Kind), each.Spec.Description})
	}
	if name != "" {
		problem.Write(w, problem.New(http.StatusNotFound, "there is no such API: see /docs for those there are"))
		return
	}
	var body bytes.Buffer
	if err := index.Execute(&body, entries); err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	h.html(w, "Platform API", body.String())
}

func (h *Handler) page(w http.ResponseWriter, c *v1alpha1.Capability) {
	markdown, err := h.documents.Docs(c)
	if err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	var body bytes.Buffer // raw HTML in the text is left out: capability teams write it
	if err := goldmark.New(goldmark.WithExtensions(extension.Table)).Convert([]byte(markdown), &body); err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	h.html(w, cmp.Or(c.Spec.DisplayName, c.Spec.Names.Kind), body.String())
}

func (h *Handler) html(w http.ResponseWriter, title, body string) {
	var text bytes.Buffer
	if err := sheet.Execute(&text, map[string]any{"Title": title, "Body": template.HTML(body)}); err != nil {
		problem.Write(w, *h.failure(err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	_, _ = w.Write(text.Bytes()) // who asked has gone
}
