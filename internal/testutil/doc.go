// Package testutil holds what the tests of several packages share: asking for
// a tool that a machine may lack, and finding file descriptors and mappings left behind.
//
// Only tests import it.
package testutil
