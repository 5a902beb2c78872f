package verb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	capabilityv1 "github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	tenancyv1 "github.com/roadbed-dev/roadbed/api/tenancy/v1alpha1"
)

// KubeconfigFile is the name of the embedded plane's administrator kubeconfig
// within its data folder.
const KubeconfigFile = "kubeconfig"

// errNoCluster says that no kubeconfig was found anywhere.
var errNoCluster = errors.New("no cluster found: start one with \"roadbed up\", or name one with --kubeconfig or $KUBECONFIG")

// DataDir is the embedded platform's folder.
func (p *Program) DataDir() (string, error) {
	if p.Flags.DataDir != "" {
		return filepath.Abs(p.Flags.DataDir)
	}
	if dir := p.Getenv("ROADBED_DATA_DIR"); dir != "" {
		return filepath.Abs(dir)
	}
	if dir := p.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "roadbed"), nil
	}
	home := p.Getenv("HOME")
	if home == "" {
		return "", errors.New("where the platform's data lives is unknown: set --data-dir or $HOME")
	}
	return filepath.Join(home, ".local", "share", "roadbed"), nil
}

// RestConfig finds the cluster, in the order that the root's help gives.
func (p *Program) RestConfig() (*rest.Config, error) {
	config, err := p.findConfig()
	if err != nil {
		return nil, err
	}
	config.UserAgent = "roadbed-cli"
	config.QPS, config.Burst = 100, 200
	config.WarningHandler = rest.NewWarningWriter(p.Err, rest.WarningWriterOptions{Deduplicate: true, Color: false})
	return config, nil
}

func (p *Program) findConfig() (*rest.Config, error) {
	if p.Flags.Kubeconfig != "" {
		return p.loadConfig(p.Flags.Kubeconfig)
	}
	if file := filepath.Join(p.Flags.DataDir, KubeconfigFile); p.Flags.DataDir != "" && Exists(file) {
		return p.loadConfig(file)
	}
	if list := p.Getenv("KUBECONFIG"); list != "" {
		return p.loadConfig(filepath.SplitList(list)...)
	}
	inCluster := p.Getenv("KUBERNETES_SERVICE_HOST") != ""
	files := p.kubeconfigCandidates()
	for _, file := range files.before {
		if Exists(file) {
			return p.loadConfig(file)
		}
	}
	if inCluster {
		return rest.InClusterConfig()
	}
	for _, file := range files.after {
		if Exists(file) {
			return p.loadConfig(file)
		}
	}
	return nil, errNoCluster
}

// candidates are kubeconfig files to look for before and after the cluster that
// this process runs in.
type candidates struct{ before, after []string }

func (p *Program) kubeconfigCandidates() candidates {
	var embedded, home []string
	if dir, err := p.DataDir(); err == nil {
		embedded = []string{filepath.Join(dir, KubeconfigFile)}
	}
	if dir := p.Getenv("HOME"); dir != "" {
		home = []string{filepath.Join(dir, ".kube", "config")}
	}
	if strings.HasPrefix(p.Name, "kubectl-") {
		return candidates{before: home, after: embedded}
	}
	return candidates{before: embedded, after: home}
}

// Exists says whether there is a file of that name.
func Exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func (p *Program) loadConfig(files ...string) (*rest.Config, error) {
	rules := &clientcmd.ClientConfigLoadingRules{Precedence: files}
	if len(files) == 1 {
		rules = &clientcmd.ClientConfigLoadingRules{ExplicitPath: files[0]}
	}
	overrides := &clientcmd.ConfigOverrides{CurrentContext: p.Flags.Context}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("kubeconfig %s: %w", strings.Join(files, string(filepath.ListSeparator)), err)
	}
	return config, nil
}

// NewScheme knows every kind that a verb reads or writes.
func NewScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	utilruntime.Must(tenancyv1.AddToScheme(scheme))
	utilruntime.Must(policiesv1.AddToScheme(scheme))
	utilruntime.Must(policyv1.AddToScheme(scheme))
	utilruntime.Must(capabilityv1.AddToScheme(scheme))
	return scheme
}

// Client reaches the cluster without a cache. Every object it sends is checked
// strictly: a field that the API does not know is an error.
func (p *Program) Client() (client.Client, error) {
	config, err := p.RestConfig()
	if err != nil {
		return nil, err
	}
	c, err := NewClient(config, NewScheme())
	if err != nil {
		return nil, err
	}
	return client.WithFieldValidation(c, "Strict"), nil
}

// NewClient reaches a cluster without a cache. A verb's own words are all that
// it says: were controller-runtime not told that nobody listens to its log, it
// would complain with a stack trace once a verb had run for half a minute.
func NewClient(config *rest.Config, scheme *runtime.Scheme) (client.Client, error) {
	log.SetLogger(logr.Discard())
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("reach the cluster at %s: %w", config.Host, err)
	}
	return c, nil
}
