package s3

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// place is where a store is, and who administers it.
type place struct {
	endpoint, iam  string
	region         string
	access, secret string
	path           bool
}

// errForm is the error for what is no URL of a store. It does not quote the URL,
// which may hold a secret.
var errForm = errors.New("the URL of the object store cannot be read: it has the form https://KEY:SECRET@HOST?region=REGION&iam=https://HOST, with / and + in the secret written as %2F and %2B")

// defaultRegion is what stores that know no regions call theirs.
const defaultRegion = "us-east-1"

func parse(text string) (place, error) {
	at, err := url.Parse(text)
	if err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || at.Fragment != "" {
		return place{}, errForm
	}
	secret, both := at.User.Password()
	if !both || at.User.Username() == "" || secret == "" {
		return place{}, errForm
	}
	query, err := url.ParseQuery(at.RawQuery)
	if err != nil {
		return place{}, errForm
	}
	for name, values := range query {
		if !slices.Contains([]string{"region", "iam", "style"}, name) || len(values) > 1 {
			return place{}, fmt.Errorf("the URL of the object store: %q is none of region, iam and style, or is there twice", name)
		}
	}
	found := place{
		endpoint: (&url.URL{Scheme: at.Scheme, Host: at.Host, Path: strings.TrimSuffix(at.Path, "/")}).String(),
		region:   query.Get("region"), access: at.User.Username(), secret: secret,
		path: !strings.HasSuffix(at.Hostname(), ".amazonaws.com"),
	}
	if found.region == "" {
		found.region = defaultRegion
	}
	switch query.Get("style") {
	case "":
	case "path", "host":
		found.path = query.Get("style") == "path"
	default:
		return place{}, errors.New("the URL of the object store: style is path or host")
	}
	found.iam, err = users(query.Get("iam"))
	return found, err
}

// users is where users are administered. Secret keys come from there, so it is
// reached over TLS or on this machine.
func users(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	at, err := url.Parse(text)
	if err != nil || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "" {
		return "", errors.New("the URL of the object store: iam is no https URL")
	}
	if at.Scheme != "https" && (at.Scheme != "http" || !loopback(at.Hostname())) {
		return "", errors.New("the URL of the object store: iam is reached over https, because keys come from there")
	}
	return at.String(), nil
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
