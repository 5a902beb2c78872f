package policies

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	platform "github.com/roadbed-dev/roadbed/internal/app/policies"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/catalogue"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// source says where policies come from.
type source struct {
	files     []string // files, folders and "-"
	catalogue bool     // adds the platform's own policies
	cluster   bool     // adds the policies that are in force in the cluster
}

// read reads all policies, and prints what is not supported. Mistakes are an
// error: nothing is done with the policies then.
func (p *program) read(ctx context.Context, s source) ([]load.Document, error) {
	documents, problems, err := p.collect(ctx, s)
	if err != nil {
		return nil, err
	}
	return documents, p.tell(problems)
}

// collect reads all policies, with everything that is wrong with them.
func (p *program) collect(ctx context.Context, s source) ([]load.Document, []load.Problem, error) {
	var documents []load.Document
	var problems []load.Problem
	for _, name := range s.files {
		read, found, err := p.readPolicies(name)
		if err != nil {
			return nil, nil, err
		}
		documents, problems = append(documents, read...), append(problems, found...)
	}
	if s.catalogue {
		for _, entry := range catalogue.All() {
			documents = append(documents, load.Of(entry.Object, "catalogue"))
		}
	}
	if s.cluster {
		read, found, err := p.readCluster(ctx)
		if err != nil {
			return nil, nil, err
		}
		documents, problems = append(documents, read...), append(problems, found...)
	}
	return documents, problems, nil
}

// tell prints what is not supported, and makes an error of mistakes.
func (p *program) tell(problems []load.Problem) error {
	for _, problem := range problems {
		if problem.Unsupported {
			fmt.Fprintf(p.Err, "not supported: %s\n", problem)
		}
	}
	return load.Join(load.Fatal(problems))
}

// readPolicies reads a file, a folder or the standard input.
func (p *program) readPolicies(name string) ([]load.Document, []load.Problem, error) {
	files, err := expand(name)
	if err != nil {
		return nil, nil, err
	}
	var documents []load.Document
	var problems []load.Problem
	for _, file := range files {
		data, shown, err := manifest.Input(p.Program, file)
		if err != nil {
			return nil, nil, err
		}
		read, found := load.Parse(shown, data)
		documents, problems = append(documents, read...), append(problems, found...)
	}
	if len(documents) == 0 && !slices.ContainsFunc(problems, func(p load.Problem) bool { return !p.Foreign }) {
		return nil, nil, fmt.Errorf("%s: no policy in it", name)
	}
	return documents, problems, nil
}

// expand is a file, or the YAML and JSON files of a folder, sorted.
func expand(name string) ([]string, error) {
	info, err := os.Stat(name)
	if name == "-" || err == nil && !info.IsDir() {
		return []string{name}, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	err = filepath.WalkDir(name, func(file string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(file)) {
			files = append(files, file)
		}
		return err
	})
	return files, err
}

// clusterKinds are the kinds of policies that are looked for in a cluster.
var clusterKinds = []schema.GroupVersionKind{
	{Group: "policies.kyverno.io", Version: "v1", Kind: "ValidatingPolicy"},
	{Group: "policies.kyverno.io", Version: "v1", Kind: "NamespacedValidatingPolicy"},
	{Group: "policies.kyverno.io", Version: "v1", Kind: "MutatingPolicy"},
	{Group: "policies.kyverno.io", Version: "v1", Kind: "NamespacedMutatingPolicy"},
	{Group: "policies.kyverno.io", Version: "v1", Kind: "ImageValidatingPolicy"},
	{Group: "policies.kyverno.io", Version: "v1", Kind: "NamespacedImageValidatingPolicy"},
	{Group: "kyverno.io", Version: "v1", Kind: "ClusterPolicy"},
	{Group: "kyverno.io", Version: "v1", Kind: "Policy"},
}

// readCluster reads the policies of the cluster, with the platform's Mandatory ones,
// which are no objects. Native policies are left out: most are made of others.
func (p *program) readCluster(ctx context.Context) ([]load.Document, []load.Problem, error) {
	c, err := p.Client()
	if err != nil {
		return nil, nil, err
	}
	var documents []load.Document
	var problems []load.Problem
	for _, kind := range clusterKinds {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
		if err := c.List(ctx, list); meta.IsNoMatchError(err) {
			continue
		} else if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", kind.Kind, err)
		}
		data, err := list.MarshalJSON()
		if err != nil {
			return nil, nil, fmt.Errorf("list %s: %w", kind.Kind, err)
		}
		read, found := load.Parse("cluster", data)
		documents, problems = append(documents, read...), append(problems, found...)
	}
	standing, err := platform.InForce(ctx, c)
	for _, object := range standing {
		documents = append(documents, load.Of(object, "platform"))
	}
	return documents, problems, err
}

// evaluators compiles policies; mistakes are an error.
func (p *program) evaluators(documents []load.Document, options load.Options) ([]load.Compiled, error) {
	compiled, problems := load.CompileEach(documents, load.Standard(options))
	if err := p.tell(problems); err != nil {
		return nil, err
	}
	if len(compiled) == 0 {
		return nil, errors.New("there is no policy to evaluate")
	}
	return compiled, nil
}

// restrict fails when a verb was given nothing to read policies from.
func (s source) restrict(usage string) error {
	if len(s.files) == 0 && !s.catalogue && !s.cluster {
		return verb.Usagef("no policies given: %s", usage)
	}
	return nil
}
