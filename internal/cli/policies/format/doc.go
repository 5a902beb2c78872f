// Package format writes what policies said in forms that other programs read:
// SARIF 2.1.0 for code scanning, JUnit XML for build servers, a report of
// openreports.io for Kubernetes, and JSON. What it writes is the same for the
// same findings: sorted as given, and without the time.
package format
