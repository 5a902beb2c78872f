package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/app/embedded"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// tourTenant is the tenant that the tour walks through.
const tourTenant = "payments"

// tourTimeout bounds the question whether the examples are loaded.
const tourTimeout = 3 * time.Second

// tourFacts fill the tour's text.
type tourFacts struct {
	Components, Server, Data, Logs, Kubeconfig string
	// Platform is the base URL of claims over HTTP; empty where there are none.
	Platform   string
	PID, Nodes int
	// Roadbed is how to call this program so that it finds this platform.
	Roadbed string
	// Loaded is true when the example tenant is there.
	Loaded    bool
	Simulated string
}

var tourText = template.Must(template.New("tour").Funcs(template.FuncMap{"quoted": shellWord}).Parse(`
Roadbed is ready.

What runs
  {{.Components}} and the server, on 127.0.0.1 only, below process {{.PID}}
  Kubernetes ` + kubernetesVersion + ` at {{.Server}}{{if .Nodes}}, {{.Nodes}} simulated {{if eq .Nodes 1}}node{{else}}nodes{{end}}{{end}}
{{- if .Platform}}
  claims over HTTP at {{.Platform}}/v1, documents at {{.Platform}}/docs
{{- end}}
  data {{.Data}}
  logs {{.Logs}}
{{- if .Nodes}}

{{.Simulated}}
{{- end}}

How to reach it (~/.kube/config is left alone)
  export KUBECONFIG={{quoted .Kubeconfig}}
  "{{.Roadbed}} kubectl ..." is a kubectl that needs neither that nor an installation.

Three things to try
{{- if .Loaded}}
  1. See the tenants, and what one of them was given:
       {{.Roadbed}} tenant list
       {{.Roadbed}} tenant describe payments
  2. Run something{{if .Platform}}, and claim a database,{{end}} as a developer of that tenant:
       {{.Roadbed}} kubeconfig --as payments-developer --group corp:payments-developers --output developer.kubeconfig
       {{.Roadbed}} kubectl --kubeconfig developer.kubeconfig -n tenant-payments create deployment web --image registry.corp.example/payments/web:1
       {{.Roadbed}} kubectl --kubeconfig developer.kubeconfig -n tenant-payments get pods
{{- if .Platform}}
       echo '{apiVersion: claims.roadbed.dev/v1, kind: Database, metadata: {name: orders}}' | {{.Roadbed}} kubectl --kubeconfig developer.kubeconfig -n tenant-payments apply -f -
       {{.Roadbed}} kubectl --kubeconfig developer.kubeconfig -n tenant-payments get databases
     "{{.Roadbed}} capability list" says what else can be claimed, and what a capability lacks here.
{{- end}}
  3. Be refused, as that developer:
       {{.Roadbed}} kubectl --kubeconfig developer.kubeconfig -n tenant-payments delete resourcequota --all
     Why: a tenant's people run workloads; how much they may use is agreed with their business unit.
     What to do: ask for more with spec.quota in the Tenant, which "{{.Roadbed}} tenant plan -f FILE" answers
     at once with what is left of the business unit's envelope.
{{- else}}
  1. Load a bank with twenty business units and a dozen tenants:
       {{.Roadbed}} example corp-bank --apply
  2. See the tenants, and what one of them was given:
       {{.Roadbed}} tenant list
       {{.Roadbed}} tenant describe payments
  3. Be refused, as a developer of that tenant:
       {{.Roadbed}} kubeconfig --as payments-developer --group corp:payments-developers --output developer.kubeconfig
       {{.Roadbed}} kubectl --kubeconfig developer.kubeconfig -n tenant-payments delete resourcequota --all
     Why: a tenant's people run workloads; how much they may use is agreed with their business unit.
     What to do: ask for more with spec.quota in the Tenant, which "{{.Roadbed}} tenant plan -f FILE" answers
     at once with what is left of the business unit's envelope.
{{- end}}

"{{.Roadbed}} status" says how it is, "{{.Roadbed}} down" stops it and keeps its data.
`))

// tour says what runs, how to reach it and what to try.
func (p *program) tour(ctx context.Context, state embedded.State) error {
	names := make([]string, len(state.Plane.Children))
	for i, child := range state.Plane.Children {
		names[i] = child.Name
	}
	loaded, err := exampleLoaded(ctx, state.Plane.Kubeconfig)
	if err != nil {
		return err
	}
	facts := tourFacts{
		Components: strings.Join(names, ", "),
		Server:     state.Plane.Server,
		Data:       state.Plane.DataDir,
		Logs:       filepath.Join(state.Plane.DataDir, "logs"),
		Kubeconfig: state.Plane.Kubeconfig,
		Platform:   state.Server.Platform,
		PID:        state.Plane.PID,
		Nodes:      state.Plane.Nodes,
		Loaded:     loaded,
		Simulated:  simulated,
		Roadbed:    p.invocation(state.Plane.DataDir),
	}
	if err := tourText.Execute(p.Out, facts); err != nil {
		return fmt.Errorf("print the tour: %w", err)
	}
	return nil
}

// exampleLoaded says whether the tour's tenant is in the embedded cluster.
func exampleLoaded(ctx context.Context, kubeconfig string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, tourTimeout)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return false, fmt.Errorf("read kubeconfig: %w", err)
	}
	c, err := verb.NewClient(config, verb.NewScheme())
	if err != nil {
		return false, err
	}
	err = c.Get(ctx, client.ObjectKey{Name: tourTenant}, &tenancyv1.Tenant{})
	switch {
	case err == nil:
		return true, nil
	case apierrors.IsNotFound(err), meta.IsNoMatchError(err), errors.Is(err, context.DeadlineExceeded):
		return false, nil
	}
	return false, err
}

// invocation is how the user can call this program from where they are, so
// that it finds the platform in dir.
func (p *program) invocation(dir string) string {
	call := p.Name
	if self, err := os.Executable(); err == nil && !p.onPath(self) {
		call = self
		if here, err := os.Getwd(); err == nil && strings.HasPrefix(self, here+string(filepath.Separator)) {
			call = strings.TrimPrefix(self, here+string(filepath.Separator))
		}
	}
	call = shellWord(call)
	if p.Flags.DataDir != "" {
		call += " --data-dir " + shellWord(dir)
	}
	return call
}

// plainWord is what no shell takes for anything but itself.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord is a word as it can be typed into a shell.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// onPath says whether the program's bare name finds it.
func (p *program) onPath(self string) bool {
	found, err := exec.LookPath(p.Name)
	if err != nil {
		return false
	}
	resolved, err := filepath.EvalSymlinks(found)
	return err == nil && resolved == self
}
