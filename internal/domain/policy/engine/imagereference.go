package engine

import (
	"context"
	"fmt"
	"sync"

	celgo "github.com/google/cel-go/cel"
	celconfig "k8s.io/apiserver/pkg/apis/cel"

	policiesv1 "github.com/roadbed-dev/roadbed/api/kyverno/policies/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/dialect"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/extract"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/engine/library"
)

// referenceEnv is what expressions about one reference may use: it, as ref or
// image.
var referenceEnv = sync.OnceValues(func() (*celgo.Env, error) {
	return dialect.Kyverno().Base().StoredExpressionsEnv().Extend(celgo.Variable("ref", celgo.StringType))
})

// imageReferences select images: any of them suffices.
type imageReferences []imageReference

// compile understands what selects images.
func (refs *imageReferences) compile(from []policiesv1.MatchImageReference) FaultsError {
	var faults FaultsError
	for i, one := range from {
		path := fmt.Sprintf("spec.matchImageReferences[%d]", i)
		if (one.Glob == "") == (one.Expression == "") {
			faults = append(faults, Fault{Field: path, Message: "set either glob or expression"})
			continue
		}
		made := imageReference{glob: one.Glob}
		if one.Expression != "" {
			program, found := compileReference(path+".expression", one.Expression)
			faults = append(faults, found...)
			made.expression = program
		}
		*refs = append(*refs, made)
	}
	return faults
}

func compileReference(path, expression string) (celgo.Program, FaultsError) {
	env, err := referenceEnv()
	if err != nil {
		return nil, FaultsError{{Field: path, Message: err.Error()}}
	}
	ast, issues := env.Compile(expression)
	if issues.Err() != nil {
		return nil, faultsOf(path, issues)
	}
	if !ast.OutputType().IsExactType(celgo.BoolType) {
		return nil, FaultsError{{Field: path, Message: wrongType(ast.OutputType(), []*celgo.Type{celgo.BoolType})}}
	}
	program, err := env.Program(ast, celgo.InterruptCheckFrequency(celconfig.CheckFrequency))
	if err != nil {
		return nil, FaultsError{{Field: path, Message: err.Error()}}
	}
	return library.Program(program), nil
}

// selects tells whether the policy concerns an image. Without references it
// concerns none, as Kyverno has it.
func (refs imageReferences) selects(ctx context.Context, image string) (bool, error) {
	for _, one := range refs {
		selected, err := one.selects(ctx, image)
		if err != nil || selected {
			return selected, err
		}
	}
	return false, nil
}

func (ref imageReference) selects(ctx context.Context, image string) (bool, error) {
	if ref.expression == nil {
		for _, spelling := range extract.Spellings(image) {
			if extract.GlobMatches(ref.glob, spelling) {
				return true, nil
			}
		}
		return false, nil
	}
	out, _, err := ref.expression.ContextEval(ctx, map[string]any{"ref": image})
	if err != nil {
		return false, fmt.Errorf("selecting image %q: %w", image, err)
	}
	selected, _ := out.Value().(bool)
	return selected, nil
}
