package reportapi_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// etcdFiles are the contents of etcd's files; at least one.
func etcdFiles(t *testing.T, dataDir string) [][]byte {
	t.Helper()
	var files [][]byte
	check(t, filepath.WalkDir(filepath.Join(dataDir, "etcd"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files = append(files, content)
		return err
	}))
	if len(files) == 0 {
		t.Fatal("etcd has no files: the test looks in the wrong place")
	}
	return files
}
