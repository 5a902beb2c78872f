package kill

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// vault is the service of a capability's team: it keeps a password for each claim,
// outside the cluster. It can have who asks be killed before the answer.
type vault struct {
	*httptest.Server

	mu      sync.Mutex
	kept    map[string]string // passwords by claim; guarded by mu
	made    map[string]int    // how often something was made for a claim; guarded by mu
	ended   map[string]bool   // guarded by mu
	revived []string          // claims that were made again after their end; guarded by mu
	left    int               // requests until strike is called; guarded by mu
	strike  func()            // nil for nothing; guarded by mu
}

func openVault(t *testing.T) *vault {
	t.Helper()
	v := &vault{kept: map[string]string{}, made: map[string]int{}, ended: map[string]bool{}}
	v.Server = httptest.NewServer(v)
	t.Cleanup(v.Close)
	return v
}

// doom has strike called in the middle of a request, after so many others.
func (v *vault) doom(requests int, strike func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.left, v.strike = requests, strike
}

// ServeHTTP does the work, and then kills or answers.
func (v *vault) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	uid := strings.TrimPrefix(r.URL.Path, "/")
	password, strike := v.work(r.Method, uid)
	if strike != nil {
		strike()
		panic(http.ErrAbortHandler)
	}
	if r.Method == http.MethodDelete {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"ready": true, "connection": map[string]string{"password": password}}
	_ = json.NewEncoder(w).Encode(answer) // who asked may be dead
}

func (v *vault) work(method, uid string) (password string, strike func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch method {
	case http.MethodPut:
		if v.ended[uid] {
			v.revived = append(v.revived, uid)
		}
		if v.kept[uid] == "" {
			v.made[uid]++
			v.kept[uid] = fmt.Sprintf("password-%d", len(v.made))
		}
	case http.MethodDelete:
		delete(v.kept, uid)
		v.ended[uid] = true
	}
	v.left--
	if v.left < 0 {
		strike, v.strike = v.strike, nil
	}
	return v.kept[uid], strike
}
