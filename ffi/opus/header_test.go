package opus

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// Each request and each value of the installed header is in this package under the same name and number.
func TestEveryRequestOfTheHeader(t *testing.T) {
	dir := filepath.Dir(testutil.RequireFile(t, "/usr/include/opus/opus_defines.h", "libopus-dev"))
	numbers := map[string]string{}
	for _, name := range []string{"requests.go", "encoder_unsafe.go", "errors.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)= (-?\d+) +// .*?\b(OPUS_\w+)`).FindAllStringSubmatch(string(b), -1) {
			numbers[m[2]] = m[1]
		}
	}
	if len(numbers) < 30 {
		t.Fatalf("%d requests are named", len(numbers))
	}
	seen := 0
	for _, name := range []string{"opus_defines.h", "opus_multistream.h", "opus_projection.h"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			continue // opus_projection.h came with 1.3
		}
		for _, m := range regexp.MustCompile(`(?m)^#define (OPUS_\w+_REQUEST|OPUS_RESET_STATE) +(\d+)`).FindAllStringSubmatch(string(b), -1) {
			request, number := m[1], m[2]
			if seen++; numbers[request] == number {
				continue
			}
			// Of a pair only the one that sets is named, when the other's number follows.
			set, ok := numbers[strings.Replace(request, "_GET_", "_SET_", 1)]
			if !ok || set[:len(set)-1] != number[:len(number)-1] || set[len(set)-1]+1 != number[len(number)-1] {
				t.Errorf("%s is %s in %s, not here", request, number, name)
			}
		}
	}
	if seen < 40 {
		t.Errorf("%d requests in the headers", seen)
	}
}
