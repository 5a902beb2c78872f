package rego

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"go.yaml.in/yaml/v3"
)

// Input is one document to be judged.
type Input struct {
	// File is where it came from.
	File string
	// Index counts the documents of a file, from 0.
	Index int
	// Value is the decoded document.
	Value any
}

// Read decodes a file by its extension: .json, .toml and .env, and YAML for
// everything else. An error names the file, and the line where the format's
// reader tells it.
func Read(file string, data []byte) ([]Input, error) {
	var values []any
	var err error
	switch {
	case strings.HasSuffix(file, ".json"):
		values, err = readJSON(data)
	case strings.HasSuffix(file, ".toml"):
		values, err = readTOML(data)
	case filepath.Base(file) == ".env" || strings.HasSuffix(file, ".env"):
		values, err = readDotenv(data)
	default:
		values, err = readYAML(data)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	inputs := make([]Input, len(values))
	for i, value := range values {
		inputs[i] = Input{File: file, Index: i, Value: value}
	}
	return inputs, nil
}

func readJSON(data []byte) ([]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("line %d: not JSON: %w", 1+bytes.Count(data[:syntax.Offset], []byte("\n")), err)
		}
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: there is more after the first value")
	}
	return []any{value}, nil
}

func readYAML(data []byte) ([]any, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var values []any
	for {
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, fmt.Errorf("not YAML: %w", err)
		}
		if value != nil {
			values = append(values, value)
		}
	}
}

func readTOML(data []byte) ([]any, error) {
	var value map[string]any
	if err := toml.Unmarshal(data, &value); err != nil {
		return nil, fmt.Errorf("not TOML: %w", err)
	}
	return []any{value}, nil
}

// readDotenv reads lines of NAME=value; quotes around a value are dropped.
func readDotenv(data []byte) ([]any, error) {
	values := map[string]any{}
	lines := bufio.NewScanner(bytes.NewReader(data))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines.Text()), "export "))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("line %d: want NAME=value", number)
		}
		values[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"'`)
	}
	return []any{values}, lines.Err()
}
