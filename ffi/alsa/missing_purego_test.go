//go:build !cgo

package alsa

import (
	"strings"
	"testing"

	"github.com/poolgen/poolgen/runtime/dl"
)

func TestMissingLibrary(t *testing.T) {
	absent := libasound()
	absent.Sonames = []string{"libasound.so.999"}
	for _, c := range []struct {
		lib  dl.Library
		want []string
	}{
		{absent, []string{"libasound.so.999", "install the package libasound2"}},
		{dl.Library{Sonames: []string{"libc.so.6"}, Package: "libc6"}, []string{"snd_pcm_open", "libc"}}, // a library without ALSA's functions
	} {
		l, err := loadFrom(c.lib)
		if err == nil {
			t.Fatalf("%v: loaded %v", c.lib, l)
		}
		for _, w := range c.want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q lacks %q", err, w)
			}
		}
	}
}
