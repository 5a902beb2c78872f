// Package review lets those in to the program's own HTTP routes whom the cluster
// knows and whom RBAC allows: the API server says whose a token is, and whether
// they may.
//
// What always holds: nobody is let in when the API server cannot be asked, and a
// token that was made for somebody else opens nothing here.
package review

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Reasons for not letting in.
var (
	// ErrUnknown means that no token was sent, or one of nobody.
	ErrUnknown = errors.New("send a token of the cluster as Authorization: Bearer")
	// ErrForbidden means that RBAC does not allow it.
	ErrForbidden = errors.New("forbidden")
)

// Guard asks the API server.
type Guard struct {
	// Client may create token reviews and subject access reviews.
	Client kubernetes.Interface
	// Audience is whom tokens may be made for, so that they open nothing else.
	// Tokens for the API server are taken as well.
	Audience string
}

// Admit is nil when whoever sent the request may do what is wanted. Its error is
// ErrUnknown or ErrForbidden, or says why it cannot be found out.
func (g Guard) Admit(r *http.Request, wanted authorizationv1.ResourceAttributes) error {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return ErrUnknown
	}
	user, err := g.userOf(r.Context(), token)
	if err != nil {
		return err
	}
	extra := map[string]authorizationv1.ExtraValue{}
	for key, value := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(value)
	}
	told, err := g.Client.AuthorizationV1().SubjectAccessReviews().Create(r.Context(), &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra, ResourceAttributes: &wanted,
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return fmt.Errorf("ask the cluster what %q may do: %w", user.Username, err)
	}
	if !told.Status.Allowed {
		return fmt.Errorf("%w: %q may not %s %s", ErrForbidden, user.Username, wanted.Verb, resource(wanted))
	}
	return nil
}

// resource is what is wanted as RBAC has it, such as reports.openreports.io in
// namespace "apples".
func resource(wanted authorizationv1.ResourceAttributes) string {
	text := wanted.Resource
	if wanted.Subresource != "" {
		text += "/" + wanted.Subresource
	}
	text += "." + wanted.Group
	if wanted.Name != "" {
		text += fmt.Sprintf(" %q", wanted.Name)
	}
	if wanted.Namespace != "" {
		text += fmt.Sprintf(" in namespace %q", wanted.Namespace)
	}
	return text
}

// userOf takes tokens for the audience, and those for the API server.
func (g Guard) userOf(ctx context.Context, token string) (authenticationv1.UserInfo, error) {
	for _, audiences := range [][]string{{g.Audience}, nil} {
		asked := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: audiences}}
		told, err := g.Client.AuthenticationV1().TokenReviews().Create(ctx, asked, metav1.CreateOptions{})
		if err != nil {
			return authenticationv1.UserInfo{}, fmt.Errorf("ask the cluster whose token it is: %w", err)
		}
		if told.Status.Authenticated {
			return told.Status.User, nil
		}
	}
	return authenticationv1.UserInfo{}, ErrUnknown
}

// Status is the HTTP status for an error of Admit.
func Status(err error) int {
	switch {
	case errors.Is(err, ErrUnknown):
		return http.StatusUnauthorized
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	}
	return http.StatusServiceUnavailable
}
