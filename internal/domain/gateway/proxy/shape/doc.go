// Package shape changes requests and answers as the filters of Gateway API say:
// header modifiers, path rewrites, redirects and cross-origin policies; and as the life
// cycle of an API asks for.
//
// All of it is pure: values in, values out. What does not depend on the request
// is prepared once by the New functions, so that applying it is cheap.
package shape
