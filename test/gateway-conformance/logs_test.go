package conformance

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"time"
)

// logPath is where the API server has the log of a pod.
var logPath = regexp.MustCompile(`^/api/v1/namespaces/([^/]+)/pods/([^/]+)/log$`)

// withLogs is the way to the API server, but for logs of pods, which the stand-in
// for the kubelet has.
type withLogs struct {
	kubelet *kubelet
	rest    http.RoundTripper
}

// RoundTrip answers for logs, and passes all else on.
func (w withLogs) RoundTrip(request *http.Request) (*http.Response, error) {
	pod := logPath.FindStringSubmatch(request.URL.Path)
	if pod == nil {
		return w.rest.RoundTrip(request)
	}
	var since time.Time
	if text := request.URL.Query().Get("sinceTime"); text != "" {
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return nil, err
		}
		since = parsed
	}
	response := &http.Response{
		StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: request,
		Header: http.Header{"Content-Type": {"text/plain"}},
	}
	log, known := w.kubelet.logs(pod[1]+"/"+pod[2], since)
	if !known {
		response.StatusCode, response.Status = http.StatusNotFound, "404 Not Found"
	}
	response.Body, response.ContentLength = io.NopCloser(bytes.NewReader(log)), int64(len(log))
	return response, nil
}

// logs are what a pod's server has written from a moment on.
func (k *kubelet) logs(name string, since time.Time) ([]byte, bool) {
	k.mu.Lock()
	server := k.running[name]
	k.mu.Unlock()
	if server == nil {
		return nil, false
	}
	return server.log.since(since), true
}
