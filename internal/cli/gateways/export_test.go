package gateways

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/cli/verb/verbtest"
	"github.com/roadbed-dev/roadbed/internal/domain/gateway/export"
	"github.com/roadbed-dev/roadbed/internal/kubetest"
	"github.com/roadbed-dev/roadbed/internal/standalone"
)

func TestMain(m *testing.M) { kubetest.Main(m) }

// article is the input of the export of the platform API's route.
func article(t *testing.T) []byte {
	t.Helper()
	archive, err := txtar.ParseFile("../../domain/gateway/export/testdata/article.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return archive.Files[0].Data
}

// run runs the family's verb and returns the exit code.
func run(t *testing.T, s *verbtest.Session, args ...string) int {
	t.Helper()
	p := s.Program()
	cmd := Verb(p)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	p.MarkRunning(cmd)
	cmd, err := cmd.ExecuteContextC(t.Context())
	if err == nil {
		return verb.ExitOK
	}
	return p.Report(t.Context(), cmd, err)
}

func TestExportFiles(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	objects := write("api.yaml", string(article(t))+"---\napiVersion: v1\nkind: Service\nmetadata: {name: other}\n")
	write("notes.txt", "not: read\n")
	keys := write("keys.json.txt", "no JSON")
	misspelt := filepath.Join(t.TempDir(), "misspelt.yaml")
	wrong := "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec:\n  gatewayClass: roadbed\n"
	if err := os.WriteFile(misspelt, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason string
		args   []string
		code   int
		stdout string
		stderr string
	}{
		"File":      {reason: "objects go to the standard output, findings to the standard error", args: []string{"--for", "envoy-gateway", "-f", objects}, stdout: "kind: SecurityPolicy", stderr: "spec.failureMode: Open"},
		"Folder":    {reason: "of a folder, YAML and JSON files are read", args: []string{"--for", "istio", "-f", folder}, stdout: "kind: RequestAuthentication"},
		"JSON":      {reason: "as JSON, it is a list that kubectl applies", args: []string{"--for", "kong", "-f", objects, "-o", "json"}, stdout: `"kind": "KongPlugin"`},
		"Class":     {reason: "the class is the user's", args: []string{"--for", "kong", "-f", objects, "--class", "inner"}, stdout: "gatewayClassName: inner"},
		"Findings":  {reason: "findings can be what is asked for", args: []string{"--for", "istio", "-f", objects, "--findings", "-o", "json"}, stdout: `"effect": "Open"`},
		"Strict":    {reason: "a pipeline stops when something cannot be enforced", args: []string{"--for", "istio", "-f", objects, "--strict"}, code: verb.ExitFailed, stdout: "kind: Gateway"},
		"Misspelt":  {reason: "a mistake is named with file and line", args: []string{"--for", "istio", "-f", misspelt}, code: verb.ExitFailed, stderr: `misspelt.yaml:5: unknown field "spec.gatewayClass"`},
		"NoKeys":    {reason: "keys that are none are refused", args: []string{"--for", "istio", "-f", objects, "--cluster-keys", keys}, code: verb.ExitFailed, stderr: "are no JSON"},
		"NoFile":    {reason: "a file that is not there is named", args: []string{"--for", "istio", "-f", "nowhere.yaml"}, code: verb.ExitFailed, stderr: "nowhere.yaml"},
		"NoGateway": {reason: "the gateways there are are named", args: []string{"--for", "nginx", "-f", objects}, code: verb.ExitUsage, stderr: "[envoy-gateway istio kong]"},
		"Nothing":   {reason: "without --for it is usage", args: nil, code: verb.ExitUsage, stderr: `"for"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := verbtest.New(t)
			code := run(t, s, append([]string{"export"}, tc.args...)...)
			if code != tc.code {
				t.Errorf("exit code %d, want %d: %s\n%s", code, tc.code, tc.reason, &s.Stderr)
			}
			if !strings.Contains(s.Stdout.String(), tc.stdout) || !strings.Contains(s.Stderr.String(), tc.stderr) {
				t.Errorf("%s: want %q and %q in\n%s\n%s", tc.reason, tc.stdout, tc.stderr, &s.Stdout, &s.Stderr)
			}
		})
	}
}

func TestExportStandardInput(t *testing.T) {
	t.Parallel()
	s := verbtest.New(t)
	s.In = bytes.NewReader(article(t))
	if code := run(t, s, "export", "--for", "envoy-gateway", "-f", "-", "--findings"); code != verb.ExitOK {
		t.Fatalf("exit code %d: %s", code, &s.Stderr)
	}
	var findings []export.Finding
	if err := yaml.Unmarshal(s.Stdout.Bytes(), &findings); err != nil || len(findings) == 0 || findings[0].Do == "" {
		t.Errorf("findings %v, %v in\n%s", findings, err, &s.Stdout)
	}
}

// TestExportLive reads a cluster, and takes its issuer and its keys along.
func TestExportLive(t *testing.T) {
	t.Parallel()
	env := kubetest.Private(t)
	env.InstallCRDs(t)
	installGatewayAPI(t, env.Client)
	scheme := newScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c, err := client.New(env.Admin, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"platform-gateway", "platform-data"} {
		if err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Replace(string(article(t)), "    - url: https://sso.corp.com\n      audiences: [platform-api]\n      tenantClaim: tenant\n      jwks:\n        uri: https://sso.corp.com/keys\n", "    - type: Cluster\n", 1)
	for document := range strings.SplitSeq(text, "---\n") {
		createDocument(t, c, scheme, []byte(document))
	}
	s := verbtest.New(t)
	s.Vars["KUBECONFIG"] = env.Kubeconfig(t, standalone.AdminUser, standalone.AdminGroup)
	if code := run(t, s, "export", "--for", "envoy-gateway"); code != verb.ExitOK {
		t.Fatalf("exit code %d: %s", code, &s.Stderr)
	}
	for _, want := range []string{"kind: Gateway", "kind: HTTPRoute", "kind: ReferenceGrant", "kind: SecurityPolicy", "kind: BackendTrafficPolicy", `"kty":"`} {
		if !strings.Contains(s.Stdout.String(), want) {
			t.Errorf("no %s in\n%s", want, &s.Stdout)
		}
	}
	if strings.Contains(s.Stdout.String(), "resourceVersion") || !strings.Contains(s.Stderr.String(), "export again before the cluster's keys change") {
		t.Errorf("objects are as the cluster has them, or keys are not spoken of:\n%s\n%s", &s.Stdout, &s.Stderr)
	}
}

func createDocument(t *testing.T, c client.Client, scheme *runtime.Scheme, data []byte) {
	t.Helper()
	var head metav1.PartialObjectMetadata
	if err := yaml.Unmarshal(data, &head); err != nil {
		t.Fatal(err)
	}
	object, err := scheme.New(head.GroupVersionKind())
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(data, object); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(t.Context(), object.(client.Object)); err != nil {
		t.Fatal(err)
	}
}

// installGatewayAPI installs the definitions of the module that the product is
// built with, where they are absent.
func installGatewayAPI(t *testing.T, c client.Client) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-json", "sigs.k8s.io/gateway-api").Output()
	if err != nil {
		t.Fatal(err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"gatewayclasses", "gateways", "listenersets", "httproutes", "grpcroutes", "backendtlspolicies", "referencegrants"} {
		data, err := os.ReadFile(filepath.Join(module.Dir, "config/crd/standard/gateway.networking.k8s.io_"+kind+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		definition := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(data, definition); err != nil {
			t.Fatal(err)
		}
		if err := client.IgnoreAlreadyExists(c.Create(t.Context(), definition)); err != nil {
			t.Fatal(err)
		}
	}
	kubetest.Eventually(t, time.Minute, "Gateway API is served", func() error {
		var problems []error
		for _, kind := range []string{"GatewayClass", "Gateway", "ListenerSet", "HTTPRoute", "GRPCRoute", "BackendTLSPolicy", "ReferenceGrant"} {
			list := &metav1.PartialObjectMetadataList{TypeMeta: metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: kind + "List"}}
			problems = append(problems, c.List(t.Context(), list))
		}
		return errors.Join(problems...)
	})
}
