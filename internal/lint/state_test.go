package lint

import (
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// TestModuleState holds the packages that must be free of state to it.
func TestModuleState(t *testing.T) {
	m, err := Load(os.DirFS("../.."), modulePath)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range Stateless {
		if !slices.ContainsFunc(m.Files, func(f *File) bool { return f.Go != nil && within(f.Dir(), dir) }) {
			t.Errorf("no Go file below %s: the rule would check nothing", dir)
		}
	}
	for _, f := range State(m, Stateless, PackageState) {
		t.Error(f)
	}
}

func TestState(t *testing.T) {
	files, err := txtar.FS(txtar.Parse([]byte(`
-- low/a.go --
package low
import ("errors"; "sync")
var counter int
var a, b = 1, errors.New("b")
var (
	table = map[string]int{}
	mu sync.Mutex
	c, d = pair()
)
var init1 = sync.OnceFunc(func() {})
-- low/sub/b.go --
//go:build never

package sub
var pointer *int
-- low/fine.go --
package low
import ("embed"; "errors"; "fmt"; "io"; "sync")
var ErrA = errors.New("a")
var (
	ErrB = fmt.Errorf("b: %w", ErrA)
	_ io.Reader = (*T)(nil)
	_ = [1]struct{}{}[0]
)
//go:embed x.txt
var files embed.FS
var load = sync.OnceValues(open)
const limit = 3
func f() { var local int; _ = local }
-- low/excepted.go --
package low
var kept, lost int
-- low/a_test.go --
package low
var update bool
-- lower/a.go --
package lower
var free int
`)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(files, "m")
	if err != nil {
		t.Fatal(err)
	}
	except := map[string]string{"low/excepted.go: kept": "", "low/fine.go: gone": ""}
	var got []string
	for _, f := range State(m, []string{"low"}, except) {
		got = append(got, f.String())
	}
	slices.Sort(got)
	const mend = " for the whole package; make it a field of its owner"
	want := []string{
		"low/a.go:10: keeps init1" + mend,
		"low/a.go:3: keeps counter" + mend,
		"low/a.go:4: keeps a" + mend,
		"low/a.go:6: keeps table" + mend,
		"low/a.go:7: keeps mu" + mend,
		"low/a.go:8: keeps c" + mend,
		"low/a.go:8: keeps d" + mend,
		"low/excepted.go:2: keeps lost" + mend,
		"low/fine.go: gone: is excepted from a rule that it keeps; delete the exception",
		"low/sub/b.go:4: keeps pointer" + mend,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
