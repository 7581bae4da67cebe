// Package lint checks the rules that keep this module's rooms apart: which
// package may import which, where unsafe and other sharp tools may stand, how
// long a file may be. The rules run as tests over the module itself.
//
// Each rule is a function over a Module and reports findings. A rule that has
// exceptions lists them with a reason, and an exception that no longer
// excepts anything is a finding too. Files are parsed whatever their build
// tags say, so the rules hold for every target at once.
package lint
