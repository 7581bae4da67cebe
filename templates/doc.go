// Package templates holds the text of generated C headers. It knows no policy: what a header holds is decided by its caller.
package templates

import (
	"embed"
	"text/template"
)

//go:embed *.tmpl
var files embed.FS

// Header is the template of a generated C header.
var Header = template.Must(template.ParseFS(files, "header.tmpl"))

// Alloc is the template of an allocator's part of such a header.
var Alloc = template.Must(template.ParseFS(files, "alloc.tmpl"))

// Bind is the template of the C code in front of a binding's Go code.
var Bind = template.Must(template.ParseFS(files, "bind.tmpl"))
