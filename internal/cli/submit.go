package cli

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// fieldOwner is the field manager of what people send through this program.
const fieldOwner = client.FieldOwner("roadbed-cli")

// The values of --dry-run, as kubectl has them.
const (
	dryRunNone   = "none"
	dryRunClient = "client"
	dryRunServer = "server"
)

// addDryRunFlag gives a verb the flag --dry-run, which stands alone for server.
func addDryRunFlag(cmd *cobra.Command, value *string) {
	cmd.Flags().StringVar(value, "dry-run", dryRunNone,
		"change nothing and show what would be generated: client computes it here, server asks admission too")
	cmd.Flags().Lookup("dry-run").NoOptDefVal = dryRunServer
	completeFlag(cmd, "dry-run", completeFixed(dryRunNone, dryRunClient, dryRunServer))
}

func checkDryRun(value string) error {
	if !slices.Contains([]string{dryRunNone, dryRunClient, dryRunServer}, value) {
		return usageErrorf("--dry-run must be none, client or server, not %q", value)
	}
	return nil
}

// submission sends documents to the cluster, all or none as far as that can be:
// first every one as a dry run, and only if the cluster would take them all, for
// good.
type submission struct {
	p *program
	c client.Client
	// create refuses objects that exist already; otherwise they are changed.
	create bool
	// force takes over fields that somebody else set to another value.
	force bool
}

// rehearse sends every document as a dry run and returns what the cluster would
// make of each, defaults filled in.
func (s submission) rehearse(ctx context.Context, documents []document) ([]client.Object, error) {
	var results []client.Object
	var refusals []error
	for _, d := range documents {
		result, err := s.send(ctx, d, true)
		results = append(results, result)
		refusals = append(refusals, err)
	}
	if err := errors.Join(refusals...); err != nil {
		return nil, err
	}
	return results, nil
}

// commit sends every document for good and says what became of it.
func (s submission) commit(ctx context.Context, documents []document) error {
	for _, d := range documents {
		before, err := s.version(ctx, d)
		if err != nil {
			return err
		}
		after, err := s.send(ctx, d, false)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.p.Out, "%s %s\n", fullName(after), outcome(before, after.GetResourceVersion()))
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
func (s submission) version(ctx context.Context, d document) (string, error) {
	live, err := liveObject(ctx, s.c, d.object)
	switch {
	case err != nil:
		return "", err
	case live == nil:
		return "", nil
	case s.create:
		return "", d.say("metadata.name", title(d.object)+" exists already; \"apply\" changes it", nil)
	default:
		return live.GetResourceVersion(), nil
	}
}

// send applies a document. Creating goes the same way, so that a later apply
// knows which fields were once said here.
func (s submission) send(ctx context.Context, d document, dryRun bool) (client.Object, error) {
	if _, err := s.version(ctx, d); s.create && err != nil {
		return nil, err
	}
	fields, err := content(d.object)
	if err != nil {
		return nil, err
	}
	object := &unstructured.Unstructured{Object: fields}
	options := []client.ApplyOption{fieldOwner}
	if dryRun {
		options = append(options, client.DryRunAll)
	}
	if s.force {
		options = append(options, client.ForceOwnership)
	}
	if err := s.c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), options...); err != nil {
		return nil, d.refused(err)
	}
	return object, nil
}

// fullName is how kubectl writes an object's name.
func fullName(object client.Object) string {
	gvk := object.GetObjectKind().GroupVersionKind()
	return kind[client.Object]{gvk: gvk}.fullName(object)
}

// refused puts the cluster's refusal into words, each cause at the line of the
// file that it speaks of when the object came from a file.
func (d document) refused(err error) error {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return fmt.Errorf("%s: %w", title(d.object), err)
	}
	details := status.Status().Details
	if details == nil || len(details.Causes) == 0 {
		return d.say("", err.Error(), err)
	}
	var all []error
	for _, cause := range details.Causes {
		// The API server's word that it stopped looking is no mistake of the user's.
		if len(details.Causes) == 1 || !strings.Contains(cause.Message, "some validation rules were not checked") {
			all = append(all, d.say(causeField(cause), cause.Message, err))
		}
	}
	return errors.Join(all...)
}

// fieldInMessage finds the field that one of our own rules on the whole object
// speaks of.
var fieldInMessage = regexp.MustCompile(`\b(metadata|spec)\.[A-Za-z]+(\.[A-Za-z]+)*`)

// causeField is the field that a cause speaks of, empty where that is the whole
// object.
func causeField(cause metav1.StatusCause) string {
	if cause.Field == "" || cause.Field == "<nil>" {
		return fieldInMessage.FindString(cause.Message)
	}
	return strings.TrimPrefix(cause.Field, ".")
}

// refusal is one cause of a refusal; it keeps the API server's error.
type refusal struct {
	message string
	cause   error
}

// Error is the cause in words.
func (r *refusal) Error() string { return r.message }

// Unwrap is the API server's error.
func (r *refusal) Unwrap() error { return r.cause }

func (d document) say(field, message string, cause error) error {
	switch {
	case d.node != nil:
		message = d.errorAt(field, message).Error()
	case field != "":
		message = title(d.object) + ": " + field + ": " + message
	default:
		message = title(d.object) + ": " + message
	}
	return &refusal{message: message, cause: cause}
}
