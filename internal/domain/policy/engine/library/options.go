package library

import (
	"errors"
	"fmt"
	"math"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/ext"

	"github.com/roadbed-dev/roadbed/internal/domain/policy"
)

// Options are all functions of this package, to extend the API server's
// environment with.
func Options() []cel.EnvOption {
	options := []cel.EnvOption{ext.Bindings(), ext.Encoders(), ext.Math(), ext.Protos(), ext.Regex(ext.RegexVersion(1)), replacing()}
	options = append(options, lookups()...)
	options = append(options, requests()...)
	options = append(options, pures()...)
	options = append(options, images()...)
	options = append(options, generators()...)
	return append(options, sessions()...)
}

// replacing corrects what cel-go estimates of regex.replace: that it costs at least
// what it costs at most, which is without a bound for fields of objects.
func replacing() cel.EnvOption {
	estimate := func(checker.CostEstimator, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
		return &checker.CallEstimate{
			CostEstimate: checker.CostEstimate{Min: 1, Max: math.MaxUint64},
			ResultSize:   &checker.SizeEstimate{Max: math.MaxUint64},
		}
	}
	return cel.CostEstimatorOptions(
		checker.OverloadCostEstimate("regex_replace_string_string_string", estimate),
		checker.OverloadCostEstimate("regex_replace_string_string_string_int", estimate),
	)
}

// errGenerator is never seen: compiling refuses the function.
var errGenerator = errors.New("generator.Apply is not supported")

func generators() []cel.EnvOption {
	return append([]cel.EnvOption{cel.Variable("generator", generatorType)},
		member(generatorType, []string{"Apply", "apply"}, overload{
			takes: []*cel.Type{textType, cel.ListType(objectType)}, gives: cel.BoolType,
			do: func(*Session, []ref.Val) (any, error) { return nil, errGenerator },
		})...)
}

// sessions are functions that need the session but have no receiver. Macros
// rewrite their calls into calls on the hidden variable.
func sessions() []cel.EnvOption {
	attestors := cel.ListType(cel.DynType)
	options := []cel.EnvOption{
		cel.Variable(Hidden, sessionType),
		cel.Variable(imagesName, cel.MapType(cel.StringType, textsType)),
		cel.Variable(attestorsName, objectType), cel.Variable(attestationsName, labelsType),
		cel.Macros(
			hiddenReceiver("now", 0, "time"),
			hiddenGlobal("random", 0), hiddenGlobal("random", 1),
			hiddenReceiver("random", 0, "random"), hiddenReceiver("random", 1, "random"),
			hiddenGlobal("verifyImageSignatures", 2), hiddenGlobal("verifyAttestationSignatures", 3),
			hiddenGlobal("getImageData", 1), hiddenGlobal("extractPayload", 2),
		),
	}
	options = append(options, member(sessionType, []string{"now"}, overload{gives: cel.TimestampType, do: now})...)
	options = append(options, member(sessionType, []string{"random"},
		overload{gives: textType, do: random}, overload{takes: []*cel.Type{textType}, gives: textType, do: random})...)
	options = append(options, member(sessionType, []string{"verifyImageSignatures"},
		overload{takes: []*cel.Type{textType, attestors}, gives: cel.IntType, do: verifySignatures})...)
	options = append(options, member(sessionType, []string{"verifyAttestationSignatures"},
		overload{takes: []*cel.Type{textType, textType, attestors}, gives: cel.IntType, do: verifyAttestations})...)
	options = append(options, member(sessionType, []string{"getImageData"},
		overload{takes: []*cel.Type{textType}, gives: cel.DynType, do: describe})...)
	return append(options, member(sessionType, []string{"extractPayload"},
		overload{takes: []*cel.Type{textType, textType}, gives: cel.DynType, do: payload})...)
}

func now(s *Session, _ []ref.Val) (any, error) { return s.World.Now, nil }

// errNoVerifier is for expressions about signatures outside image policies.
var errNoVerifier = errors.New("signatures are verified by ImageValidatingPolicy only")

func (s *Session) verifier() (Verifier, error) {
	switch {
	case s.Verifier == nil:
		return nil, errNoVerifier
	case s.World.Images == nil:
		return nil, fmt.Errorf("verifying images: %w", policy.ErrNoWorld)
	}
	return s.Verifier, nil
}

func verifySignatures(s *Session, args []ref.Val) (any, error) {
	verifier, err := s.verifier()
	if err != nil {
		return nil, err
	}
	attestors, err := plainArgs(args[1])
	if err != nil {
		return nil, err
	}
	return verifier.Signatures(s, text(args[0]), attestors)
}

func verifyAttestations(s *Session, args []ref.Val) (any, error) {
	verifier, err := s.verifier()
	if err != nil {
		return nil, err
	}
	attestors, err := plainArgs(args[2])
	if err != nil {
		return nil, err
	}
	return verifier.Attestations(s, text(args[0]), text(args[1]), attestors)
}

func payload(s *Session, args []ref.Val) (any, error) {
	verifier, err := s.verifier()
	if err != nil {
		return nil, err
	}
	return verifier.Payload(s, text(args[0]), text(args[1]))
}

func plainArgs(list ref.Val) ([]any, error) {
	plain, err := Plain(list)
	if err != nil {
		return nil, err
	}
	args, _ := plain.([]any)
	return args, nil
}

// hiddenGlobal rewrites f(args) into session.f(args).
func hiddenGlobal(function string, arguments int) cel.Macro {
	return cel.GlobalMacro(function, arguments, func(eh cel.MacroExprFactory, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		return eh.NewMemberCall(function, eh.NewIdent(Hidden), args...), nil
	})
}

// hiddenReceiver rewrites namespace.f(args) into session.f(args).
func hiddenReceiver(function string, arguments int, namespace string) cel.Macro {
	return cel.ReceiverMacro(function, arguments, func(eh cel.MacroExprFactory, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		if target.Kind() != ast.IdentKind || target.AsIdent() != namespace {
			return nil, nil
		}
		return eh.NewMemberCall(function, eh.NewIdent(Hidden), args...), nil
	})
}
