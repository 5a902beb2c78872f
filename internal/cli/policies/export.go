package policies

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/cli/verb"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/native"
)

// exportFlags say what export writes, and where.
type exportFlags struct {
	static, native bool
	dir            string
}

func (p *program) exportVerb() *cobra.Command {
	s, f := source{}, exportFlags{}
	cmd := &cobra.Command{
		Use:   "export [FILE...]",
		Short: "Write policies as Kubernetes' own admission policies, or as files of the API server",
		Long: `Write policies as Kubernetes enforces them by itself. With --native, as objects:
ValidatingAdmissionPolicies, MutatingAdmissionPolicies and their bindings. With
--static, Mandatory ones as files for the folder that staticManifestsDir names in the
configuration of the API server's ValidatingAdmissionPolicy plugin (Kubernetes 1.37):
no request changes or deletes what is in a file, a cluster admin's included.

What cannot be written is named on the standard error and left out: policies that
look things up or read images, and with --static those that are not Mandatory,
because no override changes a file. What is written knows of no overrides: Roadbed
adds those in force to the policies that it enforces.`,
		Example: `  roadbed policy export --native policies/ > native.yaml
  roadbed policy export --static --catalogue --dir /etc/kubernetes/admission`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: verb.CompleteFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.files = append(s.files, args...)
			if err := s.restrict("name files, or --catalogue"); err != nil {
				return err
			}
			documents, err := p.read(cmd.Context(), s)
			if err != nil {
				return err
			}
			return p.export(documents, f)
		},
	}
	s.addTo(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.native, "native", false, "write objects")
	flags.BoolVar(&f.static, "static", false, "write files of the API server")
	flags.StringVar(&f.dir, "dir", "", "write one file for each policy into this folder, instead of all to the standard output")
	cmd.MarkFlagsMutuallyExclusive("native", "static")
	cmd.MarkFlagsOneRequired("native", "static")
	return cmd
}

// export writes what can be written. It fails when that is nothing.
func (p *program) export(documents []load.Document, f exportFlags) error {
	written := 0
	for _, document := range documents {
		name, text, left, err := exported(document.Object, f)
		if err != nil {
			return fmt.Errorf("%s:%d: %w", document.File, document.Line, err)
		}
		if left != "" {
			fmt.Fprintf(p.Err, "left out: %s (%s:%d): %s\n", name, document.File, document.Line, left)
			continue
		}
		if err := p.writeExport(name, text, f.dir, written == 0); err != nil {
			return err
		}
		written++
	}
	if written == 0 {
		return fmt.Errorf("none of %d policies can be written", len(documents))
	}
	return nil
}

// writeExport writes one policy to the standard output, or into a folder.
func (p *program) writeExport(name string, text []byte, dir string, first bool) error {
	if dir == "" {
		if !first {
			fmt.Fprintln(p.Out, "---")
		}
		_, err := p.Out.Write(text)
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder for policies: %w", err)
	}
	file := filepath.Join(dir, name+".yaml")
	if err := os.WriteFile(file, text, 0o644); err != nil {
		return fmt.Errorf("write a policy: %w", err)
	}
	fmt.Fprintln(p.Err, file)
	return nil
}

// exported renders one policy. Left says why it cannot be.
func exported(object runtime.Object, f exportFlags) (name string, text []byte, left string, err error) {
	source, ok := object.(client.Object)
	if !ok {
		return "", nil, "", fmt.Errorf("%T has no name", object)
	}
	name = native.Name(source)
	objects, reason, err := nativeOf(source, native.Options{})
	switch {
	case err != nil:
		return name, nil, "", err
	case reason != "":
		return name, nil, string(reason), nil
	case f.static:
		text, left = exportedFile(objects)
		return name, text, left, nil
	}
	documents := make([][]byte, len(objects))
	for i, each := range objects {
		if documents[i], err = native.Manifest(each); err != nil {
			return name, nil, "", err
		}
	}
	return name, bytes.Join(documents, []byte("---\n")), "", nil
}

// exportedFile renders a Mandatory policy as a file of the API server. Left says
// why it cannot be one.
func exportedFile(objects native.Objects) (text []byte, left string) {
	text, err := native.Static(objects)
	if err != nil {
		return nil, err.Error()
	}
	return text, ""
}

// nativeOf compiles a policy of any kind that can be native.
func nativeOf(source client.Object, opts native.Options) (native.Objects, native.Reason, error) {
	switch p := source.(type) {
	case *policiesv1.ValidatingPolicy:
		return native.Validating(p, opts)
	case *policiesv1.NamespacedValidatingPolicy:
		return native.NamespacedValidating(p, opts)
	case *policiesv1.MutatingPolicy:
		return native.Mutating(p, opts)
	case *policiesv1.NamespacedMutatingPolicy:
		return native.NamespacedMutating(p, opts)
	}
	return nil, native.Reason(fmt.Sprintf("only CEL policies of Kyverno's can be native, and this is a %s; \"roadbed policy migrate\" rewrites older ones", source.GetObjectKind().GroupVersionKind().Kind)), nil
}
