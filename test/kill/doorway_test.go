package kill

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/roadbed-dev/roadbed/test/server"
)

// doorway is the only way of a server to the API server. It can kill the server
// at a write to a tenant's namespace: before it arrives, or after, when its answer
// does not come back.
type doorway struct {
	*httptest.Server
	pass *httputil.ReverseProxy

	mu     sync.Mutex
	doomed *server.Process // who is killed; nil for nobody; guarded by mu
	left   int             // writes until then; guarded by mu
	after  bool            // whether the last of them arrives; guarded by mu
}

// openDoorway leads to the API server as somebody.
func openDoorway(t *testing.T, as *rest.Config) *doorway {
	t.Helper()
	to, err := url.Parse(as.Host)
	if err != nil {
		t.Fatal(err)
	}
	through, err := rest.TransportFor(as)
	if err != nil {
		t.Fatal(err)
	}
	d := &doorway{pass: &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport:     through,
		FlushInterval: -1, // watches
		ErrorHandler:  func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}}
	d.Server = httptest.NewServer(d)
	t.Cleanup(func() {
		d.CloseClientConnections()
		d.Close()
	})
	return d
}

// doom has a server killed after so many writes, before or after the last of them.
func (d *doorway) doom(who *server.Process, writes int, after bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doomed, d.left, d.after = who, writes, after
}

// strike kills whoever is doomed to die now.
func (d *doorway) strike() {
	d.mu.Lock()
	who := d.doomed
	d.doomed = nil
	d.mu.Unlock()
	if who != nil {
		who.Kill()
	}
}

// spent says that whoever was doomed is dead.
func (d *doorway) spent() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.doomed == nil
}

// ServeHTTP passes a request on, or kills who made it.
func (d *doorway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	last, arrives := d.count(r)
	if !last {
		d.pass.ServeHTTP(w, r)
		return
	}
	if arrives {
		d.pass.ServeHTTP(httptest.NewRecorder(), r)
	}
	d.strike()
	panic(http.ErrAbortHandler)
}

// count takes a write off, and says whether it is the last one and arrives.
func (d *doorway) count(r *http.Request) (last, arrives bool) {
	if r.Method == http.MethodGet || !strings.Contains(r.URL.Path, "/namespaces/tenant-") || strings.Contains(r.URL.Path, "/events") {
		return false, false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.doomed == nil {
		return false, false
	}
	d.left--
	return d.left < 0, d.after
}
