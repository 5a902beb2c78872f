package images

import (
	"errors"
	"fmt"

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

// lasting tells whether asking again soon would give the same answer.
func lasting(err error) bool {
	return errors.Is(err, ErrUnsigned) || errors.Is(err, ErrWrongSigner) || errors.Is(err, ErrReference) || errors.Is(err, ErrAttestor)
}
