// Package testutil holds what the tests of several packages share: asking for
// a tool that a machine may lack, and finding file descriptors left open.
//
// Only tests import it.
package testutil
