package jmespath

// kind of a token.
type kind int

const (
	end kind = iota
	identifier
	quotedIdentifier
	number
	literal
	rawString
	dot
	star
	flatten
	filter
	leftBracket
	rightBracket
	leftBrace
	rightBrace
	leftParen
	rightParen
	comma
	colon
	current
	ampersand
	and
	or
	pipe
	not
	equal
	notEqual
	less
	lessOrEqual
	greater
	greaterOrEqual
)

// spelling of tokens that are always written the same, for messages.
func (k kind) String() string {
	switch k {
	case end:
		return "the end of the expression"
	case identifier, quotedIdentifier:
		return "a name"
	case number:
		return "a number"
	case literal:
		return "a literal in backticks"
	case rawString:
		return "a string in single quotes"
	default:
		return "'" + punctuation[k] + "'"
	}
}

var punctuation = map[kind]string{
	dot: ".", star: "*", flatten: "[]", filter: "[?", leftBracket: "[", rightBracket: "]",
	leftBrace: "{", rightBrace: "}", leftParen: "(", rightParen: ")", comma: ",", colon: ":",
	current: "@", ampersand: "&", and: "&&", or: "||", pipe: "|", not: "!",
	equal: "==", notEqual: "!=", less: "<", lessOrEqual: "<=", greater: ">", greaterOrEqual: ">=",
}

// power is how strongly a token binds what stands before it. Zero ends an
// expression. The order is that of the reference implementations, which is why
// "!a.b" is "(!a).b".
func (k kind) power() int {
	switch k {
	case pipe:
		return 1
	case or:
		return 2
	case and:
		return 3
	case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual:
		return 5
	case flatten:
		return 9
	case star:
		return 20
	case filter:
		return 21
	case dot:
		return 40
	case not:
		return 45
	case leftBrace:
		return 50
	case leftBracket:
		return 55
	case leftParen:
		return 60
	default:
		return 0
	}
}

// projectionStop is the power below which a token ends a projection.
const projectionStop = 10

// token is one word of an expression.
type token struct {
	kind kind
	// text is the name, the digits or the string, without quotes and escapes.
	text string
	// value of a literal.
	value any
	// offset in bytes of where the token begins.
	offset int
}
