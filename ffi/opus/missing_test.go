//go:build !cgo

package opus

import (
	"strings"
	"testing"

	"github.com/poolgen/poolgen/runtime/dl"
)

// A machine without libopus gets an error that says what to install.
func TestMissingLibrary(t *testing.T) {
	_, err := openBindingsFrom(dl.Library{Sonames: []string{"libopus-is-not-here.so.0"}, Package: "libopus0"})
	if err == nil || !strings.Contains(err.Error(), "libopus-is-not-here.so.0") || !strings.Contains(err.Error(), "install the package libopus0") {
		t.Fatal(err)
	}
	_, err = openBindingsFrom(dl.Library{Sonames: []string{"libc.so.6"}, Package: "libopus0"})
	if err == nil || !strings.Contains(err.Error(), "no function opus_encode") {
		t.Fatal(err)
	}
}
