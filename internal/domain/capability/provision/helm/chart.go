package helm

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/expression"
)

// field is where faults begin.
const field = "provisioner.helm"

// Chart is a chart with the expressions around it. It is safe for concurrent use.
type Chart struct {
	scope   *expression.Scope
	values  *expression.Tree // nil for none
	outputs *expression.Outputs
	charts  Charts
	url     string
	digest  string

	mu       sync.Mutex
	read     Rendering            // nil before it was loaded; guarded by mu
	rendered map[string]rendering // by what it was rendered with; guarded by mu
}

var _ provision.Renderer = (*Chart)(nil)

// Compile compiles a provisioner for claims with a schema: OpenAPI v3 in JSON. A
// chart that the Capability holds is read at once, one by URL when it is needed.
// The error names every fault by its field.
func Compile(source *v1alpha1.HelmProvisioner, schema []byte, charts Charts) (*Chart, error) {
	made, err := compile(source, schema)
	if err != nil {
		return nil, err
	}
	made.charts = charts
	if source.URL != "" {
		return made, nil
	}
	archive, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(source.Archive), ""))
	if err != nil {
		return nil, expression.FaultError{Field: field + ".archive", Message: fmt.Sprintf("is not in base64: %v", err)}
	}
	if sum := sha256.Sum256(archive); source.Digest != "" && source.Digest != "sha256:"+hex.EncodeToString(sum[:]) {
		return nil, expression.FaultError{Field: field + ".digest", Message: "is not that of the archive, which is sha256:" + hex.EncodeToString(sum[:])}
	}
	if made.read, err = charts.Read(archive); err != nil {
		return nil, expression.FaultError{Field: field + ".archive", Message: err.Error()}
	}
	return made, nil
}

// Expressions finds every fault of what a provisioner says beside its chart, which
// is not read: nil when it is sound. Faults begin with their field.
func Expressions(source *v1alpha1.HelmProvisioner, schema []byte) error {
	_, err := compile(source, schema)
	return err
}

func compile(source *v1alpha1.HelmProvisioner, schema []byte) (*Chart, error) {
	scope, err := expression.NewScope(schema, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", provision.ErrInvalid, err)
	}
	made := &Chart{scope: scope, url: source.URL, digest: source.Digest, rendered: map[string]rendering{}}
	var faults expression.Faults
	made.compileValues(source, &faults)
	made.outputs = scope.CompileOutputs(field, source.Connection, source.Status, source.Endpoint, &faults)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return made, nil
}

func (c *Chart) compileValues(source *v1alpha1.HelmProvisioner, faults *expression.Faults) {
	if source.Values == nil {
		return
	}
	var values map[string]any
	if err := utiljson.Unmarshal(source.Values.Raw, &values); err != nil {
		faults.Add(field+".values", "is no object: %v", err)
		return
	}
	if c.values = c.scope.CompileTree(field+".values", values, faults); c.values == nil {
		return
	}
	c.values.Expressions(func(e *expression.Expression) {
		if e.Reads(expression.Resources) {
			faults.Add(field+".values", "%q reads resources, which are there only once the chart is rendered: use claim, spec or tenant", e.Source())
		}
	})
}

// Kinds is empty: which kinds a chart renders depends on its values.
func (*Chart) Kinds() []provision.Kind { return nil }

// ConnectionKeys are the keys of the connection Secret, sorted.
func (c *Chart) ConnectionKeys() []string { return c.outputs.Keys() }

// load is the chart, which is fetched once where it is not in the Capability.
func (c *Chart) load(ctx context.Context) (Rendering, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.read != nil {
		return c.read, nil
	}
	archive, err := c.charts.Fetch(ctx, c.url, c.digest)
	if err != nil {
		return nil, fmt.Errorf("%s.url: %w", field, err)
	}
	read, err := c.charts.Read(archive)
	if err != nil {
		return nil, expression.FaultError{Field: field + ".url", Message: err.Error()}
	}
	c.read = read
	return read, nil
}
