package database

import "time"

// Grace is how long a login works after the other one took over: as long as
// workloads may take to read the connection Secret again.
const Grace = 24 * time.Hour

// Turn is what is to be done about a claim's logins.
type Turn struct {
	// Current is the login to use.
	Current string
	// Fresh says that it gets a new password.
	Fresh bool
	// Lock is a login to keep out, empty for none.
	Lock string
}

// Decide says whose turn it is. known is the login whose password is in the
// connection Secret and works, empty when there is none; marks are as
// Logins.Logins gives them; every is how often the password changes, 0 for never.
func Decide(n Names, known string, marks map[string]string, every time.Duration, now time.Time) Turn {
	if known != n.Logins[0] && known != n.Logins[1] {
		known = ""
	}
	if known == "" {
		return Turn{Current: n.other(n.latest(marks)), Fresh: true}
	}
	since := n.since(marks[known])
	if every > 0 && now.Sub(since) >= every {
		return Turn{Current: n.other(known), Fresh: true}
	}
	turn := Turn{Current: known}
	old := n.other(known)
	if marks[old] != "" && now.Sub(since) >= Grace {
		turn.Lock = old
	}
	return turn
}

// latest is the login that took over last; the second where none did, so that
// the first is the first.
func (n Names) latest(marks map[string]string) string {
	first, second := n.since(marks[n.Logins[0]]), n.since(marks[n.Logins[1]])
	if first.After(second) {
		return n.Logins[0]
	}
	return n.Logins[1]
}
