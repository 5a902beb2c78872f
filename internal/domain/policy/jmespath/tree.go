package jmespath

// Part tells what a Tree is.
type Part string

// The parts of a query. What each of them keeps where is said with it.
const (
	// PartConstant has its Value.
	PartConstant Part = "a literal"
	// PartIdentity is "@".
	PartIdentity Part = "@"
	// PartField has its Name; its Value tells whether that is in double quotes.
	PartField Part = "a name"
	// PartIndex has its position, an int, as its Value.
	PartIndex Part = "an index"
	// PartSlice is "[start:stop:step]".
	PartSlice Part = "a slice"
	// PartSub is "left.right".
	PartSub Part = "a path"
	// PartProjection applies the right side to each element of the left one.
	PartProjection Part = "a projection"
	// PartValues applies the right side to each value of an object.
	PartValues Part = "a projection of values (*)"
	// PartFilter has the list, what is done with its elements, and the condition.
	PartFilter Part = "a filter ([?])"
	// PartFlattening has the list.
	PartFlattening Part = "a flattening ([])"
	// PartList has its elements.
	PartList Part = "a list of expressions"
	// PartHash is "{a: x}".
	PartHash Part = "an object of expressions"
	// PartPipe is "left | right".
	PartPipe Part = "a pipe"
	// PartCall has the function's Name and its arguments.
	PartCall Part = "a function"
	// PartReference is "&expression".
	PartReference Part = "a reference (&)"
	// PartOr, PartAnd and PartNot have their operands.
	PartOr  Part = "||"
	PartAnd Part = "&&"
	PartNot Part = "!"
	// PartComparison has the operator as its Name, and both sides.
	PartComparison Part = "a comparison"
)

// Tree is a part of a query, for who says it in another language.
type Tree struct {
	Part  Part
	Name  string
	Value any
	Parts []Tree
}

// Tree is the query as a tree. It is a copy.
func (q *Query) Tree() Tree { return treeOf(q.root) }

func treeOf(n node) Tree {
	switch n := n.(type) {
	case constant:
		return Tree{Part: PartConstant, Value: n.value}
	case field:
		return Tree{Part: PartField, Name: n.name, Value: n.quoted}
	case index:
		return Tree{Part: PartIndex, Value: n.position}
	case slice:
		return Tree{Part: PartSlice}
	case multiSelectHash:
		return Tree{Part: PartHash}
	case reference:
		return Tree{Part: PartReference}
	case call:
		return Tree{Part: PartCall, Name: n.function.Name, Parts: trees(n.arguments...)}
	case comparison:
		return Tree{Part: PartComparison, Name: punctuation[n.operator], Parts: trees(n.left, n.right)}
	case negation:
		return Tree{Part: PartNot, Parts: trees(n.operand)}
	case multiSelectList:
		return Tree{Part: PartList, Parts: trees(n.elements...)}
	}
	return treeOfTwo(n)
}

func treeOfTwo(n node) Tree {
	switch n := n.(type) {
	case subexpression:
		return Tree{Part: PartSub, Parts: trees(n.left, n.right)}
	case piped:
		return Tree{Part: PartPipe, Parts: trees(n.left, n.right)}
	case projection:
		return Tree{Part: PartProjection, Parts: trees(n.left, n.right)}
	case valueProjection:
		return Tree{Part: PartValues, Parts: trees(n.left, n.right)}
	case filterProjection:
		return Tree{Part: PartFilter, Parts: trees(n.left, n.right, n.condition)}
	case flattening:
		return Tree{Part: PartFlattening, Parts: trees(n.left)}
	case disjunction:
		return Tree{Part: PartOr, Parts: trees(n.left, n.right)}
	case conjunction:
		return Tree{Part: PartAnd, Parts: trees(n.left, n.right)}
	}
	return Tree{Part: PartIdentity}
}

func trees(nodes ...node) []Tree {
	made := make([]Tree, len(nodes))
	for i, n := range nodes {
		made[i] = treeOf(n)
	}
	return made
}
