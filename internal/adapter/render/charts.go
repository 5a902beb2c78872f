package render

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"helm.sh/helm/v4/pkg/chart/common"
	chartv2 "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
)

const (
	// mostArchive bounds a packaged chart, in bytes.
	mostArchive = 10 << 20
	// patience is how long fetching one may take.
	patience = 30 * time.Second
	// chartLayer is the media type of a chart in a registry.
	chartLayer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	ociScheme  = "oci://"
)

// Charts reads packaged charts, and fetches them from repositories and
// registries without logging in. It is safe for concurrent use.
type Charts struct {
	dir    string
	client *http.Client
}

// NewCharts returns what reads charts. dir keeps those that were fetched, so that
// a repository that is down matters to nobody who was there before; empty for no
// folder.
func NewCharts(dir string) *Charts {
	return &Charts{dir: dir, client: &http.Client{Timeout: patience}}
}

// Read reads a packaged chart, and returns how it is rendered: objects and hooks,
// each in the order in which Helm installs them.
func (*Charts) Read(archive []byte) (func(release, namespace string, values map[string]any) (objects, hooks []string, err error), error) {
	chart, err := load(archive)
	switch {
	case err != nil:
		return nil, err
	case chart.Metadata.Type == "library":
		return nil, fmt.Errorf("chart %q is a library: it renders nothing by itself", chart.Name())
	case len(chart.CRDObjects()) > 0:
		return nil, fmt.Errorf("chart %q brings definitions of kinds: install these in the cluster once, and package the chart without its folder crds", chart.Name())
	}
	return func(release, namespace string, values map[string]any) (objects, hooks []string, err error) {
		fresh, err := load(archive) // rendering changes what is in a chart
		if err != nil {
			return nil, nil, err
		}
		rendered, err := render(fresh, values, ChartOptions{Release: release, Namespace: namespace})
		if err != nil {
			return nil, nil, err
		}
		return sorted(rendered)
	}, nil
}

func load(archive []byte) (*chartv2.Chart, error) {
	chart, err := loader.LoadArchive(bytes.NewReader(archive))
	if errors.Is(err, tar.ErrHeader) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("it is no packaged chart: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("it is no chart: %w", err)
	}
	return chart, chart.Validate()
}

// sorted takes objects and hooks apart, in the order in which Helm installs them.
func sorted(rendered map[string]string) (objects, hooks []string, err error) {
	for file := range rendered {
		if base := path.Base(file); base == "NOTES.txt" || strings.HasPrefix(base, "_") {
			delete(rendered, file)
		}
	}
	found, manifests, err := releaseutil.SortManifests(rendered, common.VersionSet{}, releaseutil.InstallOrder)
	if err != nil {
		return nil, nil, err
	}
	for _, manifest := range manifests {
		objects = append(objects, manifest.Content)
	}
	for _, hook := range found {
		hooks = append(hooks, hook.Manifest)
	}
	return objects, hooks, nil
}

// Fetch is the packaged chart at a URL with a digest: that of the file, or, by
// oci://, that of the chart's manifest in the registry.
func (c *Charts) Fetch(ctx context.Context, where, digest string) ([]byte, error) {
	kept := ""
	if c.dir != "" {
		kept = filepath.Join(c.dir, strings.ReplaceAll(digest, ":", "-")+".tgz")
		if archive, err := os.ReadFile(kept); err == nil {
			return archive, nil
		}
	}
	get := c.download
	if strings.HasPrefix(where, ociScheme) {
		get = pull
	}
	archive, err := get(ctx, where, digest)
	if err != nil || kept == "" {
		return archive, err
	}
	return archive, keep(kept, archive)
}

// keep writes a file, all of it or nothing.
func keep(file string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("keep the chart: %w", err)
	}
	half, err := os.CreateTemp(filepath.Dir(file), "half-")
	if err != nil {
		return fmt.Errorf("keep the chart: %w", err)
	}
	_, err = half.Write(content)
	if err = errors.Join(err, half.Sync(), half.Close()); err == nil {
		err = os.Rename(half.Name(), file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("keep the chart: %w", err), os.Remove(half.Name()))
	}
	return nil
}

func (c *Charts) download(ctx context.Context, where, digest string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, fmt.Errorf("the URL of the chart cannot be read: %w", err)
	}
	response, err := c.client.Do(request)
	if inner, is := errors.AsType[*url.Error](err); is {
		err = inner.Err
	}
	if err != nil {
		return nil, fmt.Errorf("the chart's repository does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // all of it was read, or an error is told
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the chart's repository answered %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	archive, err := io.ReadAll(io.LimitReader(response.Body, mostArchive+1))
	switch sum := sha256.Sum256(archive); {
	case err != nil:
		return nil, fmt.Errorf("the chart's repository broke off: %w", err)
	case len(archive) > mostArchive:
		return nil, fmt.Errorf("the chart has more than %d bytes", mostArchive)
	case digest != "sha256:"+hex.EncodeToString(sum[:]):
		return nil, fmt.Errorf("the chart there has the digest sha256:%s, not the one that is asked for", hex.EncodeToString(sum[:]))
	}
	return archive, nil
}

// pull is the chart in a registry whose manifest has the digest.
func pull(ctx context.Context, where, digest string) ([]byte, error) {
	ref, err := name.NewDigest(strings.TrimPrefix(where, ociScheme)+"@"+digest, name.StrictValidation)
	if err != nil {
		return nil, fmt.Errorf("the URL of the chart is none of a registry, without tag: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	image, err := remote.Image(ref, remote.WithContext(ctx), remote.WithAuth(authn.Anonymous))
	if err != nil {
		return nil, fmt.Errorf("the registry does not give the chart: %w", err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return nil, fmt.Errorf("the registry does not give the chart: %w", err)
	}
	for _, each := range manifest.Layers {
		if string(each.MediaType) != chartLayer {
			continue
		}
		if each.Size > mostArchive {
			return nil, fmt.Errorf("the chart has more than %d bytes", mostArchive)
		}
		layer, err := image.LayerByDigest(each.Digest)
		if err != nil {
			return nil, fmt.Errorf("the registry does not give the chart: %w", err)
		}
		content, err := layer.Compressed() // its digest is checked as it is read
		if err != nil {
			return nil, fmt.Errorf("the registry does not give the chart: %w", err)
		}
		archive, err := io.ReadAll(content)
		return archive, errors.Join(err, content.Close())
	}
	return nil, errors.New("what is there is no chart: it has no layer of type " + chartLayer)
}
