// Package reports joins the API of policy reports to the program: it opens the
// history that reports are made of, serves them to the API server of this
// machine, and renders the workload that serves them in a cluster.
//
// docs/adr/0012 says why it is served where, and what holds while it is not.
package reports
