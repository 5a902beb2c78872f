package verb

import (
	"errors"
	"net"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
)

// DescribeError puts an error into the words that a user needs: what happened
// and, where the program knows it, what to do.
func DescribeError(err error) string {
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return err.Error() + "\nThe cluster does not answer. \"roadbed status\" says whether the embedded one runs; --kubeconfig names another."
	case meta.IsNoMatchError(err):
		return err.Error() + "\nRoadbed's kinds are not in this cluster. \"roadbed install --apply\" puts them there; \"roadbed doctor\" says what is missing."
	case apierrors.IsConflict(err) && strings.Contains(err.Error(), "conflict with"):
		return err.Error() + "\nSomebody else set these fields to other values. --force-conflicts takes them over."
	case apierrors.IsUnauthorized(err):
		return err.Error() + "\nThe cluster does not know who you are: the credentials in the kubeconfig are wrong or have expired."
	}
	return strings.TrimSpace(err.Error())
}
