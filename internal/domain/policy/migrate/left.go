package migrate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// left is why a rule cannot be rewritten.
func left(format string, args ...any) error { return fmt.Errorf(format, args...) }

// placed is a reason with the field of the rule that it is about.
type placed struct {
	field  string
	reason error
}

func (p *placed) Error() string { return p.reason.Error() }

func (p *placed) Unwrap() error { return p.reason }

// at says where in the rule a reason is: the fields add up on the way. No field
// adds nothing.
func at(field string, err error) error {
	inner, ok := errors.AsType[*placed](err)
	switch {
	case err == nil || field == "":
		return err
	case !ok:
		return &placed{field, err}
	case !strings.HasPrefix(inner.field, "["):
		field += "."
	}
	return &placed{field + inner.field, inner.reason}
}

// fieldOf is where in the rule a reason is; empty for the rule as a whole.
func fieldOf(err error) string {
	if found, ok := errors.AsType[*placed](err); ok {
		return found.field
	}
	return ""
}

// pathAt is an element of a list among fields.
func pathAt(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }
