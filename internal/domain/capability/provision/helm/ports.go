package helm

import "context"

// Rendering renders a chart: the release's objects, and its hooks, as YAML
// documents in the order in which they are installed. It MUST be safe for
// concurrent use and call nobody.
type Rendering = func(release, namespace string, values map[string]any) (objects, hooks []string, err error)

// Charts reads charts.
type Charts interface {
	// Read reads a packaged chart (.tgz). Its error says what is wrong with it.
	Read(archive []byte) (func(release, namespace string, values map[string]any) (objects, hooks []string, err error), error)
	// Fetch is the packaged chart at a URL, whose digest it MUST check. Its error is
	// one that may pass.
	Fetch(ctx context.Context, url, digest string) ([]byte, error)
}
