package imageref_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/imageref"
)

const digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, reference string
		want            imageref.Image
		full            string
	}{
		{"a bare name", "nginx", imageref.Image{Registry: "docker.io", Path: "nginx", Name: "nginx", Tag: "latest"}, "docker.io/nginx:latest"},
		{"a path without a host", "team/shop/api:1.2", imageref.Image{Registry: "docker.io", Path: "team/shop/api", Name: "api", Tag: "1.2"}, "docker.io/team/shop/api:1.2"},
		{"a host", "ghcr.io/team/api:v1", imageref.Image{Registry: "ghcr.io", Path: "team/api", Name: "api", Tag: "v1"}, "ghcr.io/team/api:v1"},
		{"a port", "localhost:5000/api", imageref.Image{Registry: "localhost:5000", Path: "api", Name: "api", Tag: "latest"}, "localhost:5000/api:latest"},
		{"localhost needs no dot", "localhost/api", imageref.Image{Registry: "localhost", Path: "api", Name: "api", Tag: "latest"}, "localhost/api:latest"},
		{"a digest has no tag", "api@" + digest, imageref.Image{Registry: "docker.io", Path: "api", Name: "api", Digest: digest}, "docker.io/api@" + digest},
		{"tag and digest", "api:1@" + digest, imageref.Image{Registry: "docker.io", Path: "api", Name: "api", Tag: "1", Digest: digest}, "docker.io/api@" + digest},
		{"an address of six", "[::1]:5000/api", imageref.Image{Registry: "[::1]:5000", Path: "api", Name: "api", Tag: "latest"}, "[::1]:5000/api:latest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := imageref.Parse(tt.reference, "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if got.String() != tt.full {
				t.Errorf("String() = %q, want %q", got, tt.full)
			}
		})
	}
}

func TestParseNamesTheMalformedPart(t *testing.T) {
	t.Parallel()
	for reference, part := range map[string]string{
		"":                       "repository",
		"Nginx":                  "repository",
		"a//b":                   "repository",
		"nginx:":                 "tag",
		"nginx:-x":               "tag",
		"nginx:a:b":              "tag",
		"nginx@sha256:12":        "digest",
		"nginx@":                 "digest",
		"exa_mple.com:80/nginx":  "registry",
		"a b":                    "repository",
		strings.Repeat("a", 2e3): "at most",
	} {
		if _, err := imageref.Parse(reference, ""); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("Parse(%.40q): error %v, want one that names the %s", reference, err, part)
		}
	}
}

func TestAnotherDefaultRegistry(t *testing.T) {
	t.Parallel()
	got, err := imageref.Parse("team/api", "registry.corp.example")
	if err != nil || got.String() != "registry.corp.example/team/api:latest" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestObjectLeavesOutWhatIsEmpty(t *testing.T) {
	t.Parallel()
	image, err := imageref.Parse("ghcr.io/team/api@"+digest, "")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"registry": "ghcr.io", "path": "team/api", "name": "api", "digest": digest,
		"reference": "ghcr.io/team/api@" + digest, "referenceWithTag": "ghcr.io/team/api:",
	}
	if diff := cmp.Diff(want, image.Object()); diff != "" {
		t.Error(diff)
	}
}

// FuzzParse: what parses once parses again from its full form, to the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"nginx", "ghcr.io/a/b:c", "localhost:5000/a@" + digest, "a:b@" + digest, "[::1]:5000/api", ":", "@", "/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, reference string) {
		image, err := imageref.Parse(reference, "")
		if err != nil {
			return
		}
		again, err := imageref.Parse(image.String(), "")
		if err != nil {
			t.Fatalf("%q gives %q, which does not parse: %v", reference, image, err)
		}
		if again.String() != image.String() {
			t.Errorf("%q gives %q, then %q", reference, image, again)
		}
	})
}
