package policy

// memo keeps what was derived from a request.
type memo map[any]any

// Remembering returns a copy of the request for several policies to judge in
// turn: what one of them derived from it is there for the next. The copy must
// not be used by several goroutines at once, and its fields must not change.
func (r *Request) Remembering() *Request {
	if r.memo != nil {
		return r
	}
	remembering := *r
	remembering.memo = memo{}
	return &remembering
}

// Derive returns what derive makes of the request. A remembering request calls
// derive only once for each key.
func Derive[T any](r *Request, key any, derive func(*Request) T) T {
	if r.memo == nil {
		return derive(r)
	}
	if known, ok := r.memo[key].(T); ok {
		return known
	}
	made := derive(r)
	r.memo[key] = made
	return made
}
