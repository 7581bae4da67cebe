package lint

import (
	"slices"
	"strings"
)

// Room is a folder of the module with all below it, unless a longer room
// claims that.
type Room struct {
	Dir string
	// May lists the folders of this module that the room's packages may
	// import, each with all below it. Packages of one room may import each
	// other.
	May []string
	// Test lists what its tests may import beyond May.
	Test []string
	// Not lists packages outside the module, with all below them, that the
	// room's packages other than tests must not import.
	Not []string
	// Apart forbids the room's packages to import each other.
	Apart bool
}

// Rooms is where the packages of this module live. Arrows point down: no room
// may import one that may import it.
var Rooms = []Room{
	{Dir: ".", Test: []string{"runtime"}},
	{Dir: "cmd", May: []string{"internal/gen", "internal/layout", "internal/top", "internal/report"}, Test: []string{"runtime"}},
	{Dir: "internal/gen", May: []string{"templates", "internal/layout"}, Test: []string{"internal/ctest"}},
	{Dir: "internal/layout"},
	{Dir: "templates"},
	{Dir: "runtime/pool", May: []string{"internal/sys", "internal/invariants"}, Test: []string{"internal/ctest"}, Not: logging},
	{Dir: "runtime/ring", May: []string{"internal/sys", "internal/invariants", "runtime/pool"}},
	{Dir: "runtime/luma"},
	{Dir: "runtime/ipc", May: []string{"internal/sys", "internal/invariants", "runtime/pool", "runtime/ring"}},
	{Dir: "runtime/ipc/stream", May: []string{"internal/sys", "runtime/pool"}},
	{Dir: "runtime/adapt", May: []string{"runtime/pool"}},
	{Dir: "runtime/adapt/grpcmem", May: []string{"runtime/pool"}},
	{Dir: "runtime/bus", May: []string{"internal/sys", "internal/invariants", "runtime/pool"}},
	{Dir: "runtime/bus/natsbus", May: []string{"runtime/bus", "runtime/pool"}},
	{Dir: "runtime/store", May: []string{"internal/sys", "runtime/pool", "runtime/ring"}},
	{Dir: "runtime/store/bucket", May: []string{"runtime/store"}, Test: []string{"runtime/pool"}},
	{Dir: "runtime/dl"},
	{Dir: "runtime/metrics", May: []string{"runtime", "internal/sys", "internal/report"}},
	{Dir: "ffi/libv4l2", May: []string{"runtime/dl", "internal/sys"}, Test: []string{"ffi/v4l2"}},
	{Dir: "ffi", May: []string{"runtime/pool", "internal/sys", "runtime/dl", "internal/invariants"}, Test: []string{"internal/ctest"}, Apart: true},
	{Dir: "include", Test: []string{"runtime/pool", "internal/ctest"}},
	{Dir: "examples", May: []string{"runtime", "ffi"}},
	{Dir: "internal/sys"},
	{Dir: "internal/top", May: []string{"internal/sys"}, Test: []string{"runtime"}},
	{Dir: "internal/report"},
	{Dir: "internal/invariants"},
	{Dir: "internal/testutil"},
	{Dir: "internal/ctest", May: []string{"internal/testutil"}, Test: []string{"runtime/pool", "include"}},
	{Dir: "internal/soak", Test: []string{"runtime", "internal/sys"}},
	{Dir: "internal/copies", Test: []string{"runtime"}},
	{Dir: "internal/lint"},
}

var logging = []string{"log", "github.com/prometheus", "go.uber.org/zap", "github.com/sirupsen/logrus"}

// Only says which rooms may import a package from outside the module; tests
// are free to. A package that no entry names is free to all.
var Only = map[string][]string{
	"golang.org/x/sys/unix":               {"internal/sys"},
	"github.com/ebitengine/purego":        {"runtime/dl"},
	"github.com/dave/jennifer":            {"internal/gen"},
	"golang.org/x/tools":                  {"cmd"},
	"github.com/spf13/cobra":              {"cmd"},
	"github.com/golangci":                 {"cmd"},
	"github.com/fsnotify/fsnotify":        {"cmd"},
	"golang.org/x/term":                   {"cmd"},
	"github.com/nats-io":                  {"runtime/bus/natsbus"},
	"github.com/prometheus/client_golang": {"runtime/metrics"},
	"github.com/prometheus/prometheus":    nil,
	"github.com/pion":                     {"examples"},
	"github.com/google/pprof":             {"runtime/metrics"},
	"github.com/klauspost/compress":       {"runtime/store"},
	"gocloud.dev":                         {"runtime/store/bucket"},
	"github.com/rogpeppe/go-internal":     nil,
	"github.com/google/go-cmp":            nil,
	"github.com/hashicorp/golang-lru":     nil,
	"google.golang.org/grpc":              {"runtime/adapt/grpcmem"},
	"testing":                             {"internal/testutil", "internal/ctest"},
}

// roomOf returns the room with the longest folder that holds dir, or nil.
func roomOf(rooms []Room, dir string) *Room {
	var best *Room
	for i := range rooms {
		r := &rooms[i]
		// Nothing is within ".": the top folder is a room by itself, and a new
		// folder needs its own.
		if within(dir, r.Dir) && (best == nil || len(r.Dir) > len(best.Dir)) {
			best = r
		}
	}
	return best
}

// Imports checks that imports within the module follow the rooms, and that
// imports from outside stay where only allows them.
func Imports(m *Module, rooms []Room, only map[string][]string) []Finding {
	var found []Finding
	m.golang(func(f *File) {
		room := roomOf(rooms, f.Dir())
		if room == nil {
			found = append(found, Finding{Path: f.Path, Text: "the folder " + f.Dir() + " is in no room; add one to internal/lint"})
			return
		}
		for _, spec := range f.Go.Imports {
			pkg := importPath(spec)
			if dir, ok := m.dir(pkg); ok {
				if !room.admits(rooms, f, dir) {
					found = append(found, f.finding(spec, "%s may not import %s", f.Dir(), dir))
				}
				continue
			}
			if f.Test() {
				continue
			}
			for name, where := range only {
				if within(pkg, name) && !slices.Contains(where, room.Dir) {
					found = append(found, f.finding(spec, "%s may not import %s; only %s may", f.Dir(), pkg, places(where)))
				}
			}
			for _, name := range room.Not {
				if within(pkg, name) {
					found = append(found, f.finding(spec, "%s may not import %s", f.Dir(), pkg))
				}
			}
		}
	})
	return found
}

// dir returns the folder of a package of this module.
func (m *Module) dir(pkg string) (string, bool) {
	if pkg == m.Path {
		return ".", true
	}
	return strings.CutPrefix(pkg, m.Path+"/")
}

// admits reports whether file f of the room may import the folder dir.
func (r *Room) admits(rooms []Room, f *File, dir string) bool {
	if to := roomOf(rooms, dir); to == r {
		return !r.Apart || f.Dir() == dir // a test may import its own package
	}
	may := r.May
	if f.Test() {
		may = slices.Concat(may, r.Test, []string{"internal/testutil"})
	}
	return slices.ContainsFunc(may, func(base string) bool { return within(dir, base) })
}

func places(rooms []string) string {
	if len(rooms) == 0 {
		return "tests"
	}
	return strings.Join(rooms, " and ")
}
