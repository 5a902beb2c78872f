package chart

import (
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/roadbed-dev/roadbed/internal/app"
	"github.com/roadbed-dev/roadbed/internal/app/capabilities"
	"github.com/roadbed-dev/roadbed/internal/app/gateways"
)

// variant is a choice of feature gates that the chart's values can make.
type variant struct {
	// prefix begins the names of the files with what the variant alone adds.
	prefix string
	gates  []string
}

// variants are all choices, each after those that it consists of.
func variants() []variant {
	return []variant{
		{"", nil},
		{"gateway-", []string{gateways.Gate}},
		{"capabilities-", []string{capabilities.Gate}},
		{"api-", []string{gateways.Gate, capabilities.Gate}},
	}
}

// when is a text where a condition holds; an empty one always does.
func when(condition, text string) string {
	if condition == "" {
		return text
	}
	return "{{- if " + condition + " }}\n" + text + "{{- end }}\n"
}

// values are those of feature gates, as arguments.
func values(gates ...string) string {
	var all strings.Builder
	for _, gate := range gates {
		all.WriteString(" .Values.featureGates." + gate)
	}
	return all.String()
}

func (v variant) of(opts app.InstallOptions) app.InstallOptions {
	opts.FeatureGates = map[string]bool{}
	for _, gate := range []string{gateways.Gate, capabilities.Gate} {
		opts.FeatureGates[gate] = slices.Contains(v.gates, gate)
	}
	return opts
}

// What stands for values in objects until they are text.
const (
	publicMark   = "PUBLIC"
	replicasMark = 98
)

// chartMarks puts values in the place of marks.
func chartMarks(text string) string {
	return strings.NewReplacer(
		publicMark, "{{ .Values.gateway.publicAddress | default \""+gateways.Host+"\" }}",
		fmt.Sprintf("replicas: %d\n", replicasMark), "replicas: {{ .Values.gateway.replicas }}\n",
	).Replace(text)
}

// chartGates are the chart's templates: what there always is, what each choice of
// feature gates adds, and the server as each has it.
func chartGates(opts app.InstallOptions) ([]File, error) {
	opts.GatewayPublic, opts.GatewayReplicas = publicMark, replicasMark
	var files []File
	add := func(name, text string) {
		files = append(files, File{Path: "chart/templates/" + name + ".yaml", Data: generated([]byte(text))})
	}
	var servers strings.Builder
	for _, v := range slices.Backward(variants()) {
		server, err := chartServer(v.of(opts))
		if err != nil {
			return nil, err
		}
		servers.WriteString("{{- else if and true" + values(v.gates...) + " }}\n" + chartMarks(string(server)))
	}
	add("server", strings.Replace(servers.String(), "else if", "if", 1)+"{{- end }}\n")
	all := map[string][]stated{}
	for _, v := range variants() {
		var err error
		if all[v.prefix], err = statedIn(app.Parts(v.of(opts))); err != nil {
			return nil, err
		}
	}
	none, gateway, offers := names(all[""]), names(all["gateway-"]), names(all["capabilities-"])
	either := func(s stated) bool { return gateway[s.name] && offers[s.name] }
	for _, each := range []struct {
		prefix, when string
		objects      []stated
		known        func(stated) bool
	}{
		{"", "", all[""], func(stated) bool { return false }},
		{"gated-", "or" + values(gateways.Gate, capabilities.Gate), all["gateway-"], func(s stated) bool { return none[s.name] || !either(s) }},
		{"gateway-", "and" + values(gateways.Gate), all["gateway-"], func(s stated) bool { return none[s.name] || either(s) }},
		{"capabilities-", "and" + values(capabilities.Gate), all["capabilities-"], func(s stated) bool { return none[s.name] || either(s) }},
		{"api-", "and" + values(gateways.Gate, capabilities.Gate), all["api-"], func(s stated) bool { return gateway[s.name] || offers[s.name] }},
	} {
		for _, part := range partsOf(slices.DeleteFunc(slices.Clone(each.objects), each.known)) {
			add(each.prefix+part.name, when(each.when, string(chartText(part.name, part.text))))
		}
	}
	return files, nil
}

// stated is an object as text.
type stated struct {
	part, name string
	text       []byte
}

// statedIn are the objects of parts. The capabilities that ship with Roadbed are not
// among them: their webhook fails closed, and is not there before the server.
func statedIn(parts []app.Part) ([]stated, error) {
	var all []stated
	for _, part := range parts {
		if part.Name == app.CapabilitiesPart {
			continue
		}
		for _, object := range part.Objects {
			text, err := app.Render([]client.Object{object})
			if err != nil {
				return nil, err
			}
			all = append(all, stated{part.Name, fmt.Sprintf("%T %s", object, client.ObjectKeyFromObject(object)), text})
		}
	}
	return all, nil
}

func names(all []stated) map[string]bool {
	found := map[string]bool{}
	for _, each := range all {
		found[each.name] = true
	}
	return found
}

// partsOf joins what belongs to one part, in the order in which parts begin.
func partsOf(all []stated) []stated {
	var joined []stated
	for _, each := range all {
		at := slices.IndexFunc(joined, func(s stated) bool { return s.part == each.part })
		if at < 0 {
			at = len(joined)
			joined = append(joined, stated{part: each.part, name: each.part})
		}
		joined[at].text = append(joined[at].text, each.text...)
	}
	return joined
}
