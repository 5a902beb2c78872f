package library

import (
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// The variables that the API server knows and this library adds to.
const (
	requestName   = "request"
	namespaceName = "namespaceObject"
	objectName    = "object"
	oldObjectName = "oldObject"
)

// request adds the objects to the API server's request, where Kyverno has them.
func (n names) request(value any) any {
	plain, ok := value.(fields)
	if !ok {
		return value
	}
	return fullRequest{plain, n}
}

// fields is how the API server's values of Go structs behave.
type fields interface {
	traits.Mapper
	IsSet(field ref.Val) ref.Val
}

// fullRequest is a request with object and oldObject.
type fullRequest struct {
	fields
	names names
}

// object finds one of the two.
func (r fullRequest) object(field ref.Val) (ref.Val, bool) {
	name, _ := field.Value().(string)
	if name != objectName && name != oldObjectName {
		return nil, false
	}
	value, _ := r.names.Activation.ResolveName(name)
	return types.DefaultTypeAdapter.NativeToValue(value), true
}

// Find looks a field up.
func (r fullRequest) Find(field ref.Val) (ref.Val, bool) {
	if object, ok := r.object(field); ok {
		return object, true
	}
	return r.fields.Find(field)
}

// Get returns a field.
func (r fullRequest) Get(field ref.Val) ref.Val {
	if object, ok := r.object(field); ok {
		return object
	}
	return r.fields.Get(field)
}

// IsSet tells whether a field has a value; the objects have, if it is null.
func (r fullRequest) IsSet(field ref.Val) ref.Val {
	if _, ok := r.object(field); ok {
		return types.True
	}
	return r.fields.IsSet(field)
}

// Contains is IsSet.
func (r fullRequest) Contains(field ref.Val) ref.Val { return r.IsSet(field) }
