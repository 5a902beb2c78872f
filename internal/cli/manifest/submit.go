package manifest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/cli/verb"
)

// FieldOwner is the field manager of what people send through this program.
const FieldOwner = client.FieldOwner("roadbed-cli")

// The values of --dry-run, as kubectl has them.
const (
	DryRunNone   = "none"
	DryRunClient = "client"
	DryRunServer = "server"
)

// AddDryRunFlag gives a verb the flag --dry-run, which stands alone for server.
func AddDryRunFlag(cmd *cobra.Command, value *string) {
	cmd.Flags().StringVar(value, "dry-run", DryRunNone,
		"change nothing and show what would be generated: client computes it here, server asks admission too")
	cmd.Flags().Lookup("dry-run").NoOptDefVal = DryRunServer
	verb.CompleteFlag(cmd, "dry-run", verb.CompleteFixed(DryRunNone, DryRunClient, DryRunServer))
}

// CheckDryRun refuses values that --dry-run does not have.
func CheckDryRun(value string) error {
	if !slices.Contains([]string{DryRunNone, DryRunClient, DryRunServer}, value) {
		return verb.Usagef("--dry-run must be none, client or server, not %q", value)
	}
	return nil
}

// Submission sends documents to the cluster, all or none as far as that can be:
// first every one as a dry run, and only if the cluster would take them all, for
// good.
type Submission struct {
	// Program hears what became of each document.
	Program *verb.Program
	// Client reaches the cluster.
	Client client.Client
	// Create refuses objects that exist already; otherwise they are changed.
	Create bool
	// Force takes over fields that somebody else set to another value.
	Force bool
}

// Rehearse sends every document as a dry run and returns what the cluster would
// make of each, defaults filled in.
func (s Submission) Rehearse(ctx context.Context, documents []Document) ([]client.Object, error) {
	var results []client.Object
	var refusals []error
	for _, d := range documents {
		result, err := s.Send(ctx, d, true)
		results = append(results, result)
		refusals = append(refusals, err)
	}
	if err := errors.Join(refusals...); err != nil {
		return nil, err
	}
	return results, nil
}

// Commit sends every document for good and says what became of it.
func (s Submission) Commit(ctx context.Context, documents []Document) error {
	for _, d := range documents {
		before, err := s.version(ctx, d)
		if err != nil {
			return err
		}
		after, err := s.Send(ctx, d, false)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.Program.Out, "%s %s\n", FullName(after), outcome(before, after.GetResourceVersion()))
	}
	return nil
}

func outcome(before, after string) string {
	switch before {
	case "":
		return "created"
	case after:
		return "unchanged"
	default:
		return "configured"
	}
}

// version is the live object's resource version, empty when there is none. One
// that should not exist is an error.
func (s Submission) version(ctx context.Context, d Document) (string, error) {
	live, err := Live(ctx, s.Client, d.Object)
	switch {
	case err != nil:
		return "", err
	case live == nil:
		return "", nil
	case s.Create:
		return "", d.Mistake("metadata.name", Title(d.Object)+" exists already; \"apply\" changes it", nil)
	default:
		return live.GetResourceVersion(), nil
	}
}

// Send applies a document. Creating goes the same way, so that a later apply
// knows which fields were once said here.
func (s Submission) Send(ctx context.Context, d Document, dryRun bool) (client.Object, error) {
	if s.Create {
		if _, err := s.version(ctx, d); err != nil {
			return nil, err
		}
	}
	fields, err := Content(d.Object)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: fields}
	options := []client.ApplyOption{FieldOwner}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	if s.Force {
		options = append(options, client.ForceOwnership)
	}
	if err := s.Client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), options...); err != nil {
		return nil, d.Refused(err)
	}
	return object, nil
}

// FullName is how kubectl writes an object's name.
func FullName(object client.Object) string {
	gvk := object.GetObjectKind().GroupVersionKind()
	return strings.ToLower(gvk.Kind) + "." + gvk.Group + "/" + object.GetName()
}
