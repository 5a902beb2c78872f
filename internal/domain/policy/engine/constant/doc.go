// Package constant finds expressions that say the same of every object: 1 == 1,
// true || x, 'a' in ['a'], all(c, true), x != 1 || x != 2.
//
// An expression is evaluated by the API server's libraries with everything that
// comes with a request unknown; what is known nevertheless is constant. What two
// parts make certain together, CEL does not see, so a few shapes are looked for.
// Nothing is called constant that is not, except that an expression that is
// always true or false where it gives an answer may fail for some objects.
//
// It is for those who explain policies, not for those who decide by them.
package constant
