// Package mutate changes objects as the mutate rules of kyverno.io/v1 ask for:
// by an overlay that is laid over the object, or by a JSON Patch.
//
// An overlay has the object's shape. Lists of objects are merged by the key that
// Kubernetes merges them by, and by name in kinds it does not know; null removes
// a key; $patch says delete or replace. Keys may be anchors: (key) and <(key) are
// conditions, +(key) is set only where it is absent.
//
// What an element of a list says about a condition or an absent key, it says
// about each element of the object's list by itself. Kyverno up to 1.19 decides
// that once for all elements; Differences tells where the two part.
//
// Everything here is pure: objects and overlays that are given are never
// changed, and no input makes it panic.
package mutate
