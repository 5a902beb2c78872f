package library

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/jmespath"
)

// maxDecompressed bounds what gzip.decompress gives.
const maxDecompressed = 10 << 20

// pures are the functions that need nothing but their arguments.
func pures() []cel.EnvOption {
	s, d := textType, cel.DynType
	one := func(kind *cel.Type) []*cel.Type { return []*cel.Type{kind} }
	options := []cel.EnvOption{
		cel.Variable("json", jsonType), cel.Variable("yaml", yamlType), cel.Variable(exceptionsName, cel.MapType(cel.StringType, textsType)),
	}
	options = append(options, member(jsonType, []string{"unmarshal"}, overload{takes: one(d), gives: d, pure: unmarshal})...)
	options = append(options, member(jsonType, []string{"marshal"}, overload{takes: one(d), gives: s, pure: marshal})...)
	options = append(options, member(yamlType, []string{"parse"}, overload{takes: one(s), gives: d, pure: parseYAML})...)
	options = append(options, global([]string{"parseServiceAccount", "user.parseServiceAccount"},
		overload{takes: one(s), gives: labelsType, pure: parseServiceAccount})...)
	options = append(options, global([]string{"md5", "hash.md5"}, overload{takes: one(s), gives: s, pure: hashed(func(b []byte) []byte { h := md5.Sum(b); return h[:] })})...)
	options = append(options, global([]string{"sha1", "hash.sha1"}, overload{takes: one(s), gives: s, pure: hashed(func(b []byte) []byte { h := sha1.Sum(b); return h[:] })})...)
	options = append(options, global([]string{"sha256", "hash.sha256"}, overload{takes: one(s), gives: s, pure: hashed(func(b []byte) []byte { h := sha256.Sum256(b); return h[:] })})...)
	options = append(options, global([]string{"math.round"}, overload{takes: []*cel.Type{cel.DoubleType, cel.IntType}, gives: cel.DoubleType, pure: round})...)
	options = append(options, global([]string{"time.toCron"}, overload{takes: one(cel.TimestampType), gives: s, pure: toCron})...)
	options = append(options, global([]string{"time.truncate"}, overload{takes: []*cel.Type{cel.TimestampType, cel.DurationType}, gives: cel.TimestampType, pure: truncate})...)
	options = append(options, global([]string{"gzip.compress"}, overload{takes: one(d), gives: cel.BytesType, pure: compress})...)
	options = append(options, global([]string{"gzip.decompress"}, overload{takes: one(cel.BytesType), gives: s, pure: decompress})...)
	options = append(options, global([]string{"x509.decode"}, overload{takes: one(s), gives: d, pure: decodeX509})...)
	options = append(options, global([]string{"jmespath"}, overload{takes: []*cel.Type{s, d}, gives: d, pure: search})...)
	return append(options, global([]string{"listObjToMap", "transform.listObjToMap"},
		overload{takes: []*cel.Type{cel.ListType(d), cel.ListType(d), s, s}, gives: objectType, pure: listToMap})...)
}

func unmarshal(args []ref.Val) (any, error) {
	source, ok := args[0].Value().(string)
	if !ok {
		return nil, fmt.Errorf("json.unmarshal takes a string, not a %s", args[0].Type().TypeName())
	}
	var decoded any
	if err := json.Unmarshal([]byte(source), &decoded); err != nil {
		return nil, err
	}
	return decoded, nil
}

func marshal(args []ref.Val) (any, error) {
	plain, err := Plain(args[0])
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(plain)
	return string(encoded), err
}

func parseYAML(args []ref.Val) (any, error) {
	encoded, err := yaml.YAMLToJSON([]byte(text(args[0])))
	if err != nil {
		return nil, err
	}
	var decoded any
	err = json.Unmarshal(encoded, &decoded)
	return decoded, err
}

// parseServiceAccount splits a service account's user name; both parts are empty
// for any other user.
func parseServiceAccount(args []ref.Val) (any, error) {
	account := map[string]string{"Namespace": "", "Name": ""}
	if full, ok := strings.CutPrefix(text(args[0]), "system:serviceaccount:"); ok {
		if namespace, name, ok := strings.Cut(full, ":"); ok {
			account["Namespace"], account["Name"] = namespace, name
		}
	}
	return account, nil
}

func hashed(sum func([]byte) []byte) func([]ref.Val) (any, error) {
	return func(args []ref.Val) (any, error) { return hex.EncodeToString(sum([]byte(text(args[0])))), nil }
}

func round(args []ref.Val) (any, error) {
	number, _ := args[0].Value().(float64)
	digits, _ := args[1].Value().(int64)
	scale := math.Pow(10, float64(digits))
	return math.Round(number*scale) / scale, nil
}

// toCron is the schedule of a moment: minute, hour, day, month and weekday.
func toCron(args []ref.Val) (any, error) {
	at, _ := args[0].Value().(time.Time)
	return fmt.Sprintf("%d %d %d %d %d", at.Minute(), at.Hour(), at.Day(), at.Month(), at.Weekday()), nil
}

func truncate(args []ref.Val) (any, error) {
	at, _ := args[0].Value().(time.Time)
	step, _ := args[1].Value().(time.Duration)
	return at.Truncate(step), nil
}

// compress is deterministic: the header names no time.
func compress(args []ref.Val) (any, error) {
	var content []byte
	switch held := args[0].Value().(type) {
	case string:
		content = []byte(held)
	case []byte:
		content = held
	default:
		return nil, fmt.Errorf("gzip.compress takes a string or bytes, not a %s", args[0].Type().TypeName())
	}
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	err := writer.Close()
	return packed.Bytes(), err
}

func decompress(args []ref.Val) (any, error) {
	packed, _ := args[0].Value().([]byte)
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(reader, maxDecompressed+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxDecompressed {
		return nil, fmt.Errorf("gzip.decompress gives more than %d bytes", maxDecompressed)
	}
	return string(content), nil
}

// search is jmespath(query, data), with Kyverno's functions and its rule that an
// unknown key is an error.
func search(args []ref.Val) (any, error) {
	data, err := Plain(args[1])
	if err != nil {
		return nil, err
	}
	query, err := jmespath.Compile(text(args[0]))
	if err != nil {
		return nil, err
	}
	return query.Search(data)
}

// listToMap is listObjToMap(keys, values, keyField, valueField): the fields of
// two lists of objects, joined by position.
func listToMap(args []ref.Val) (any, error) {
	keys, err := Plain(args[0])
	if err != nil {
		return nil, err
	}
	values, err := Plain(args[1])
	if err != nil {
		return nil, err
	}
	left, right := keys.([]any), values.([]any)
	if len(left) != len(right) {
		return nil, fmt.Errorf("listObjToMap takes lists of one length, not %d and %d", len(left), len(right))
	}
	joined := map[string]any{}
	for i := range left {
		key, keyOK := left[i].(map[string]any)
		held, heldOK := right[i].(map[string]any)
		name, nameOK := key[text(args[2])].(string)
		if !keyOK || !heldOK || !nameOK {
			return nil, errors.New("listObjToMap takes lists of objects, the first with a string in the key's field")
		}
		joined[name] = held[text(args[3])]
	}
	return joined, nil
}
