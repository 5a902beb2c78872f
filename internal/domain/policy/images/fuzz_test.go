package images

import (
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// FuzzCandidate: whatever somebody pushed beside an image, it is refused
// without a panic.
func FuzzCandidate(f *testing.F) {
	f.Add(simpleSigning, []byte(`{"critical":{"image":{"docker-manifest-digest":"sha256:00"}}}`), "c2ln", "", `{"Payload":{"body":"e30=","logID":"00"}}`)
	f.Add(dsseEnvelope, []byte(`{"payloadType":"application/vnd.in-toto+json","payload":"e30=","signatures":[{"sig":"c2ln"}]}`), "", "", "")
	f.Add(bundleArtifact+".v0.3+json", []byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}`), "", "-----BEGIN CERTIFICATE-----", "{}")
	const key = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEO/ffUiDYad13pBlMWi3ia9U2LeYl\njpyv4SYJlAk8sLFrFdQfQzcwthP/3N4wQkVfeTCjLjVe5Yp/yuPpyN1cPw==\n-----END PUBLIC KEY-----\n"
	verifier := New(nil)
	image := target{"registry.example/app:1", "registry.example/app", "sha256:" + strings.Repeat("0", 64)}
	judge, err := verifier.judge(f.Context(), policy.ImageCheck{Attestor: policy.Attestor{Key: key, IgnoreTlog: true}}, image)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, mediaType string, body []byte, signature, certificate, entry string) {
		annotations := map[string]string{signatureAnnotation: signature, certificateAnnotation: certificate, logEntryAnnotation: entry}
		if _, err := judge.accepts(candidate{mediaType, body, annotations}, image); err == nil {
			t.Error("accepted without the key's owner")
		}
	})
}

// FuzzReference: a reference is resolved to itself or refused.
func FuzzReference(f *testing.F) {
	for _, seed := range []string{"nginx", "registry.corp.com/a/b:1", "x@sha256:" + strings.Repeat("a", 64), "::", "UPPER/x", "localhost:5000/x:y@sha256:0"} {
		f.Add(seed)
	}
	verifier := New(nil)
	f.Fuzz(func(t *testing.T, reference string) {
		parsed, err := name.ParseReference(reference)
		if _, pinned := parsed.(name.Digest); err == nil && !pinned {
			t.Skip("needs a registry")
		}
		if image, err := verifier.resolve(t.Context(), reference); err == nil && !strings.Contains(reference, image.digest) {
			t.Errorf("%q became %s", reference, image)
		}
	})
}
