package attest

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/legacy/variable"
)

// asking is what an attestor may ask of the world, and for how long.
type asking struct {
	context context.Context
	world   policy.World
	vars    *variable.Context
}

// Verify asks the members of the set until enough are content with an image. The
// error of those that refuse says why.
func (s *Set) Verify(ctx context.Context, w policy.World, vars *variable.Context, asked policy.ImageCheck) (policy.ImageProof, error) {
	return s.verify(asking{ctx, w, vars}, asked)
}

func (s *Set) verify(e asking, asked policy.ImageCheck) (policy.ImageProof, error) {
	var proof policy.ImageProof
	var refusals []error
	content := 0
	for _, one := range s.members {
		found, err := one.verify(e, asked)
		if err != nil {
			refusals = append(refusals, err)
			continue
		}
		proof = found
		if content++; content >= s.count {
			return proof, nil
		}
	}
	return policy.ImageProof{}, joined(refusals)
}

// joined is several refusals in one line.
func joined(refusals []error) error {
	if len(refusals) == 1 {
		return refusals[0]
	}
	var texts []string
	for _, refusal := range refusals {
		texts = append(texts, refusal.Error())
	}
	return &refused{strings.Join(texts, "; "), refusals}
}

// refused is several errors in one line.
type refused struct {
	text string
	all  []error
}

func (r *refused) Error() string   { return r.text }
func (r *refused) Unwrap() []error { return r.all }

func (m *member) verify(e asking, asked policy.ImageCheck) (policy.ImageProof, error) {
	if m.set != nil {
		return m.set.verify(e, asked)
	}
	if e.world.Images == nil {
		return policy.ImageProof{}, &UndecidedError{policy.ErrNoWorld}
	}
	resolved, err := m.attestor.resolve(e)
	if err != nil {
		return policy.ImageProof{}, &UndecidedError{fmt.Errorf("%s: %w", Short(m.path), err)}
	}
	asked.Attestor, asked.Annotations = resolved, m.attestor.annotations
	if m.attestor.repository != "" {
		asked.Repository = m.attestor.repository
	}
	proof, err := e.world.Images.Verify(e.context, asked)
	switch {
	case errors.Is(err, policy.ErrUnproved):
		return policy.ImageProof{}, fmt.Errorf("%s: %w", Short(m.path), err)
	case err != nil:
		return policy.ImageProof{}, &UndecidedError{fmt.Errorf("%s: %w", Short(m.path), err)}
	}
	return proof, nil
}

// UndecidedError is why it could not be found out whether an image is proved. It
// speaks neither for nor against the image.
type UndecidedError struct{ error }

// Unwrap is the error underneath.
func (u *UndecidedError) Unwrap() error { return u.error }

// Short is a path below verifyImages as messages have it:
// ".attestors[0].entries[1].keys".
func Short(path string) string {
	if _, rest, ok := strings.Cut(path, "]"); ok && strings.HasPrefix(path, "verifyImages[") {
		return rest
	}
	return "." + path
}
