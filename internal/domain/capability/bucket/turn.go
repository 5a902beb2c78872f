package bucket

import (
	"maps"
	"slices"
	"time"
)

const (
	// Grace is how long a key works after another one took over: as long as
	// workloads may take to read the connection Secret again.
	Grace = 24 * time.Hour
	// settling is how long a store may take to know a new key everywhere.
	settling = time.Minute
)

// Turn is what is to be done about a user's keys.
type Turn struct {
	// Drop are keys to end first, sorted.
	Drop []string
	// Fresh says that another key is made, and becomes the one to use.
	Fresh bool
}

// Decide says what is to be done. known is the id of the key in the connection
// Secret, empty when there is none that works; keys are as Keys.Keys gives them;
// every is how often the key changes, 0 for never.
func Decide(known string, keys map[string]time.Time, every time.Duration, now time.Time) Turn {
	since, works := keys[known]
	if !works {
		return Turn{Fresh: true, Drop: surplus(keys)}
	}
	var turn Turn
	turn.Fresh = every > 0 && now.Sub(since) >= every
	for _, id := range slices.Sorted(maps.Keys(keys)) {
		if id == known {
			continue
		}
		// A later key was made and never handed out; an earlier one has had its time,
		// or makes room.
		if keys[id].After(since) || turn.Fresh || now.Sub(since) >= Grace {
			turn.Drop = append(turn.Drop, id)
		}
	}
	return turn
}

// surplus is the eldest key where there is no room for another one.
func surplus(keys map[string]time.Time) []string {
	if len(keys) < 2 {
		return nil
	}
	ids := slices.SortedFunc(maps.Keys(keys), func(a, b string) int { return keys[a].Compare(keys[b]) })
	return ids[:len(ids)-1]
}
