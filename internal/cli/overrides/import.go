package overrides

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	kyvernov2 "github.com/roadbed-dev/roadbed/api/kyverno/v2"
	policyv1 "github.com/roadbed-dev/roadbed/api/policy/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/cli/manifest"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/override/exceptions"
)

// importing is what the flags of import say.
type importing struct {
	ticket string
	span   span
	apply  bool
}

func (p *program) importVerb() *cobra.Command {
	var i importing
	cmd := &cobra.Command{
		Use:   "import FILE...",
		Short: "Turn Kyverno's PolicyExceptions into overrides that wait for an approver",
		Long: `Read PolicyExceptions of kyverno.io and policies.kyverno.io, which nobody approved
and most of which never end, and print an override for each: one for each namespace,
because an override lives with the tenant it is for. With --apply they are created,
in your name, and wait for somebody else to approve them.

What an override cannot say makes it wider than the exception was. Every such thing
is told on standard error and in the override's justification.`,
		Example: "  roadbed policy override import exceptions.yaml --ticket CHG-1234 --for 30d\n  roadbed policy override import exceptions.yaml --ticket CHG-1234 --for 30d --apply",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			end, err := i.span.end(p.Clock.Now())
			if err != nil {
				return err
			}
			made, err := p.translate(files, exceptions.Options{Ticket: i.ticket, ExpiresAt: end})
			if err != nil {
				return err
			}
			if i.apply {
				return p.createAll(cmd, made)
			}
			return p.write(made)
		},
	}
	cmd.Flags().StringVar(&i.ticket, "ticket", "", "record of the decision, for exceptions whose properties name none")
	cmd.Flags().BoolVar(&i.apply, "apply", false, "create the overrides instead of printing them")
	i.span.add(cmd)
	return cmd
}

// translate reads the files and turns every exception in them into overrides.
func (p *program) translate(files []string, opts exceptions.Options) ([]policyv1.PolicyOverride, error) {
	var made []policyv1.PolicyOverride
	var problems []load.Problem
	for _, file := range files {
		data, err := p.readFile(file)
		if err != nil {
			return nil, err
		}
		documents, found := load.Parse(file, data)
		problems = append(problems, found...)
		for _, document := range documents {
			made = append(made, p.one(document, opts)...)
		}
	}
	return made, load.Join(problems)
}

// one turns a document into overrides, and says what it could not.
func (p *program) one(document load.Document, opts exceptions.Options) []policyv1.PolicyOverride {
	var result exceptions.Import
	var name string
	switch e := document.Object.(type) {
	case *kyvernov2.PolicyException:
		name, result = e.Name, exceptions.Legacy(e, opts)
	case *policiesv1.PolicyException:
		name, result = e.Name, exceptions.CEL(e, opts)
	default:
		fmt.Fprintf(p.Err, "%s:%d: a %s is no exception and is left out\n", document.File, document.Line, document.Kind())
		return nil
	}
	for _, sentence := range result.Untranslated {
		fmt.Fprintf(p.Err, "%s:%d: PolicyException %s: %s\n", document.File, document.Line, name, sentence)
	}
	return result.Overrides
}

func (p *program) readFile(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(p.In)
	}
	return os.ReadFile(file)
}

// write prints the overrides as YAML documents.
func (p *program) write(made []policyv1.PolicyOverride) error {
	for i := range made {
		document, err := yaml.Marshal(map[string]any{
			"apiVersion": made[i].APIVersion, "kind": made[i].Kind, "spec": made[i].Spec,
			"metadata": map[string]any{"namespace": made[i].Namespace, "name": made[i].Name},
		})
		if err != nil {
			return fmt.Errorf("write override %q: %w", made[i].Name, err)
		}
		if _, err := fmt.Fprintf(p.Out, "---\n%s", document); err != nil {
			return err
		}
	}
	return nil
}

// createAll creates the overrides. All are tried out before one is made.
func (p *program) createAll(cmd *cobra.Command, made []policyv1.PolicyOverride) error {
	c, err := p.Client()
	if err != nil {
		return err
	}
	var refused []error
	for i := range made {
		if err := c.Create(cmd.Context(), made[i].DeepCopy(), client.DryRunAll); err != nil {
			refused = append(refused, manifest.Document{Object: &made[i]}.Refused(err))
		}
	}
	if len(refused) > 0 {
		return errors.Join(refused...)
	}
	for i := range made {
		if err := c.Create(cmd.Context(), &made[i]); err != nil {
			return manifest.Document{Object: &made[i]}.Refused(err)
		}
		fmt.Fprintf(p.Out, "override %s/%s asked for, until %s\n", made[i].Namespace, made[i].Name, made[i].Spec.ExpiresAt.UTC().Format(time.RFC3339))
	}
	return nil
}
