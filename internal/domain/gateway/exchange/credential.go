package exchange

import (
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/gateway/http1"
)

// Bearer is the token of an Authorization field with the scheme Bearer.
func Bearer(value string) (token string, shown bool) {
	const scheme = "bearer"
	if len(value) < len(scheme) || !http1.EqualFold(value[:len(scheme)], scheme) {
		return "", false
	}
	if len(value) > len(scheme) && value[len(scheme)] != ' ' {
		return "", false
	}
	return strings.Trim(value[len(scheme):], " "), true
}
