package images_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/roadbed-dev/roadbed/internal/adapter/registry"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/images/imagestest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// TestSignedImagesExample holds the example policy against a real registry: the
// key's owner passes with the digest pinned, and everybody else is refused with
// a message that says why.
func TestSignedImagesExample(t *testing.T) {
	t.Parallel()
	store, signer, stranger := imagestest.NewRegistry(t), imagestest.NewSigner(t), imagestest.NewSigner(t)
	set := examplePolicy(t, store.Host, signer.PEM)
	world := policy.World{Images: images.New(registry.New()), Now: time.Unix(0, 0)}
	signed, digest := store.Push(t, "shop/signed:1")
	signer.Sign(t, digest, nil)
	unsigned, _ := store.Push(t, "shop/unsigned:1")
	foreign, foreignDigest := store.Push(t, "shop/foreign:1")
	stranger.Sign(t, foreignDigest, nil)

	for _, test := range []struct {
		name, reason, image string
		refusal             string
	}{
		{"signed", "the key's owner signed it", signed, ""},
		{"elsewhere", "another registry is none of its business", "registry.other.example/web:1", ""},
		{"unsigned", "nobody did", unsigned, "it is not signed"},
		{"foreign", "somebody else did", foreign, "none by"},
		{"absent", "there is no such image", store.Host + "/shop/absent:1", "no such image"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			decision := set.Decide(t.Context(), podOf(test.image), world)
			if decision.Allowed() != (test.refusal == "") {
				t.Fatalf("%s: allowed %v: %+v", test.reason, decision.Allowed(), decision.Results)
			}
			if !strings.Contains(decision.Refusal(), test.refusal) {
				t.Errorf("%s: %q lacks %q", test.reason, decision.Refusal(), test.refusal)
			}
			if test.image == signed && !strings.HasSuffix(imageOf(decision.Object), "@"+digest.DigestStr()) {
				t.Errorf("%s: image %q is not pinned to %s", test.reason, imageOf(decision.Object), digest)
			}
		})
	}
}

// examplePolicy is the example with the test's registry and key.
func examplePolicy(t *testing.T, host, key string) *policy.Set {
	t.Helper()
	text, err := os.ReadFile("../../../../examples/policies/require-signed-images.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), "            -----BEGIN")
	_, after, ends := strings.Cut(rest, "END PUBLIC KEY-----\n")
	if !ok || !ends {
		t.Fatal("the example has no key")
	}
	indented := "            " + strings.ReplaceAll(strings.TrimSpace(key), "\n", "\n            ") + "\n"
	adapted := strings.ReplaceAll(before+indented+after, "registry.corp.example", host)
	documents, problems := load.Parse("require-signed-images.yaml", []byte(adapted))
	evaluators, more := load.Compile(documents, load.Standard(load.Options{}))
	for _, problem := range append(problems, more...) {
		t.Fatal(problem)
	}
	return policy.NewSet(evaluators, nil)
}

func podOf(image string) *policy.Request {
	return policy.Existing(map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "web", "namespace": "shop"},
		"spec": map[string]any{"containers": []any{map[string]any{"name": "web", "image": image}}},
	}, policy.Served{Version: "v1", Kind: "Pod", Resource: "pods"}, map[string]any{
		"metadata": map[string]any{"name": "shop", "labels": map[string]any{"environment": "production"}},
	})
}

func imageOf(object map[string]any) string {
	if object == nil {
		return ""
	}
	containers := object["spec"].(map[string]any)["containers"].([]any)
	return containers[0].(map[string]any)["image"].(string)
}
