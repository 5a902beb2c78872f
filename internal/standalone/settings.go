package standalone

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/standalone/atomicfile"
)

//go:embed files/audit-policy.yaml
var auditPolicy string

//go:embed files/audit-bodies.yaml
var auditBodies string

//go:embed files/authentication.yaml
var authentication []byte

//go:embed files/stages.yaml
var stages []byte

// Names of the files in the config folder.
const (
	auditPolicyFile    = "audit-policy.yaml"
	authenticationFile = "authentication.yaml"
	admissionFile      = "admission.yaml"
	encryptionFile     = "encryption.yaml"
	schedulerFile      = "scheduler.yaml"
	stagesFile         = "stages.yaml"
)

// configAPI is the API of the API server's own configuration files.
const configAPI = "apiserver.config.k8s.io/v1"

// Manifest is a file of admission policies that the API server loads from disk
// (Kubernetes 1.37's manifest-based admission control). They hold from its
// first request on, against cluster administrators too, and nobody can change
// them through the API.
//
// The file may hold ValidatingAdmissionPolicies, MutatingAdmissionPolicies and
// their bindings, in v1, without parameters. Every name must end in
// StaticSuffix, and bindings must name policies in the same set.
type Manifest struct {
	// Name is a file name, such as guards.yaml.
	Name string
	// Data is YAML, of one or more documents.
	Data []byte
}

// StaticSuffix ends the name of every static admission object: Kubernetes
// demands it there and refuses it through the API.
const StaticSuffix = ".static.k8s.io"

// staticPlugins says which admission plugin reads which kinds. Each has its own
// folder, because it refuses the other's kinds.
var staticPlugins = []struct {
	name   string
	folder string
	config string
	kinds  [2]string
}{
	{"ValidatingAdmissionPolicy", "validating", "ValidatingAdmissionPolicyConfiguration", [2]string{"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}},
	{"MutatingAdmissionPolicy", "mutating", "MutatingAdmissionPolicyConfiguration", [2]string{"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"}},
}

// writeSettings writes every configuration file anew.
func writeSettings(l layout, c Config, encryptionKey string) error {
	files := map[string][]byte{
		auditPolicyFile:    auditPolicyFor(c),
		authenticationFile: authentication,
		stagesFile:         stages,
	}
	rendered := map[string]any{
		encryptionFile: encryptionConfig(encryptionKey),
		schedulerFile:  schedulerConfig(l.client(schedulerName)),
		admissionFile:  admissionConfig(l),
	}
	for name, config := range rendered {
		content, err := sigsyaml.Marshal(config)
		if err != nil {
			return fmt.Errorf("encode %s: %w", name, err)
		}
		files[name] = content
	}
	for name, content := range files {
		if err := atomicfile.Write(l.config(name), content); err != nil {
			return err
		}
	}
	return writeManifests(l, c.Admission)
}

// auditPolicyFor is the policy with all its rules.
func auditPolicyFor(c Config) []byte {
	const rest = "  - level: Metadata\n"
	if c.AuditBodies {
		return []byte(auditPolicy + auditBodies + rest)
	}
	return []byte(auditPolicy + rest)
}

type object = map[string]any

func encryptionConfig(key string) object {
	return object{
		"apiVersion": configAPI,
		"kind":       "EncryptionConfiguration",
		"resources": []object{{
			"resources": []string{"secrets"},
			"providers": []object{
				{"secretbox": object{"keys": []object{{"name": "key1", "secret": key}}}},
				{"identity": object{}},
			},
		}},
	}
}

func schedulerConfig(kubeconfig string) object {
	return object{
		"apiVersion":       "kubescheduler.config.k8s.io/v1",
		"kind":             "KubeSchedulerConfiguration",
		"enableProfiling":  false,
		"leaderElection":   object{"leaderElect": false},
		"clientConnection": object{"kubeconfig": kubeconfig, "qps": 300, "burst": 600},
	}
}

func admissionConfig(l layout) object {
	plugins := make([]object, 0, len(staticPlugins))
	for _, plugin := range staticPlugins {
		plugins = append(plugins, object{
			"name": plugin.name,
			"configuration": object{
				"apiVersion":         configAPI,
				"kind":               plugin.config,
				"staticManifestsDir": l.admission(plugin.folder),
			},
		})
	}
	return object{"apiVersion": configAPI, "kind": "AdmissionConfiguration", "plugins": plugins}
}

// writeManifests sorts the documents into the plugins' folders, which hold
// nothing else afterwards.
func writeManifests(l layout, manifests []Manifest) error {
	documents := map[string][]byte{}
	for _, manifest := range manifests {
		if err := sortManifest(manifest, documents); err != nil {
			return fmt.Errorf("static admission manifest %q: %w", manifest.Name, err)
		}
	}
	if err := os.RemoveAll(l.config("admission")); err != nil {
		return fmt.Errorf("clear static admission manifests: %w", err)
	}
	for _, plugin := range staticPlugins {
		if err := os.MkdirAll(l.admission(plugin.folder), privateDir); err != nil {
			return fmt.Errorf("make folder of static admission manifests: %w", err)
		}
	}
	for file, content := range documents {
		if err := atomicfile.Write(l.admission(file), content); err != nil {
			return err
		}
	}
	return nil
}

// sortManifest adds the manifest's documents to those of the plugin that reads
// them, by the path of the file they go to.
func sortManifest(manifest Manifest, documents map[string][]byte) error {
	if manifest.Name == "" || filepath.Base(manifest.Name) != manifest.Name {
		return errors.New("the name is not a file name")
	}
	reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest.Data)))
	for {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		folder, err := folderOf(document)
		if err != nil {
			return err
		}
		if folder == "" {
			continue
		}
		file := filepath.Join(folder, manifest.Name)
		documents[file] = append(append(documents[file], document...), "\n---\n"...)
	}
}

// folderOf returns where a document belongs; "" for an empty one.
func folderOf(document []byte) (string, error) {
	var meta struct {
		Kind     string `json:"kind"`
		Metadata struct {
			Name string `json:"name"`
		} `json:"metadata"`
	}
	if err := sigsyaml.Unmarshal(document, &meta); err != nil {
		return "", err
	}
	if meta.Kind == "" && onlyComments(document) {
		return "", nil
	}
	for _, plugin := range staticPlugins {
		if meta.Kind != plugin.kinds[0] && meta.Kind != plugin.kinds[1] {
			continue
		}
		if !strings.HasSuffix(meta.Metadata.Name, StaticSuffix) {
			return "", fmt.Errorf("%s %q: the name must end in %q", meta.Kind, meta.Metadata.Name, StaticSuffix)
		}
		return plugin.folder, nil
	}
	return "", fmt.Errorf("kind %q cannot be a static admission manifest", meta.Kind)
}

func onlyComments(document []byte) bool {
	for line := range bytes.Lines(document) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && !bytes.Equal(line, []byte("---")) {
			return false
		}
	}
	return true
}
