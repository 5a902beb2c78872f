package library

import (
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"google.golang.org/protobuf/types/known/structpb"
)

// Plain converts a CEL value to what JSON can say: maps by string, slices,
// strings, numbers, booleans and nil.
func Plain(v ref.Val) (any, error) {
	switch typed := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool, types.Int, types.Uint, types.Double, types.String:
		return typed.Value(), nil
	case *types.Optional:
		if !typed.HasValue() {
			return nil, nil
		}
		return Plain(typed.GetValue())
	case traits.Mapper:
		return plainMap(typed)
	case traits.Lister:
		return plainList(typed)
	}
	converted, err := v.ConvertToNative(reflect.TypeFor[*structpb.Value]())
	if err != nil {
		return nil, fmt.Errorf("a %s has no JSON form: %w", v.Type().TypeName(), err)
	}
	return converted.(*structpb.Value).AsInterface(), nil
}

func plainMap(m traits.Mapper) (any, error) {
	plain := map[string]any{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.Value().(string)
		if !ok {
			return nil, fmt.Errorf("a map with a key of type %s has no JSON form", key.Type().TypeName())
		}
		held, err := Plain(m.Get(key))
		if err != nil {
			return nil, err
		}
		plain[name] = held
	}
	return plain, nil
}

func plainList(l traits.Lister) (any, error) {
	plain := []any{}
	for it := l.Iterator(); it.HasNext() == types.True; {
		held, err := Plain(it.Next())
		if err != nil {
			return nil, err
		}
		plain = append(plain, held)
	}
	return plain, nil
}
