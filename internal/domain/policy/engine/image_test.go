package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/extract"
)

const (
	someDigest = "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
	someKey    = `-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8nXRh950IZbRj8Ra/N9sbqOPZrfM
5/KAQN0/KjHcorm/J5yctVd7iEcnessRQjU917hmKO6JWVGHpDguIyakZA==
-----END PUBLIC KEY-----`
)

var errDown = errors.New("the registry does not answer")

// registry signs by the words in an image's name.
type registry struct{}

func (registry) Describe(_ context.Context, reference string) (map[string]any, error) {
	if strings.Contains(reference, "down") {
		return nil, errDown
	}
	return map[string]any{"resolvedImage": reference + "@" + someDigest, "configData": map[string]any{"config": map[string]any{"User": "1000"}}}, nil
}

func (registry) Verify(_ context.Context, check policy.ImageCheck) (policy.ImageProof, error) {
	switch {
	case strings.Contains(check.Reference, "down"):
		return policy.ImageProof{}, errDown
	case !strings.Contains(check.Reference, "signed"):
		return policy.ImageProof{}, fmt.Errorf("%s by %s: %w", check.Reference, check.Attestor.Name, policy.ErrUnproved)
	case check.PredicateType != "" && check.PredicateType != "https://acme.example/scan":
		return policy.ImageProof{}, policy.ErrUnproved
	}
	return policy.ImageProof{Digest: someDigest, Statements: []map[string]any{{"score": int64(9)}}}, nil
}

func podOf(images ...string) string {
	var text strings.Builder
	text.WriteString("apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec:\n  containers:\n")
	for i, image := range images {
		fmt.Fprintf(&text, "  - {name: c%d, image: %q}\n", i, image)
	}
	return text.String()
}

const imageSpec = `
metadata: {name: p}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  validationConfigurations: {mutateDigest: true, verifyDigest: %s, required: %s}
  matchImageReferences: [{glob: "ghcr.io/acme/*"}, {expression: "ref.startsWith('registry.acme.example/')"}]
  attestors: [{name: key, cosign: {key: {data: %q}, ctlog: {insecureIgnoreTlog: true}}}]
  attestations: [{name: scan, intoto: {type: https://acme.example/scan}}]
  validations:
  - {expression: "images.containers.map(i, verifyImageSignatures(i, [attestors.key])).all(n, n > 0)", message: not signed}
  - expression: "images.containers.map(i, verifyAttestationSignatures(i, attestations.scan, [attestors.key])).all(n, n > 0) && images.containers.all(i, extractPayload(i, attestations.scan).score > 5)"
    message: not scanned
`

func TestImageValidatingPolicy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason, verifyDigest, required string
		images                               []string
		want                                 []string
	}{
		{
			name: "signed", reason: "signed and scanned", verifyDigest: "false", required: "true", images: []string{"ghcr.io/acme/signed:1"},
			want: []string{"validations[0] pass ", "validations[1] pass ", "required pass "},
		},
		{
			name: "unsigned", reason: "what was not proved is told with the message", verifyDigest: "false", required: "true",
			images: []string{"ghcr.io/acme/signed:1", "registry.acme.example/web"},
			want: []string{
				"validations[0] fail not signed (registry.acme.example/web by key: not proved)",
				"validations[1] fail not scanned (registry.acme.example/web by key: not proved)",
				"required fail image registry.acme.example/web failed signature or attestation verification",
			},
		},
		{
			name: "other", reason: "images that nothing selects are not judged", verifyDigest: "true", required: "true", images: []string{"nginx:1"},
			want: []string{"validations[0] pass ", "validations[1] pass ", "verifyDigest pass ", "required pass "},
		},
		{
			name: "digest", reason: "a tag is no digest", verifyDigest: "true", required: "false",
			images: []string{"ghcr.io/acme/signed:1", "ghcr.io/acme/signed@" + someDigest},
			want:   []string{"validations[0] pass ", "validations[1] pass ", "verifyDigest fail image ghcr.io/acme/signed:1 does not have a digest"},
		},
		{
			name: "down", reason: "no answer is an error, not a verdict", verifyDigest: "false", required: "false", images: []string{"ghcr.io/acme/down"},
			want: []string{"validations[0] error ", "validations[1] error "},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text := fmt.Sprintf(imageSpec, test.verifyDigest, test.required, someKey)
			compiled, err := CompileImageValidating(decoded[policiesv1.ImageValidatingPolicy](t, text), Options{})
			if err != nil {
				t.Fatal(err)
			}
			results := compiled.Validate(t.Context(), creating(t, "pods", podOf(test.images...)), policy.World{Images: registry{}})
			for i := range results {
				if results[i].Status == policy.Error && strings.Contains(results[i].Message, errDown.Error()) {
					results[i].Message = ""
				}
			}
			compare(t, results, test.want, test.reason)
		})
	}
}

func TestImagesArePinned(t *testing.T) {
	t.Parallel()
	compiled, err := CompileImageValidating(decoded[policiesv1.ImageValidatingPolicy](t, fmt.Sprintf(imageSpec, "true", "true", someKey)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	request := creating(t, "pods", podOf("ghcr.io/acme/signed:1", "nginx", "ghcr.io/acme/x@"+someDigest))
	object, results := compiled.Mutate(t.Context(), request, policy.World{Images: registry{}}, nil)
	compare(t, results, []string{"mutateDigest pass 1 images were pinned to their digests"}, "tags of selected images become digests")
	same(t, object, podOf("ghcr.io/acme/signed:1@"+someDigest, "nginx", "ghcr.io/acme/x@"+someDigest), "others stay")

	_, results = compiled.Mutate(t.Context(), request, policy.World{}, nil)
	if len(results) != 1 || results[0].Status != policy.Error {
		t.Errorf("got %v: without a registry nothing can be pinned, and that refuses", results)
	}
	_, results = compiled.Mutate(t.Context(), request, policy.World{}, func(rule string) string { return "override-of-" + rule })
	if len(results) != 1 || results[0].Status != policy.Skip || results[0].Override != "override-of-mutateDigest" {
		t.Errorf("got %v, want a skip: an override waives the rule", results)
	}
}

func TestImagesOfWorkloads(t *testing.T) {
	t.Parallel()
	compiled, err := CompileImageValidating(decoded[policiesv1.ImageValidatingPolicy](t, fmt.Sprintf(imageSpec, "false", "false", someKey)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(deployment, "nginx:1", "ghcr.io/acme/web", 1)
	results := compiled.Validate(t.Context(), creating(t, "deployments", text), policy.World{Images: registry{}})
	compare(t, results, []string{
		"autogen-validations[0] fail not signed (ghcr.io/acme/web by key: not proved)",
		"autogen-validations[1] fail not scanned (ghcr.io/acme/web by key: not proved)",
	}, "images are found where the kind keeps them")
}

func TestImageFaults(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason, want string
		change             func(*policiesv1.ImageValidatingPolicySpec)
	}{
		{"key", "a key that does not parse is a fault of the policy", `spec.attestors[0]: attestor "key": the public key is no PEM`, func(s *policiesv1.ImageValidatingPolicySpec) {
			s.Attestors[0].Cosign.Key.Data = "-----BEGIN PUBLIC KEY-----\nMFkw...\n-----END PUBLIC KEY-----"
		}},
		{"kms", "key management systems are not supported", "spec.attestors[0].cosign.key.kms: a key in a key management system is not supported", func(s *policiesv1.ImageValidatingPolicySpec) {
			s.Attestors[0].Cosign.Key.KMS = "awskms:///alias/x"
		}},
		{"extension", "extensions have names", `certificates have no extension "ref"`, func(s *policiesv1.ImageValidatingPolicySpec) {
			s.Attestors[0].Cosign = keylessCosign(policiesv1.Identity{Subject: "a"})
			s.Attestors[0].Cosign.Keyless.AdditionalExtensions = map[string]string{"ref": "x"}
		}},
		{"two subjects", "one of them would be ignored", "cosign.keyless.identities[0].subjectExpression: there is a subject already", func(s *policiesv1.ImageValidatingPolicySpec) {
			s.Attestors[0].Cosign = keylessCosign(policiesv1.Identity{SubjectRegExp: "a", SubjectExpression: "'b'"})
		}},
		{"trusted root", "what a trusted root is not", `spec.attestors[0]: attestor "key": the trusted root is no JSON`, func(s *policiesv1.ImageValidatingPolicySpec) {
			s.Attestors[0].Cosign.TrustedRoot = &policiesv1.StringOrExpression{Value: "https://tuf.example.com"}
		}},
		{"reference", "expressions about references are compiled", "spec.matchImageReferences[1].expression, line 1, column 13: undeclared reference to 'nonsense'", func(s *policiesv1.ImageValidatingPolicySpec) {
			s.MatchImageReferences[1].Expression = "ref.nonsense('x')"
		}},
		{"attestation", "attestations need a type", "spec.attestations[0]: set intoto or referrer", func(s *policiesv1.ImageValidatingPolicySpec) {
			s.Attestations[0].InToto = nil
		}},
		{"extractor", "extractors give lists", "spec.images[0].expression: must evaluate to one of", func(s *policiesv1.ImageValidatingPolicySpec) {
			s.Images = []policiesv1.ImageExtractor{{Name: "more", Expression: "'nginx'"}}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := decoded[policiesv1.ImageValidatingPolicy](t, fmt.Sprintf(imageSpec, "true", "true", someKey))
			test.change(&p.Spec)
			_, err := CompileImageValidating(p, Options{})
			var faults FaultsError
			if !errors.As(err, &faults) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s\n got %v\nwant %s", test.reason, err, test.want)
			}
		})
	}
}

func TestImagesByExpression(t *testing.T) {
	t.Parallel()
	p := decoded[policiesv1.ImageValidatingPolicy](t, fmt.Sprintf(imageSpec, "false", "true", "x"))
	p.Spec.Attestors[0].Cosign.Key = &policiesv1.Key{Expression: "object.data.key"}
	p.Spec.Images = []policiesv1.ImageExtractor{{Name: "tool", Expression: "[object.data.image]"}}
	p.Spec.Validations = p.Spec.Validations[:1]
	p.Spec.Validations[0].Expression = "images.tool.all(i, verifyImageSignatures(i, [attestors.key]) == 1)"
	p.Spec.MatchConstraints.ResourceRules[0].Resources = []string{"configmaps"}
	compiled, err := CompileImageValidating(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	request := creating(t, "configmaps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: shop}\ndata: {image: ghcr.io/acme/signed, key: \"\"}")
	request.Object["data"].(map[string]any)["key"] = someKey
	compare(t, compiled.Validate(t.Context(), request, policy.World{Images: registry{}}),
		[]string{"validations[0] pass ", "required pass "}, "images and keys may come from expressions")
	request.Object["data"].(map[string]any)["key"] = "no key"
	results := compiled.Validate(t.Context(), request, policy.World{Images: registry{}})
	if results[0].Status != policy.Error || !strings.Contains(results[0].Message, "the public key is no PEM") {
		t.Errorf("got %v, want an error: a computed key that does not parse is no verdict", results[0])
	}
}

func keylessCosign(identity policiesv1.Identity) *policiesv1.Cosign {
	return &policiesv1.Cosign{Keyless: &policiesv1.Keyless{Identities: []policiesv1.Identity{identity}}}
}

// asked keeps the attestors that it is asked about.
type asked struct {
	registry
	attestors []policy.Attestor
}

func (a *asked) Verify(ctx context.Context, check policy.ImageCheck) (policy.ImageProof, error) {
	a.attestors = append(a.attestors, check.Attestor)
	return a.registry.Verify(ctx, check)
}

// TestIdentitiesByExpression holds each object to the subject that it computes,
// and to nobody else's.
func TestIdentitiesByExpression(t *testing.T) {
	t.Parallel()
	p := decoded[policiesv1.ImageValidatingPolicy](t, fmt.Sprintf(imageSpec, "false", "true", "x"))
	p.Spec.Attestors[0].Cosign = keylessCosign(policiesv1.Identity{Issuer: "https://issuer", SubjectExpression: "'^https://ci/' + object.metadata.labels.app + '$'"})
	p.Spec.Attestors[0].Cosign.TrustedRoot = &policiesv1.StringOrExpression{Expression: `'{"mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'`}
	p.Spec.Validations = p.Spec.Validations[:1]
	compiled, err := CompileImageValidating(p, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var images asked
	for _, app := range []string{"web", "api"} {
		text := strings.Replace(podOf("ghcr.io/acme/web"), "name: web,", "name: web, labels: {app: "+app+"},", 1)
		compiled.Validate(t.Context(), creating(t, "pods", text), policy.World{Images: &images})
	}
	if len(images.attestors) != 2 {
		t.Fatalf("asked about %d attestors, want 2", len(images.attestors))
	}
	for i, want := range []string{"^https://ci/web$", "^https://ci/api$"} {
		got := images.attestors[i]
		if got.Keyless.Identities[0].SubjectPattern != want || got.Keyless.Identities[0].Issuer != "https://issuer" || got.TrustedRoot == "" {
			t.Errorf("asked about %+v with root %q, want the subject %s", got.Keyless, got.TrustedRoot, want)
		}
	}
}

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, image string
		want           bool
	}{
		{"*", "nginx", true},
		{"ghcr.io/*", "ghcr.io/acme/web:1", true},
		{"ghcr.io/*/web:?", "ghcr.io/acme/web:1", true},
		{"ghcr.io/*/web:?", "ghcr.io/acme/web:12", false},
		{"docker.io/*", "nginx", true},
		{"docker.io/library/*", "nginx:1", true},
		{"nginx*", "docker.io/library/nginx", false},
		{"", "nginx", false},
	} {
		got, err := (imageReferences{{glob: test.pattern}}).selects(t.Context(), test.image)
		if err != nil || got != test.want {
			t.Errorf("%q selects %q: %v, %v; want %v", test.pattern, test.image, got, err, test.want)
		}
	}
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		"object.spec.containers.all(c, c.image != '')", "true", "", "[", "variables.a", "resource.Get('v1','pods','a','b').x == 1",
		"images.containers.size() > 0", "generator.Apply('a', [])", "cel.bind(x, 1, x == 1)", "object.spec.containers[0].image.matches('(')", nested(3),
	} {
		f.Add(seed)
	}
	request := creating(f, "pods", pod)
	f.Fuzz(func(t *testing.T, expression string) {
		p := decoded[policiesv1.ValidatingPolicy](t, "metadata: {name: p}\nspec:"+podRule+"  validations: [{expression: 'true'}]")
		p.Spec.Variables = append(p.Spec.Variables, variable("a", expression))
		p.Spec.Validations[0].Expression, p.Spec.Validations[0].MessageExpression = expression, expression
		compiled, err := CompileValidating(p, Options{})
		if err != nil {
			return
		}
		compiled.Validate(t.Context(), request, policy.World{})
	})
}

func FuzzImageReference(f *testing.F) {
	for _, seed := range []string{"nginx", "ghcr.io/acme/web:1@" + someDigest, "", "@", ":", "a//b", "docker.io/library/nginx", strings.Repeat("a/", 300)} {
		f.Add(seed, "*/"+seed)
	}
	f.Fuzz(func(t *testing.T, image, pattern string) {
		for _, spelling := range extract.Spellings(image) {
			if extract.GlobMatches(pattern, spelling) && !extract.GlobMatches(pattern+"*", spelling) {
				t.Errorf("%q matches %q, and with a star behind it does not", pattern, spelling)
			}
		}
	})
}
