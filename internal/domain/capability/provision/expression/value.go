package expression

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"k8s.io/apimachinery/pkg/api/resource"
)

// plain makes JSON of a value. ok is false for an optional value that is absent.
func plain(value ref.Val) (json any, ok bool, err error) {
	switch v := value.(type) {
	case *types.Optional:
		if !v.HasValue() {
			return nil, false, nil
		}
		return plain(v.GetValue())
	case types.Null:
		return nil, true, nil
	case types.Bool:
		return bool(v), true, nil
	case types.Int:
		return int64(v), true, nil
	case types.Uint:
		if uint64(v) > math.MaxInt64 {
			return nil, false, fmt.Errorf("gives %d, which no manifest can hold", uint64(v))
		}
		return int64(v), true, nil
	case types.Double:
		return float64(v), true, nil
	case types.String:
		return string(v), true, nil
	case types.Bytes:
		return base64.StdEncoding.EncodeToString(v), true, nil
	case types.Timestamp:
		return v.UTC().Format(time.RFC3339Nano), true, nil
	case types.Duration:
		return v.String(), true, nil
	case traits.Mapper:
		return mapping(v)
	case traits.Lister:
		return list(v)
	}
	if quantity, is := value.Value().(*resource.Quantity); is {
		return quantity.String(), true, nil
	}
	return nil, false, fmt.Errorf("gives %s, which no manifest can hold: make text or a number of it", value.Type().TypeName())
}

// elements are the items of a list.
func elements(value ref.Val) ([]ref.Val, bool) {
	all, ok := value.(traits.Lister)
	if !ok {
		return nil, false
	}
	var items []ref.Val
	for walk := all.Iterator(); walk.HasNext() == types.True; {
		items = append(items, walk.Next())
	}
	return items, true
}

func list(value traits.Lister) (any, bool, error) {
	items, _ := elements(value)
	made := make([]any, 0, len(items))
	for _, item := range items {
		each, ok, err := plain(item)
		if err != nil {
			return nil, false, err
		}
		if ok {
			made = append(made, each)
		}
	}
	return made, true, nil
}

func mapping(value traits.Mapper) (any, bool, error) {
	made := map[string]any{}
	for walk := value.Iterator(); walk.HasNext() == types.True; {
		key := walk.Next()
		name, is := key.(types.String)
		if !is {
			return nil, false, fmt.Errorf("gives a map with keys of type %s: keys must be strings", key.Type().TypeName())
		}
		each, ok, err := plain(value.Get(key))
		if err != nil {
			return nil, false, err
		}
		if ok {
			made[string(name)] = each
		}
	}
	return made, true, nil
}

// within is a value as it stands within text.
func within(value ref.Val) (string, error) {
	switch v := value.(type) {
	case types.String:
		return string(v), nil
	case types.Bool:
		return strconv.FormatBool(bool(v)), nil
	case types.Int:
		return strconv.FormatInt(int64(v), 10), nil
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), nil
	case types.Double:
		return strconv.FormatFloat(float64(v), 'f', -1, 64), nil
	}
	return "", fmt.Errorf("gives %s, but within text it must give %s", value.Type().TypeName(), Plain)
}
