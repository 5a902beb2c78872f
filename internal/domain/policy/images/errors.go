package images

import (
	"errors"
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// The ways in which an image is not proved. Test with errors.Is.
var (
	// ErrReference: the image's reference cannot be read.
	ErrReference = errors.New("malformed image reference")
	// ErrNoImage: the registry has no such image.
	ErrNoImage = errors.New("no such image")
	// ErrUnreachable: the registry gave no answer, so nothing was decided.
	ErrUnreachable = errors.New("registry cannot be read")
	// ErrUnsigned: there is no signature at all.
	ErrUnsigned = errors.New("unsigned")
	// ErrWrongSigner: there are signatures, and none is the attestor's.
	ErrWrongSigner = errors.New("wrong signature")
	// ErrAttestor: what the policy says of the attestor cannot be used.
	ErrAttestor = errors.New("unusable attestor")
)

// fault is an error of one of the ways above with a sentence for people.
type fault struct {
	way  error
	text string
}

func (f *fault) Error() string { return f.text }

func (f *fault) Is(target error) bool {
	return target == f.way || target == policy.ErrUnproved && (f.way == ErrUnsigned || f.way == ErrWrongSigner)
}

func faultf(way error, format string, args ...any) error {
	return &fault{way, fmt.Sprintf(format, args...)}
}

// over is the error for a caller whose time was over before the registry answered.
func over(err error) error {
	return faultf(ErrUnreachable, "the time for the decision was over before the registry answered: %v", err)
}

// silence is a registry that gave no answer. Whoever asked says what is therefore
// not known: one question may have been asked for several reasons.
type silence struct {
	image, registry, asked string
	unknown                string
	err                    error
}

func (s *silence) Error() string {
	return fmt.Sprintf("image %s: registry %s gave no answer when it was asked for %s, so %s; try again: %v", s.image, s.registry, s.asked, s.unknown, s.err)
}

func (s *silence) Is(target error) bool { return target == ErrUnreachable }

// unanswered is the error of a question to the registry of a repository.
func unanswered(image fmt.Stringer, repository, asked string, err error) error {
	registry, _, _ := strings.Cut(repository, "/")
	return &silence{image: image.String(), registry: registry, asked: asked, err: err}
}

// concluding adds to an error of a registry without an answer what is not known.
func concluding(err error, unknown string) error {
	var silent *silence
	if !errors.As(err, &silent) {
		return err
	}
	said := *silent
	said.unknown = unknown
	return &said
}

// lasting tells whether asking again soon would give the same answer.
func lasting(err error) bool {
	return errors.Is(err, ErrUnsigned) || errors.Is(err, ErrWrongSigner) || errors.Is(err, ErrReference) || errors.Is(err, ErrAttestor)
}
