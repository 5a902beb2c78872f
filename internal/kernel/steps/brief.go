package steps

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// briefWait is how long a new object's brief wait is kept to ourselves.
const briefWait = time.Second

// briefWaits remembers since when new objects wait for what is nearly always
// over in an instant. The zero briefWaits is ready to use and safe for
// concurrent use.
type briefWaits struct {
	mu    sync.Mutex
	began map[types.NamespacedName]time.Time // guarded by mu
}

// left is for how much longer nothing is told about the object; 0 when it is
// not, or no longer, in a brief wait.
func (w *briefWaits) left(key types.NamespacedName, brief bool, now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !brief {
		delete(w.began, key)
		return 0
	}
	began, known := w.began[key]
	if !known {
		if w.began == nil {
			w.began = map[types.NamespacedName]time.Time{}
		}
		began, w.began[key] = now, now
	}
	return max(0, briefWait-now.Sub(began))
}
