// Package reports has the verb that shows what policies say of what exists.
package reports
