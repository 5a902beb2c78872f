package entry

import (
	"fmt"
	"net/url"
	"strings"
)

// A policy that belongs to a namespace looks up what is in that namespace, and
// nothing else: whoever may write it may not be allowed to read more, and Roadbed,
// who reads for it, is.

// own refuses another namespace than the policy's.
func (c compiler) own(namespace string) error {
	if c.Namespace == "" || namespace == c.Namespace {
		return nil
	}
	return fmt.Errorf("a policy of namespace %q may look up objects of this namespace only, not of %q", c.Namespace, namespace)
}

// ownPath refuses a path that does not lead into the policy's namespace.
func (c compiler) ownPath(path string) error {
	if c.Namespace == "" {
		return nil
	}
	if namespace := namespaceIn(path); namespace != "" {
		return c.own(namespace)
	}
	return fmt.Errorf("a policy of namespace %q may look up objects of this namespace only; begin with /api/v1/namespaces/%[1]s/ or /apis/GROUP/VERSION/namespaces/%[1]s/, not %q", c.Namespace, path)
}

// namespaceIn is the namespace that a path of the API server leads into; empty
// where it leads into none.
func namespaceIn(path string) string {
	address, err := url.Parse(path)
	if err != nil || address.Host != "" || strings.Contains(address.Path, "..") {
		return ""
	}
	parts := strings.Split(address.Path, "/")
	for root, at := range map[string]int{"api": 3, "apis": 4} {
		if len(parts) > at+2 && parts[0] == "" && parts[1] == root && parts[at] == "namespaces" {
			return parts[at+1]
		}
	}
	return ""
}

// stay and stayPath name what can never be looked up before it is asked for.
func (c compiler) stay(field, namespace string) {
	if namespace != "" && constant(namespace) {
		c.refuse(field, c.own(namespace))
	}
}

func (c compiler) stayPath(field, path string) {
	if path != "" && constant(path) {
		c.refuse(field, c.ownPath(path))
	}
}

func (c compiler) refuse(field string, err error) {
	if err != nil {
		c.Wrong(field, "%v", err)
	}
}

// constant tells that a text has no variables.
func constant(text string) bool {
	return !strings.Contains(text, "{{") && !strings.Contains(text, "$(")
}
