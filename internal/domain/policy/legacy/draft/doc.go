// Package draft is what compiling the parts of a kyverno.io/v1 policy has in
// common: noting what is wrong by field, and parsing trees and expressions with
// variables in them.
package draft
