package library

import (
	"fmt"
	"maps"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// requests are the functions that speak HTTP.
func requests() []cel.EnvOption {
	s, l, d := textType, labelsType, cel.DynType
	options := []cel.EnvOption{cel.Variable("http", httpType)}
	options = append(options, member(httpType, []string{"Get", "get"},
		overload{takes: []*cel.Type{s}, gives: d, do: send("GET", false)},
		overload{takes: []*cel.Type{s, l}, gives: d, do: send("GET", false)})...)
	for _, method := range []struct{ method, upper, lower string }{
		{"POST", "Post", "post"}, {"PUT", "Put", "put"}, {"PATCH", "Patch", "patch"},
	} {
		options = append(options, member(httpType, []string{method.upper, method.lower},
			overload{takes: []*cel.Type{s, d}, gives: d, do: send(method.method, true)},
			overload{takes: []*cel.Type{s, d, l}, gives: d, do: send(method.method, true)})...)
	}
	return append(options, member(httpType, []string{"Client", "client"},
		overload{takes: []*cel.Type{s}, gives: httpType, do: trusting})...)
}

// send makes a request: url[, body][, headers]. An answer that is an object gets
// its status as statusCode; anything else becomes {body, statusCode}.
func send(method string, hasBody bool) func(*Session, []ref.Val) (any, error) {
	return func(s *Session, args []ref.Val) (any, error) {
		if s.World.HTTP == nil {
			return nil, policy.ErrNoHTTP
		}
		url, rest := text(args[0]), args[1:]
		var body any
		var err error
		if hasBody {
			if body, err = Plain(rest[0]); err != nil {
				return nil, err
			}
			rest = rest[1:]
		}
		var headers map[string]string
		if len(rest) > 0 {
			if headers, err = native[map[string]string](rest[0]); err != nil {
				return nil, err
			}
		}
		return answer(s.World.HTTP.Do(s.Context, method, url, headers, body, s.bundle))
	}
}

func answer(body any, status int, err error) (any, error) {
	if err != nil {
		return nil, fmt.Errorf("request failed: %w", err)
	}
	object, ok := body.(map[string]any)
	if !ok {
		return map[string]any{"body": body, "statusCode": int64(status)}, nil
	}
	told := maps.Clone(object)
	told["statusCode"] = int64(status)
	return told, nil
}

// trusting is Client(bundle): the same functions with other roots.
func trusting(s *Session, args []ref.Val) (any, error) {
	client := *s
	client.bundle = text(args[0])
	return receiver{httpType, &client}, nil
}
