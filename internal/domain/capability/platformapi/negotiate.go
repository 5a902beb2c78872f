package platformapi

import (
	"cmp"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/roadbed-dev/roadbed/internal/kernel/problem"
)

// The media types of answers. Problems are sent whatever the client takes.
const (
	jsonText = "application/json"
	events   = "text/event-stream"
	webPage  = "text/html"
)

// unacceptable refuses a request that does not take the answer there is.
func unacceptable(r *http.Request, offered string) *problem.Problem {
	if accepts(r.Header.Values("Accept"), offered) {
		return nil
	}
	return refusal(http.StatusNotAcceptable, "the answer is "+offered+": have the header Accept name it, or leave that out")
}

// accepts says whether the header Accept, of so many lines, takes a media type. What
// names it most exactly counts.
func accepts(lines []string, offered string) bool {
	all := strings.Join(lines, ",")
	if strings.Trim(all, ", ") == "" {
		return true
	}
	family, _, _ := strings.Cut(offered, "/")
	best, taken := -1, false
	for part := range strings.SplitSeq(all, ",") {
		media, parameters, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		if exact := slices.Index([]string{"*/*", family + "/*", offered}, media); exact >= 0 && exact >= best {
			quality, err := strconv.ParseFloat(cmp.Or(parameters["q"], "1"), 64)
			best, taken = exact, err == nil && quality > 0
		}
	}
	return taken
}

// tagged says whether a header's entity tags, on so many lines, have the claim as it
// is. Weak ones count for those who only want to know whether to read it again.
func tagged(lines []string, claim *unstructured.Unstructured, weak bool) bool {
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		tag := strings.TrimSpace(part)
		if weak {
			tag = strings.TrimPrefix(tag, "W/")
		}
		if tag == "*" || tag == etag(claim) {
			return true
		}
	}
	return false
}

// pinned says whether a request is about one version of a claim.
func pinned(header http.Header) bool {
	lines := header.Values("If-Match")
	return len(lines) > 0 && strings.TrimSpace(strings.Join(lines, ",")) != "*"
}

// matches holds a request to the versions that its If-Match names.
func matches(r *http.Request, claim *unstructured.Unstructured) *problem.Problem {
	if lines := r.Header.Values("If-Match"); len(lines) > 0 && !tagged(lines, claim, false) {
		return changed()
	}
	return nil
}

// changed is what those hear who know an earlier version.
func changed() *problem.Problem {
	return refusal(http.StatusPreconditionFailed, "the claim has changed since: read it again")
}
