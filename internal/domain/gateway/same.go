package gateway

import "reflect"

// Same says whether two maps of Configs are the very same one. A Config has the map of
// the one before where nothing of it changed, so that whoever serves by it has nothing
// to do; that two maps are not the same says nothing.
func Same[K comparable, V any](a, b map[K]V) bool {
	return len(a) == len(b) && reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}
