package expression

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
)

// FaultError is a mistake in one field. The same fault comes with every try.
type FaultError struct {
	// Field is the path of the field, such as template.resources[db].readyWhen[0].
	Field string
	// Message says what is wrong and what to do.
	Message string
}

// Error is the field and the message.
func (f FaultError) Error() string { return f.Field + ": " + f.Message }

// Unwrap makes a fault a provision.ErrInvalid.
func (f FaultError) Unwrap() error { return provision.ErrInvalid }

// Faults collects mistakes. The zero Faults is ready to use.
type Faults struct{ found []FaultError }

// Add adds a mistake.
func (f *Faults) Add(field, format string, args ...any) {
	f.found = append(f.found, FaultError{Field: field, Message: fmt.Sprintf(format, args...)})
}

// Err is nil when there are none, else all of them, a line each, by field.
func (f *Faults) Err() error {
	if len(f.found) == 0 {
		return nil
	}
	sorted := slices.Clone(f.found)
	slices.SortStableFunc(sorted, func(a, b FaultError) int { return strings.Compare(a.Field, b.Field) })
	all := make([]error, len(sorted))
	for i, fault := range sorted {
		all[i] = fault
	}
	return errors.Join(all...)
}
