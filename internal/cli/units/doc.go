// Package units has the verbs of business units and of tiers.
package units
