package suite

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/roadbed-dev/roadbed/internal/domain/policy/exception"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/load"
	"github.com/roadbed-dev/roadbed/internal/domain/policy/scenario"
	"github.com/roadbed-dev/roadbed/internal/kernel/yamldoc"
)

// load reads everything that the test names.
func (b *bench) load() error {
	resources, err := b.readObjects(b.test.Resources)
	if err != nil {
		return err
	}
	around, err := b.loadAround()
	if err != nil {
		return err
	}
	b.objects = resources
	b.place(around)
	if err := b.loadOld(); err != nil {
		return err
	}
	if err := b.loadRequest(); err != nil {
		return err
	}
	return b.loadPolicies()
}

// loadAround reads the objects that policies may look up.
func (b *bench) loadAround() ([]scenario.Object, error) {
	around, err := b.readObjects(slices.Concat(b.test.TargetResources, b.test.ParamResources))
	if err != nil {
		return nil, err
	}
	for _, name := range b.test.ClusterResources {
		more, err := b.readCluster(name)
		if err != nil {
			return nil, err
		}
		around = append(around, more...)
	}
	var answers []scenario.HTTPAnswer
	for _, each := range b.test.APICallResponses {
		answers = append(answers, each.answer())
	}
	b.world.HTTP = scenario.NewHTTP(answers)
	if b.scene.Global, err = b.globals(); err != nil {
		return nil, err
	}
	if b.test.Context == "" {
		return around, nil
	}
	data, file, err := b.read(b.test.Context)
	if err != nil {
		return nil, err
	}
	given, mistakes := scenario.ParseContext(file, data)
	b.mistakes(mistakes)
	for _, fields := range given.Resources {
		around = append(around, scenario.Of(fields))
	}
	b.world.Images = scenario.NewImages(given.Images)
	b.scene.Global = append(b.scene.Global, given.GlobalContext...)
	b.world.HTTP = scenario.NewHTTP(append(answers, given.HTTP...))
	return around, nil
}

// byPath are the answers of the API server to requests by path.
func (b *bench) byPath() []scenario.HTTPAnswer {
	var answers []scenario.HTTPAnswer
	for _, each := range b.test.APICallResponses {
		if each.URL == "" {
			answers = append(answers, each.answer())
		}
	}
	return answers
}

// loadOld reads the objects as they were before updates.
func (b *bench) loadOld() error {
	old, err := b.readObjects(b.test.OldResources)
	if err != nil {
		return err
	}
	b.scene.Old = map[string]map[string]any{}
	for _, object := range old {
		b.scene.Kinds.Complete(object)
		b.scene.Old[object.String()] = object.Fields
	}
	return nil
}

// place makes the world of the objects.
func (b *bench) place(around []scenario.Object) {
	all := scenario.FieldsOf(append(slices.Clone(b.objects), around...))
	b.scene.Kinds = scenario.NewKinds(all)
	for _, object := range slices.Concat(b.objects, around) {
		b.scene.Kinds.Complete(object)
	}
	b.scene.Around = all
	b.world.Now = b.runner.Now
	b.world.Lookup = scenario.NewLookup(b.scene.Kinds, all, b.scene.Global).Answering(b.byPath())
	if b.world.Images == nil || b.runner.Images != nil {
		b.world.Images = b.runner.Images
	}
	if b.world.Images == nil {
		b.world.Images = scenario.NewImages(nil)
	}
	b.runner.Options.Engine.Params = all
	b.runner.Options.Engine.Unbound = true
}

// loadRequest reads values and who asks.
func (b *bench) loadRequest() error {
	if b.test.Variables != "" {
		data, file, err := b.read(b.test.Variables)
		if err != nil {
			return err
		}
		values, mistakes := scenario.ParseValues(file, data)
		b.mistakes(mistakes)
		b.scene.Values = values
	}
	if b.test.Values != nil {
		b.scene.Values = *b.test.Values
	}
	if b.test.UserInfo == "" {
		return nil
	}
	data, file, err := b.read(b.test.UserInfo)
	if err != nil {
		return err
	}
	user, mistakes := scenario.ParseUserInfo(file, data)
	b.mistakes(mistakes)
	b.scene.User = user
	return nil
}

// loadPolicies reads and compiles policies and exceptions.
func (b *bench) loadPolicies() error {
	documents, err := b.readPolicies(b.test.Policies)
	if err != nil {
		return err
	}
	exceptions, err := b.readPolicies(b.test.Exceptions)
	if err != nil {
		return err
	}
	exceptions = append(exception.Among(exceptions), exception.Among(documents)...)
	b.unscored = unscored(documents)
	options := b.runner.Options
	options.Allowances = exception.Allowing(exceptions, b.runner.Now, load.Standard(options))
	evaluators, problems := load.Compile(documents, load.Standard(options))
	b.policies, b.problems = evaluators, append(b.problems, problems...)
	b.exempt, problems = exception.Compile(exceptions, exception.WorldOf(evaluators, b.scene.Namespaces(), b.runner.Now), load.Standard(options))
	b.problems = append(b.problems, problems...)
	return b.loadTargets(documents)
}

func (b *bench) readPolicies(names []string) ([]load.Document, error) {
	var documents []load.Document
	for _, name := range names {
		files, err := b.expand(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := fs.ReadFile(b.runner.Tree, file)
			if err != nil {
				return nil, err
			}
			read, problems := load.Parse(file, data)
			documents = append(documents, read...)
			b.problems = append(b.problems, slices.DeleteFunc(problems, func(p load.Problem) bool { return p.Foreign })...)
		}
	}
	return documents, nil
}

func (b *bench) readObjects(names []string) ([]scenario.Object, error) {
	var objects []scenario.Object
	for _, name := range names {
		files, err := b.expand(name)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			data, err := fs.ReadFile(b.runner.Tree, file)
			if err != nil {
				return nil, err
			}
			read, mistakes := scenario.ParseObjects(file, data)
			b.mistakes(mistakes)
			objects = append(objects, read...)
		}
	}
	return objects, nil
}

// readCluster reads a ClusterResource: objects, and files of CRDs.
func (b *bench) readCluster(name string) ([]scenario.Object, error) {
	data, file, err := b.read(name)
	if err != nil {
		return nil, err
	}
	given, mistakes := scenario.ParseClusterResource(file, data)
	b.mistakes(mistakes)
	objects, err := b.readObjects(given.CRDs)
	for _, fields := range given.Resources {
		objects = append(objects, scenario.Of(fields))
	}
	return objects, err
}

// expand is a file, or the YAML and JSON files of a folder.
func (b *bench) expand(name string) ([]string, error) {
	file, err := b.resolve(name)
	if err != nil {
		return nil, err
	}
	info, err := fs.Stat(b.runner.Tree, file)
	if err != nil || !info.IsDir() {
		return []string{file}, err
	}
	var files []string
	err = fs.WalkDir(b.runner.Tree, file, func(name string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, path.Ext(name)) {
			files = append(files, name)
		}
		return err
	})
	return files, err
}

func (b *bench) read(name string) (data []byte, file string, err error) {
	if file, err = b.resolve(name); err != nil {
		return nil, "", err
	}
	data, err = fs.ReadFile(b.runner.Tree, file)
	return data, file, err
}

// resolve is the path of a file that the test names.
func (b *bench) resolve(name string) (string, error) {
	if strings.Contains(name, "://") {
		return "", fmt.Errorf("%s: files are not fetched; give a path", name)
	}
	file := path.Join(b.dir, name)
	if !fs.ValidPath(file) {
		return "", fmt.Errorf("%s: %w", name, errOutside)
	}
	return file, nil
}

func (b *bench) mistakes(found []yamldoc.Mistake) {
	for _, m := range found {
		b.problems = append(b.problems, load.Problem{File: m.File, Line: m.Line, Field: m.Field, Message: m.Message})
	}
}
