package claim

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/roadbed-dev/roadbed/api/capability/v1alpha1"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/account"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/helm"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/http"
	"github.com/roadbed-dev/roadbed/internal/domain/capability/provision/template"
)

// Maker makes what claims of one revision ask for: by rendering objects, or
// outside the cluster. Exactly one of the two is set.
type Maker struct {
	Renderer provision.Renderer
	Builtin  provision.Builtin
	// Parameters are what the revision tells the provisioner beside the claim.
	Parameters map[string]any
}

// External says whether something outside the cluster is made, which has to be
// deleted with the claim.
func (m *Maker) External() bool { return m.Builtin != nil }

// Saves says whether a last copy is made of what is deleted.
func (m *Maker) Saves() bool {
	if saver, says := m.Builtin.(provision.Saver); says {
		return saver.Saves()
	}
	return m.External()
}

// Factory makes the provisioner of a revision, for types that are not template.
type Factory func(*v1alpha1.CapabilityRevision) (*Maker, error)

// Builtins are Roadbed's own provisioners by name, as a Factory.
func Builtins(known map[string]provision.Builtin) Factory {
	return func(r *v1alpha1.CapabilityRevision) (*Maker, error) {
		source := r.Spec.Provisioner.Builtin
		if source == nil {
			return nil, errors.New("provisioner.builtin: it is not set")
		}
		found, ok := known[source.Name]
		if !ok {
			return nil, fmt.Errorf("provisioner.builtin.name: there is no provisioner %q: use one of %s", source.Name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		made := &Maker{Builtin: found}
		if source.Parameters != nil {
			if err := utiljson.Unmarshal(source.Parameters.Raw, &made.Parameters); err != nil {
				return nil, fmt.Errorf("provisioner.builtin.parameters: %w", err)
			}
		}
		return made, nil
	}
}

// HTTP are services of capabilities' teams, as a Factory.
func HTTP(tokens http.Tokens) Factory {
	return func(r *v1alpha1.CapabilityRevision) (*Maker, error) {
		if r.Spec.Provisioner.HTTP == nil {
			return nil, errors.New("provisioner.http: it is not set")
		}
		made, err := http.New(r.Spec.Provisioner.HTTP, r.Spec.Connection.SecretKeys, tokens)
		if err != nil {
			return nil, err
		}
		return &Maker{Builtin: made}, nil
	}
}

// Helm are charts, as a Factory.
func Helm(charts helm.Charts) Factory {
	return func(r *v1alpha1.CapabilityRevision) (*Maker, error) {
		if r.Spec.Provisioner.Helm == nil {
			return nil, errors.New("provisioner.helm: it is not set")
		}
		made, err := helm.Compile(r.Spec.Provisioner.Helm, r.Spec.Schema.Spec.Raw, charts)
		if err != nil {
			return nil, err
		}
		return &Maker{Renderer: made}, nil
	}
}

// Makers compiles revisions, each once. It is safe for concurrent use.
type Makers struct {
	factories map[v1alpha1.ProvisionerType]Factory

	mu   sync.Mutex
	made map[string]compiled // by revision; guarded by mu
}

type compiled struct {
	maker *Maker
	err   error
}

// mostCompiled bounds the revisions that are kept; those in use come back.
const mostCompiled = 512

// NewMakers returns Makers with the provisioners that the program has beside
// templates.
func NewMakers(factories map[v1alpha1.ProvisionerType]Factory) *Makers {
	return &Makers{factories: factories, made: map[string]compiled{}}
}

// For compiles a revision, or returns what it was compiled to.
func (m *Makers) For(r *v1alpha1.CapabilityRevision) (*Maker, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if done, known := m.made[r.Name]; known {
		return done.maker, done.err
	}
	if len(m.made) >= mostCompiled {
		clear(m.made)
	}
	maker, err := m.compile(r)
	m.made[r.Name] = compiled{maker, err}
	return maker, err
}

func (m *Makers) compile(r *v1alpha1.CapabilityRevision) (*Maker, error) {
	p := r.Spec.Provisioner
	if err := account.Check(p.Permissions); err != nil {
		return nil, err
	}
	if p.Type == v1alpha1.ProvisionerTemplate && p.Template != nil {
		made, err := template.Compile(p.Template, r.Spec.Schema.Spec.Raw)
		if err != nil {
			return nil, err
		}
		return &Maker{Renderer: made}, nil
	}
	factory, known := m.factories[p.Type]
	if !known {
		return nil, fmt.Errorf("provisioner.type: this program provisions nothing of type %q", p.Type)
	}
	maker, err := factory(r)
	if err == nil && (maker.Renderer == nil) == (maker.Builtin == nil) {
		err = errors.New("provisioner: it neither renders nor provisions")
	}
	return maker, err
}
