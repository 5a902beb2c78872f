package library

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/go-containerregistry/pkg/name"
)

// imageType is an image's reference.
var imageType = cel.ObjectType("roadbed.Image")

// images are the functions of image references.
func images() []cel.EnvOption {
	options := global([]string{"image", "parseImageReference"}, overload{
		takes: []*cel.Type{textType}, gives: imageType, pure: func(args []ref.Val) (any, error) { return parseImage(text(args[0])) },
	})
	options = append(options, global([]string{"isImage"}, overload{
		takes: []*cel.Type{textType}, gives: cel.BoolType, pure: func(args []ref.Val) (any, error) {
			_, err := parseImage(text(args[0]))
			return err == nil, nil
		},
	})...)
	for named, part := range map[string]func(Image) any{
		"registry":                func(i Image) any { return i.Context().RegistryStr() },
		"repository":              func(i Image) any { return i.Context().RepositoryStr() },
		"tag":                     func(i Image) any { return i.tag() },
		"digest":                  func(i Image) any { return i.digest() },
		"identifier":              func(i Image) any { return i.Identifier() },
		"identifierWithSeparator": func(i Image) any { return i.suffix() },
		"containsDigest":          func(i Image) any { return i.digest() != "" },
	} {
		gives := textType
		if named == "containsDigest" {
			gives = cel.BoolType
		}
		options = append(options, cel.Function(named, cel.MemberOverload("roadbed_image_"+named, []*cel.Type{imageType}, gives,
			cel.UnaryBinding(func(arg ref.Val) ref.Val {
				image, ok := arg.(Image)
				if !ok {
					return types.MaybeNoSuchOverloadErr(arg)
				}
				return value(part(image), nil)
			}))))
	}
	return options
}

// Image is an image's reference as a CEL value.
type Image struct{ name.Reference }

var _ ref.Val = Image{}

// parseImage understands what a container runtime does: no registry means
// Docker's, no tag means latest.
func parseImage(reference string) (Image, error) {
	parsed, err := name.ParseReference(reference)
	if err != nil {
		return Image{}, err
	}
	return Image{parsed}, nil
}

// tag is empty for a reference by digest.
func (i Image) tag() string {
	if tag, ok := i.Reference.(name.Tag); ok {
		return tag.TagStr()
	}
	return ""
}

func (i Image) digest() string {
	if digest, ok := i.Reference.(name.Digest); ok {
		return digest.DigestStr()
	}
	return ""
}

// suffix is tag and digest as they are written, with their separators.
func (i Image) suffix() string {
	if rest, ok := strings.CutPrefix(i.Reference.String(), i.Context().String()); ok && rest != "" {
		return rest
	}
	if i.Identifier() != "" {
		return ":" + i.Identifier()
	}
	return ""
}

// ConvertToNative gives the reference as text.
func (i Image) ConvertToNative(to reflect.Type) (any, error) {
	if to.Kind() == reflect.String {
		return i.Reference.String(), nil
	}
	return nil, fmt.Errorf("an image cannot become %v", to)
}

// ConvertToType converts to text.
func (i Image) ConvertToType(to ref.Type) ref.Val {
	switch to.TypeName() {
	case imageType.TypeName():
		return i
	case types.StringType.TypeName():
		return types.String(i.Reference.String())
	case types.TypeType.TypeName():
		return imageType
	}
	return types.NewErr("an image cannot become %s", to.TypeName())
}

// Equal compares references.
func (i Image) Equal(other ref.Val) ref.Val {
	same, ok := other.(Image)
	return types.Bool(ok && same.Reference.Name() == i.Reference.Name())
}

// Type returns the image type.
func (Image) Type() ref.Type { return imageType }

// Value returns the reference.
func (i Image) Value() any { return i.Reference }
