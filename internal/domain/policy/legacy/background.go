package legacy

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	kyvernov1 "github.com/roadbed-dev/roadbed/api/kyverno/v1"
)

// ofUser finds variables that depend on who asks, inside of {{ }}. A field of an
// object by such a name, behind a dot, is none.
var ofUser = regexp.MustCompile(`\{\{(?:[^{}]*[^.\w{}])?(serviceAccountName|serviceAccountNamespace|request\.userInfo|request\.roles|request\.clusterRoles)\b`)

// checkBackground refuses rules that depend on who asks in a policy that scans
// evaluate: there, nobody asks.
func (c *compiler) checkBackground() {
	if !enabled(c.source.Spec.Background) {
		return
	}
	for i := range c.source.Spec.Rules {
		source := &c.source.Spec.Rules[i]
		c.begin(source.Name, i)
		if field := userField(source); field != "" {
			c.Wrong(field, "depends on who asks, which scans do not know; set spec.background to false")
		}
		raw, err := json.Marshal(source)
		var tree any
		if err == nil && json.Unmarshal(raw, &tree) == nil {
			c.checkVariables(tree, "")
		}
	}
}

// userField is a field of match or exclude that names who asks, or "".
func userField(rule *kyvernov1.Rule) string {
	if field := userFieldOf("match", &rule.Match); field != "" || rule.Exclude == nil {
		return field
	}
	return userFieldOf("exclude", rule.Exclude)
}

func userFieldOf(path string, block *kyvernov1.MatchResources) string {
	if field := userInfoField(block.UserInfo); field != "" {
		return path + "." + field
	}
	for name, filters := range map[string][]kyvernov1.ResourceFilter{"any": block.Any, "all": block.All} {
		for i, filter := range filters {
			if field := userInfoField(filter.UserInfo); field != "" {
				return fmt.Sprintf("%s.%s[%d].%s", path, name, i, field)
			}
		}
	}
	return ""
}

func userInfoField(user kyvernov1.UserInfo) string {
	switch {
	case len(user.Roles) > 0:
		return "roles"
	case len(user.ClusterRoles) > 0:
		return "clusterRoles"
	case len(user.Subjects) > 0:
		return "subjects"
	default:
		return ""
	}
}

// checkVariables looks through all texts of a rule.
func (c *compiler) checkVariables(tree any, path string) {
	switch node := tree.(type) {
	case string:
		if found := ofUser.FindStringSubmatch(node); found != nil {
			c.Wrong(path, "the variable %s is not known to scans; set spec.background to false", found[1])
		}
	case []any:
		for i, element := range node {
			c.checkVariables(element, path+"["+strconv.Itoa(i)+"]")
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(node)) {
			below := key
			if path != "" {
				below = path + "." + key
			}
			c.checkVariables(node[key], below)
		}
	}
}
