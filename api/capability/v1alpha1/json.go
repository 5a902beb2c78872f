package v1alpha1

import (
	"bytes"

	utiljson "k8s.io/apimachinery/pkg/util/json"
)

// JSON is any JSON value, kept as it was written.
type JSON struct {
	// Raw is the value's text; empty stands for null.
	Raw []byte `json:"-"`
}

// MarshalJSON returns the text.
func (j JSON) MarshalJSON() ([]byte, error) {
	if len(j.Raw) == 0 {
		return []byte("null"), nil
	}
	return j.Raw, nil
}

// UnmarshalJSON keeps the text.
func (j *JSON) UnmarshalJSON(data []byte) error {
	if !bytes.Equal(data, []byte("null")) {
		j.Raw = bytes.Clone(data)
	}
	return nil
}

// Value decodes the text into maps, slices, strings, booleans, int64, float64
// and nil. A missing value is nil. Each call returns a copy of its own.
func (j *JSON) Value() (any, error) {
	if j == nil || len(j.Raw) == 0 {
		return nil, nil
	}
	var value any
	if err := utiljson.Unmarshal(j.Raw, &value); err != nil {
		return nil, err
	}
	return value, nil
}
