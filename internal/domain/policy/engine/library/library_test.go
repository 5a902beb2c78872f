package library_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/cel-go/cel"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/cel/environment"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// now is when everything in these tests happens.
var now = time.Date(2026, time.March, 4, 5, 6, 7, 0, time.UTC)

// cluster answers every lookup with what was asked.
type cluster struct{}

func (cluster) Get(_ context.Context, resource schema.GroupVersionResource, namespace, name string) (map[string]any, error) {
	if name == "missing" {
		return nil, errors.New("there is none")
	}
	return map[string]any{"asked": "get " + resource.GroupResource().String() + " " + namespace + "/" + name}, nil
}

func (cluster) List(_ context.Context, resource schema.GroupVersionResource, namespace string, labels map[string]string) ([]map[string]any, error) {
	return []map[string]any{{"asked": "list " + resource.String() + " " + namespace + " " + labels["app"]}}, nil
}

func (cluster) Call(_ context.Context, method, path string, body any) (any, error) {
	return map[string]any{"asked": method + " " + path, "body": body}, nil
}

func (cluster) Global(_ context.Context, name string) (any, error) { return "global " + name, nil }

// registry knows one image.
type registry struct{}

func (registry) Describe(_ context.Context, reference string) (map[string]any, error) {
	return map[string]any{"resolvedImage": reference + "@sha256:0", "configData": map[string]any{"os": "linux"}}, nil
}

func (registry) Verify(context.Context, policy.ImageCheck) (policy.ImageProof, error) {
	return policy.ImageProof{}, nil
}

// web answers requests with what was sent.
type web struct{}

func (web) Do(_ context.Context, method, url string, headers map[string]string, body any, bundle string) (any, int, error) {
	if url == "https://list" {
		return []any{"x"}, 200, nil
	}
	return map[string]any{"sent": method + " " + url + " " + headers["a"] + " " + bundle, "body": body}, 201, nil
}

// verifier counts attestors.
type verifier struct{}

func (verifier) Signatures(_ *library.Session, _ string, attestors []any) (int, error) {
	return len(attestors), nil
}

func (verifier) Attestations(_ *library.Session, _, attestation string, attestors []any) (int, error) {
	return len(attestors) + len(attestation), nil
}

func (verifier) Payload(_ *library.Session, image, attestation string) (any, error) {
	return image + " " + attestation, nil
}

// session has everything.
func session() *library.Session {
	return &library.Session{
		World: policy.World{Lookup: cluster{}, Images: registry{}, HTTP: web{}, Now: now}, Verifier: verifier{},
		Allowed: allowing([]string{"nginx"}, nil), Subject: "shop/web",
	}
}

// environmentOf is the API server's with this library.
func environmentOf(t testing.TB) *cel.Env {
	t.Helper()
	base := environment.MustBaseEnvSet(environment.DefaultCompatibilityVersion()).StoredExpressionsEnv()
	env, err := base.Extend(library.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// evaluate compiles and evaluates.
func evaluate(t testing.TB, env *cel.Env, expression string, s *library.Session) (any, error) {
	t.Helper()
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, issues.Err()
	}
	program, err := env.Program(ast)
	if err != nil {
		return nil, err
	}
	s.Context = t.Context()
	out, _, err := library.Program(program).ContextEval(library.WithSession(t.Context(), s), map[string]any{})
	if err != nil {
		return nil, err
	}
	return library.Plain(out)
}

// TestFunctions has a case for each function, named after it. Every expression
// is true.
func TestFunctions(t *testing.T) {
	t.Parallel()
	env := environmentOf(t)
	for _, expression := range []string{
		`resource.Get('v1', 'pods', 'shop', 'web').asked == 'get pods shop/web'`,
		`resource.get('apps/v1', 'deployments', 'shop', 'web').asked == 'get deployments.apps shop/web'`,
		`resource.Get('v1', 'pods', 'shop', 'web', ['log']).asked == 'GET /api/v1/namespaces/shop/pods/web/log'`,
		`resource.Get(resource.ToGVR('apps/v1', 'Deployment'), 'shop', 'web').asked == 'get deployments.apps shop/web'`,
		`resource.Get(resource.ToGVR('apps/v1', 'Deployment'), 'shop', 'web', ['scale']).asked == 'GET /apis/apps/v1/namespaces/shop/deployments/web/scale'`,
		`resource.List('v1', 'pods', 'shop').items[0].asked == 'list /v1, Resource=pods shop '`,
		`resource.list('v1', 'pods', 'shop', {'app': 'web'}).items[0].asked.endsWith('shop web')`,
		`resource.List(resource.toGVR('networking.k8s.io/v1', 'NetworkPolicy'), 'shop').items[0].asked.contains('networkpolicies')`,
		`resource.List(resource.toGVR('v1', 'Pod'), 'shop', {'app': 'web'}).items.size() == 1`,
		`resource.Post('authorization.k8s.io/v1', 'subjectaccessreviews', {'spec': 1}).asked == 'POST /apis/authorization.k8s.io/v1/subjectaccessreviews'`,
		`resource.post('v1', 'pods', 'shop', {'kind': 'Pod'}).body.kind == 'Pod'`,
		`globalContext.Get('teams') == 'global teams'`,
		`globalContext.get('teams', 'names') == 'global teams.names'`,
		`image.GetMetadata('nginx:1').resolvedImage == 'nginx:1@sha256:0'`,
		`image.getMetadata('nginx:1').resolvedImage != '' && image.getMetadata('nginx:1').config.os == 'linux'`,
		`http.Get('https://x').sent == 'GET https://x  ' && http.Get('https://x').statusCode == 201`,
		`http.get('https://x', {'a': 'b'}).sent == 'GET https://x b '`,
		`http.Get('https://list').body == ['x']`,
		`http.Post('https://x', {'k': [1, 2]}).body.k[1] == 2`,
		`http.post('https://x', {'k': 'v'}, {'a': 'b'}).sent == 'POST https://x b '`,
		`http.Put('https://x', 'text').body == 'text'`,
		`http.patch('https://x', 'text').sent.startsWith('PATCH')`,
		`http.Client('PEM').Get('https://x').sent == 'GET https://x  PEM'`,
		`time.now() == timestamp('2026-03-04T05:06:07Z')`,
		`time.toCron(time.now()) == '6 5 4 3 3'`,
		`time.truncate(time.now(), duration('1h')) == timestamp('2026-03-04T05:00:00Z')`,
		`random().matches('^[0-9a-z]{8}$')`,
		`random.random('[A-F]{3}-(a|b)+').matches('^[A-F]{3}-[ab]+$')`,
		`random('x\\d?') != ''`,
		`random.random().size() == 8`,
		`json.unmarshal('{"a": [1, true, null]}').a[0] == 1`,
		`json.marshal({'a': [1, 2]}) == '{"a":[1,2]}'`,
		`yaml.parse('a: [1, b]').a[1] == 'b'`,
		`parseServiceAccount('system:serviceaccount:shop:web').Name == 'web'`,
		`user.parseServiceAccount('alice').Namespace == ''`,
		`md5('x') == '9dd4e461268c8034f5c8564e155c67a6' && hash.md5('x') == md5('x')`,
		`sha1('x') == '11f6ad8ec52a2984abaafd7c3b516503785c2072' && hash.sha1('x') == sha1('x')`,
		`sha256('x') == '2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881' && hash.sha256('x') == sha256('x')`,
		`math.round(3.14159, 2) == 3.14`,
		`math.greatest(1, 2) == 2`,
		`x509.decode('` + strings.ReplaceAll(rsaCertificate, "\n", `\n`) + `').Subject.CommonName == 'acme.example'`,
		`x509.decode('` + strings.ReplaceAll(rsaCertificate, "\n", `\n`) + `').PublicKey.E == 65537`,
		`x509.decode('` + strings.ReplaceAll(ecRequest, "\n", `\n`) + `').PublicKey.Curve == 'P-256'`,
		`gzip.decompress(gzip.compress('hello')) == 'hello'`,
		`gzip.compress('a') == gzip.compress(b'a')`,
		`listObjToMap([{'n': 'a'}, {'n': 'b'}], [{'v': 1}, {'v': 2}], 'n', 'v') == {'a': 1, 'b': 2}`,
		`transform.listObjToMap([{'n': 'a'}] + [{'n': 'b'}], [{'v': 1}, {'v': 2}], 'n', 'v').b == 2`,
		`jmespath('items[?a > ` + "`1`" + `].b | [0]', json.unmarshal('{"items": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]}')) == 'y'`,
		`image('ghcr.io/acme/web:1').registry() == 'ghcr.io'`,
		`parseImageReference('ghcr.io/acme/web:1').repository() == 'acme/web'`,
		`image('nginx').tag() == 'latest'`,
		`image('nginx@` + digest + `').digest() == '` + digest + `'`,
		`image('nginx@` + digest + `').containsDigest() && !image('nginx').containsDigest()`,
		`image('nginx:1').identifier() == '1'`,
		`image('nginx:1').identifierWithSeparator() == ':1'`,
		`image('nginx:1') == image('docker.io/library/nginx:1')`,
		`isImage('nginx:1') && !isImage('not an image')`,
		`exceptions.allowedImages == ['nginx'] && exceptions.allowedValues == []`,
		`verifyImageSignatures('nginx', [{"name": "a"}, {"name": "b"}]) == 2`,
		`verifyAttestationSignatures('nginx', 'sbom', ['a']) == 5`,
		`getImageData('nginx').resolvedImage == 'nginx@sha256:0'`,
		`extractPayload('nginx', 'sbom') == 'nginx sbom'`,
		`cel.bind(x, 2, x * x) == 4`,
		`regex.replace('docker.io/a', '^docker\\.io/(.*)', r'mirror/\1') == 'mirror/a'`,
		`regex.extract('a1', '[0-9]').orValue('') == '1' && regex.extractAll('a1b2', '[0-9]') == ['1', '2']`,
		`base64.decode(base64.encode(b'x')) == b'x'`,
		`[1, 2].transformList(i, v, i + v) == [1, 3]`,
		`quantity('1Gi').isGreaterThan(quantity('1G'))`,
		`semver('1.2.3').major() == 1 && ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.1.1')`,
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			if got, err := evaluate(t, env, expression, session()); err != nil || got != true {
				t.Errorf("%s = %v, %v", expression, got, err)
			}
		})
	}
}

// TestErrors are calls that fail, with what they say.
func TestErrors(t *testing.T) {
	t.Parallel()
	env := environmentOf(t)
	namespaced := session()
	namespaced.Namespace = "shop"
	for _, test := range []struct {
		name, reason, expression, want string
		session                        *library.Session
	}{
		{"no cluster", "nobody can look up", `resource.Get('v1', 'pods', 'a', 'b')`, policy.ErrNoWorld.Error(), &library.Session{}},
		{"no registry", "nor read images", `image.GetMetadata('x')`, policy.ErrNoWorld.Error(), &library.Session{}},
		{"no http", "nor send requests", `http.Get('https://x')`, policy.ErrNoHTTP.Error(), &library.Session{}},
		{"missing", "what is not there is an error", `resource.Get('v1', 'pods', 'a', 'missing')`, "failed to get resource: there is none", session()},
		{"elsewhere", "a namespaced policy stays at home", `resource.Get('v1', 'pods', 'other', 'b')`, `may look up objects of this namespace only`, namespaced},
		{"nowhere", "a cluster policy has no home", `resource.Get('v1', 'pods', 'b')`, "name the namespace", session()},
		{"no verifier", "signatures are for image policies", `verifyImageSignatures('x', ['a'])`, "ImageValidatingPolicy only", &library.Session{}},
		{"json", "broken JSON is an error", `json.unmarshal('{')`, "unexpected end", session()},
		{"pem", "so is what is no certificate", `x509.decode('x')`, "no PEM", session()},
		{"image", "so is what is no image", `image('not an image')`, "could not parse reference", session()},
		{"gzip", "so is what is not packed", `gzip.decompress(b'x')`, "EOF", session()},
		{"lists", "so are lists of different lengths", `listObjToMap([], [{'v': 1}], 'n', 'v')`, "lists of one length", session()},
		{"jmespath", "so is a query for what is not there", `jmespath('nope', {'a': 1})`, "nope", session()},
		{"regexp", "so is a broken pattern", `random('[')`, "missing closing", session()},
		{"generator", "nothing is created", `generator.Apply('x', [])`, "generator.Apply is not supported", session()},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			own := *test.session
			if _, err := evaluate(t, env, test.expression, &own); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%s: got %v, want %q", test.reason, err, test.want)
			}
		})
	}
}

func TestNamespacedPolicyLooksAtHome(t *testing.T) {
	t.Parallel()
	env := environmentOf(t)
	for _, expression := range []string{
		`resource.Get('v1', 'pods', 'web').asked == 'get pods shop/web'`,
		`resource.Get('v1', 'pods', 'web', ['log']).asked.endsWith('/shop/pods/web/log')`,
		`resource.Get(resource.ToGVR('v1', 'Pod'), 'web').asked == 'get pods shop/web'`,
		`resource.List('v1', 'pods').items[0].asked.contains(' shop ')`,
		`resource.List('v1', 'pods', {'app': 'web'}).items.size() == 1`,
		`resource.List(resource.ToGVR('v1', 'Pod'), {'app': 'web'}).items.size() == 1`,
		`resource.Post('v1', 'pods', {'kind': 'Pod'}).asked == 'POST /api/v1/namespaces/shop/pods'`,
	} {
		at := session()
		at.Namespace = "shop"
		if got, err := evaluate(t, env, expression, at); err != nil || got != true {
			t.Errorf("%s = %v, %v", expression, got, err)
		}
	}
}

func TestRandomIsReproducible(t *testing.T) {
	t.Parallel()
	env := environmentOf(t)
	var texts []any
	for _, subject := range []string{"shop/web", "shop/web", "shop/api"} {
		at := session()
		at.Subject = subject
		got, err := evaluate(t, env, `random() + random()`, at)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, got)
	}
	if texts[0] != texts[1] || texts[0] == texts[2] {
		t.Errorf("got %v: the same request at the same time gives the same, another another", texts)
	}
	if first := texts[0].(string); first[:8] == first[8:] {
		t.Errorf("got %q: two texts of one evaluation differ", first)
	}
}

func FuzzRandom(f *testing.F) {
	env := environmentOf(f)
	for _, seed := range []string{"[0-9a-z]{8}", "(a|b)*", "a{2,}", "[^\\x00-\\x{10FFFF}]", "((((a*)*)*)*)*", "^$", "."} {
		f.Add(seed)
	}
	ast, issues := env.Compile(`random(exceptions.allowedValues[0])`)
	if issues.Err() != nil {
		f.Fatal(issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		s := &library.Session{Context: t.Context(), Allowed: allowing(nil, []string{pattern})}
		out, _, err := library.Program(program).ContextEval(library.WithSession(t.Context(), s), map[string]any{})
		if err == nil && len(out.Value().(string)) > 1<<20 {
			t.Errorf("random(%q) has %d bytes", pattern, len(out.Value().(string)))
		}
	})
}

func FuzzImage(f *testing.F) {
	env := environmentOf(f)
	ast, issues := env.Compile(`isImage(exceptions.allowedValues[0]) ? image(exceptions.allowedValues[0]).identifierWithSeparator() + image(exceptions.allowedValues[0]).registry() : ''`)
	if issues.Err() != nil {
		f.Fatal(issues.Err())
	}
	program, err := env.Program(ast)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"nginx", "a/b:c@" + digest, "::", "a@b", "localhost:5000/x", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		s := &library.Session{Context: t.Context(), Allowed: allowing(nil, []string{reference})}
		if _, _, err := library.Program(program).ContextEval(library.WithSession(t.Context(), s), map[string]any{}); err != nil {
			t.Errorf("image(%q): %v", reference, err)
		}
	})
}

// allowing is what exceptions allow for every request.
func allowing(images, values []string) library.Allowed {
	return func(*policy.Request, policy.World) ([]string, []string, error) { return images, values, nil }
}
