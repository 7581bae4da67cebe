// Package vet holds analyzers that find misuse of pooled buffers and of memory that 32-bit machines and C share.
//
// They follow every reference (pool.Buf, pool.View, pool.Ref, pool.HeapRef and the generated aliases) along the paths of each function, through
// errors, loops, closures and deferred calls. What a function does to a reference that it is passed, and whether the caller owes a release
// for one that it returns, is found out from its body and known to importing packages as a fact. They rather miss a fault than report what is
// none: a reference that reaches an interface, a goroutine, a struct or an unknown function counts as given away.
//
//	PG1001  unreleased    not released on some path
//	PG1002  afterrelease  used after its release
//	PG1003  twice         released twice on one path
//	PG1004  kept          stored or sent, while the function releases it itself
//	PG1005  pastrelease   a slice or pointer used or returned past the release
//	PG1006  atomic32      64-bit atomic on a field that is misaligned on arm and 386
//	PG1007  copies        a pool, or a pooled value with atomics, copied; one reference sent to several channels
//	PG1008  padding       field order wastes bytes of every block
//
// Codes explains each at length, as poolgen explain does. A finding that is meant is excepted with a reason, on its line or the line above:
//
//	//lint:ignore PG1003 this test wants the panic
//
// # Ways to run them
//
// By themselves, with the flags -fix, -json and -tags:
//
//	poolgen vet ./...
//
// By the go command, which caches results:
//
//	go vet -vettool=$(which poolgen) ./...
//
// In golangci-lint, as a module plugin: see package github.com/poolgen/poolgen/cmd/poolgen/vet/golangci.
//
// In another driver of golang.org/x/tools/go/analysis, such as multichecker: pass it Analyzers.
//
// # In an editor
//
// gopls runs the analyzers that are compiled into it, and none from outside: there is no setting and no plugin for others (proposal
// golang.org/issue/59869 would change that). So the findings do not appear as one types in a stock gopls. What works today is an
// editor's lint-on-save: a golangci-lint built with the plugin, which most editors can run beside gopls, or go vet with -vettool where the
// editor lets one set the flags of go vet. The analyzers meet what gopls asks of its own (facts that encode with gob, no state outside
// the pass, edits as SuggestedFixes), so that who builds a gopls of their own can add Analyzers to its list of analyzers.
package vet
