package exception

import (
	"encoding/json"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
)

// jsonOf is a value as a policy's field holds it.
func jsonOf(value any) (*kyvernov1.JSON, error) {
	raw, err := json.Marshal(value)
	return &kyvernov1.JSON{Raw: raw}, err
}

func wrong(document load.Document, err error) load.Problem {
	return load.Problem{File: document.File, Line: document.Line, Kind: document.Kind(), Message: err.Error()}
}
