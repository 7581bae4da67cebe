// Package golangci is poolgen vet as a module plugin of golangci-lint.
//
// A golangci-lint with the plugin in it is built by golangci-lint custom, which reads .custom-gcl.yml:
//
//	version: v2.15.0
//	plugins:
//	  - module: github.com/poolgen/poolgen
//	    import: github.com/poolgen/poolgen/cmd/poolgen/vet/golangci
//	    version: v0.1.0 # or path: ../poolgen, a checkout
//
// and switched on in .golangci.yml:
//
//	version: "2"
//	linters:
//	  enable: [poolgen]
//	  settings:
//	    custom:
//	      poolgen:
//	        type: module
//	        description: misuse of pooled buffers
//	        settings:
//	          disable: [PG1008] # codes or names of analyzers, none by default
//
// Findings are excepted with //nolint:poolgen or //lint:ignore, and fixes applied with --fix, as usual.
package golangci
