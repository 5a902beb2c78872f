package function

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/imageref"
)

// networks are Kyverno's functions on images and addresses.
func networks() []Function {
	return []Function{
		{Name: "image_normalize", Parameters: []Types{String}, Result: String, run: imageNormalize},
		{Name: "is_external_url", Parameters: []Types{String}, Result: Boolean, run: isExternalURL},
	}
}

// imageNormalize adds the registry and the tag that an image does not name.
func imageNormalize(env *Env, arguments []any) (any, error) {
	image, err := imageref.Parse(str(arguments[0]), env.DefaultRegistry)
	if err != nil {
		return nil, err
	}
	return image.String(), nil
}

// isExternalURL tells whether no address of a URL's host is private or the
// machine's own. A host that is a name needs someone to resolve it.
func isExternalURL(env *Env, arguments []any) (any, error) {
	parsed, err := url.Parse(str(arguments[0]))
	if err != nil {
		return nil, fmt.Errorf("argument 1 is not a URL: %w", err)
	}
	host := parsed.Hostname()
	if host == "" {
		return nil, fmt.Errorf("argument 1, %q, is not a URL with a host", str(arguments[0]))
	}
	if address, err := netip.ParseAddr(host); err == nil {
		return isExternal(address), nil
	}
	if env.Resolve == nil {
		return nil, fmt.Errorf("nobody resolves host names here: %q must be an address", host)
	}
	addresses, err := env.Resolve(host)
	if err != nil {
		return nil, fmt.Errorf("resolving %q: %w", host, err)
	}
	if len(addresses) == 0 {
		return nil, errors.New("the host has no address")
	}
	for _, address := range addresses {
		if !isExternal(address) {
			return false, nil
		}
	}
	return true, nil
}

func isExternal(address netip.Addr) bool {
	address = address.Unmap()
	return !address.IsLoopback() && !address.IsPrivate()
}
