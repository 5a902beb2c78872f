package library

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
)

// The variables that are no receivers.
const (
	// exceptionsName says what exceptions allow.
	exceptionsName = "exceptions"
	// imagesName lists the object's images.
	imagesName = "images"
	// attestorsName and attestationsName are what an image policy defines.
	attestorsName    = "attestors"
	attestationsName = "attestations"
)

// Hidden is a variable that no policy writes: macros give it to functions that
// need the session and have nothing before their name.
const Hidden = "__session"

// The types of what stands before the name of a function.
var (
	resourceType  = cel.ObjectType("roadbed.Resource")
	httpType      = cel.ObjectType("roadbed.HTTP")
	contextType   = cel.ObjectType("roadbed.GlobalContext")
	metadataType  = cel.ObjectType("roadbed.ImageMetadata")
	generatorType = cel.ObjectType("roadbed.Generator")
	jsonType      = cel.ObjectType("roadbed.JSON")
	yamlType      = cel.ObjectType("roadbed.YAML")
	sessionType   = cel.ObjectType("roadbed.Session")
)

// receivers are the variables with functions, by name. It is never changed.
var receivers = map[string]*cel.Type{
	"resource": resourceType, "http": httpType, "globalContext": contextType, "image": metadataType,
	"generator": generatorType, "json": jsonType, "yaml": yamlType, Hidden: sessionType,
}

// receiver is the value of such a variable.
type receiver struct {
	kind    *cel.Type
	session *Session
}

var _ ref.Val = receiver{}

// ConvertToNative gives nothing away.
func (r receiver) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("%s is no %v: it has functions only", r.kind, to)
}

// ConvertToType converts to its own type only.
func (r receiver) ConvertToType(to ref.Type) ref.Val {
	switch to.TypeName() {
	case r.kind.TypeName():
		return r
	case types.TypeType.TypeName():
		return r.kind
	}
	return types.NewErr("%s cannot become %s", r.kind, to.TypeName())
}

// Equal compares types.
func (r receiver) Equal(other ref.Val) ref.Val {
	same, ok := other.(receiver)
	return types.Bool(ok && same.kind == r.kind)
}

// Type returns its type.
func (r receiver) Type() ref.Type { return r.kind }

// Value returns itself.
func (r receiver) Value() any { return r }

// member declares functions of a receiver under several names.
func member(kind *cel.Type, names []string, overloads ...overload) []cel.EnvOption {
	var options []cel.EnvOption
	for _, name := range names {
		for i, one := range overloads {
			id := fmt.Sprintf("roadbed_%s_%s_%d", kind.TypeName(), name, i)
			options = append(options, cel.Function(name,
				cel.MemberOverload(id, append([]*cel.Type{kind}, one.takes...), one.gives, cel.FunctionBinding(one.binding()))))
		}
	}
	return options
}

// global declares a function under several names.
func global(names []string, overloads ...overload) []cel.EnvOption {
	var options []cel.EnvOption
	for _, name := range names {
		for i, one := range overloads {
			options = append(options, cel.Function(name,
				cel.Overload(fmt.Sprintf("roadbed_%s_%d", name, i), one.takes, one.gives, cel.FunctionBinding(one.pureBinding()))))
		}
	}
	return options
}

// overload is one signature of a function. Of do and pure one is set.
type overload struct {
	takes []*cel.Type
	gives *cel.Type
	do    func(s *Session, args []ref.Val) (any, error)
	pure  func(args []ref.Val) (any, error)
}

func (o overload) binding() func(args ...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val {
		self, ok := args[0].(receiver)
		if !ok {
			return types.MaybeNoSuchOverloadErr(args[0])
		}
		if o.pure != nil {
			return value(o.pure(args[1:]))
		}
		return value(o.do(self.session, args[1:]))
	}
}

func (o overload) pureBinding() func(args ...ref.Val) ref.Val {
	return func(args ...ref.Val) ref.Val { return value(o.pure(args)) }
}

// value turns what a function returned into CEL.
func value(result any, err error) ref.Val {
	if err != nil {
		return types.WrapErr(err)
	}
	return types.DefaultTypeAdapter.NativeToValue(result)
}

// types of arguments, for short.
var (
	textType   = cel.StringType
	textsType  = cel.ListType(cel.StringType)
	labelsType = cel.MapType(cel.StringType, cel.StringType)
	objectType = cel.MapType(cel.StringType, cel.DynType)
)

// text is a string argument; an argument of another type gives "".
func text(arg ref.Val) string {
	s, _ := arg.Value().(string)
	return s
}

// native converts an argument to T.
func native[T any](arg ref.Val) (T, error) {
	var zero T
	converted, err := arg.ConvertToNative(reflect.TypeFor[T]())
	if err != nil {
		return zero, err
	}
	typed, ok := converted.(T)
	if !ok {
		return zero, fmt.Errorf("%s is no %T", arg.Type().TypeName(), zero)
	}
	return typed, nil
}
