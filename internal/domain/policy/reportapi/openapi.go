package reportapi

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// schemas are OpenAPI 3 documents of the groups that are served, one for each:
// GROUP.json. A test writes them from the Go types and their comments.
//
//go:embed schemas
var schemas embed.FS

// openAPIPath is where an API server tells of its schemas.
const openAPIPath = "/openapi/v3"

// openAPI serves the schemas, which are no secret: the list of documents, and each.
// The cluster's API server asks for them, for "kubectl explain".
func openAPI() (http.Handler, error) {
	mux := http.NewServeMux()
	list := map[string]any{}
	for _, version := range Versions() {
		document, err := schemas.ReadFile("schemas/" + version.Group + ".json")
		if err != nil {
			return nil, fmt.Errorf("read the schemas of %s: %w", version.Group, err)
		}
		sum := sha256.Sum256(document)
		place := "apis/" + version.String()
		list[place] = map[string]any{"serverRelativeURL": openAPIPath + "/" + place + "?hash=" + strings.ToUpper(hex.EncodeToString(sum[:]))}
		mux.HandleFunc("GET "+openAPIPath+"/"+place, answering(document, `"`+hex.EncodeToString(sum[:])+`"`))
	}
	body, err := json.Marshal(map[string]any{"paths": list})
	if err != nil {
		return nil, err
	}
	mux.HandleFunc("GET "+openAPIPath, answering(body, ""))
	return mux, nil
}

// answering answers with JSON, and with nothing new where the client has it.
func answering(body []byte, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if tag != "" {
			w.Header().Set("Etag", tag)
			if r.Header.Get("If-None-Match") == tag {
				w.WriteHeader(http.StatusNotModified)
				return
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // Whoever went away misses it.
	}
}
