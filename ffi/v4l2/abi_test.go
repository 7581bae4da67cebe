package v4l2

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
)

// TestABI has a C compiler of each target compare every size, offset and number of the z*.go files with the kernel's headers, whatever the
// target of the test itself.
func TestABI(t *testing.T) {
	targets := []struct{ arch, cc, debian string }{
		{"amd64", "x86_64-linux-gnu-gcc", "gcc"},
		{"386", "i686-linux-gnu-gcc", "gcc-i686-linux-gnu"},
		{"arm", "arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf"},
		{"arm64", "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"},
	}
	inputs := []struct {
		in, out string
		flags   []string
		only32  bool
	}{
		{"types.go", "zabi_%s.go", nil, false},
		{"time.go", "ztime_%s.go", []string{"-D_FILE_OFFSET_BITS=64", "-D_TIME_BITS=64"}, false},
		{"time32.go", "ztime32_%s.go", nil, true},
	}
	for _, target := range targets {
		t.Run(target.arch, func(t *testing.T) {
			cc := testutil.RequireTool(t, target.cc, target.debian)
			checked := 0
			for _, in := range inputs {
				narrow := target.arch == "386" || target.arch == "arm"
				if in.only32 && !narrow {
					continue
				}
				c, n := asserts(t, target.arch, filepath.Join("testdata/abi", in.in), fmt.Sprintf(in.out, target.arch))
				checked += n
				flags := []string{"-fsyntax-only", "-std=gnu11", "-xc", "-"}
				if narrow {
					flags = append(flags, in.flags...)
				}
				cmd := exec.Command(cc, flags...)
				cmd.Stdin = strings.NewReader(c)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", in.in, err, out)
				}
			}
			if checked < 500 {
				t.Errorf("only %d sizes, offsets and numbers were compared", checked)
			}
			t.Logf("%d sizes, offsets and numbers", checked)
		})
	}
}

// asserts writes C that holds only if the structures and numbers of a z file are those of the headers, and counts them.
func asserts(t *testing.T, arch, in, out string) (c string, n int) {
	t.Helper()
	src, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	pkg := typed(t, arch)
	sizes := types.SizesFor("gc", arch)
	var b strings.Builder
	b.WriteString("#include <stddef.h>\n")
	for _, m := range regexp.MustCompile(`(?m)^#include.*$`).FindAllString(string(src), -1) {
		b.WriteString(m + "\n")
	}
	equal := func(c string, v any) {
		fmt.Fprintf(&b, "_Static_assert((unsigned long long)(%s) == (unsigned long long)%vll, \"%s\");\n", c, v, c)
		n++
	}
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+)\s+(=\s+)?C\.(\w+)$`).FindAllStringSubmatch(string(src), -1) {
		o := pkg.Scope().Lookup(m[1])
		if o == nil {
			t.Errorf("%s has no %s", out, m[1])
			continue
		}
		if k, ok := o.(*types.Const); ok {
			v, exact := constant.Int64Val(constant.ToInt(k.Val()))
			if !exact {
				t.Errorf("%s = %s is no number of 64 bits", m[1], k.Val())
			}
			equal(m[3], v)
			continue
		}
		name := strings.Replace(m[3], "struct_", "struct ", 1)
		st, ok := o.Type().Underlying().(*types.Struct)
		if !ok {
			t.Errorf("%s is no structure", m[1])
			continue
		}
		if m[1] != "kBtTimings" { // packed: it ends where Go's structure has padding
			equal("sizeof("+name+")", sizes.Sizeof(st))
		}
		fields := fieldsOf(pkg, m[1])
		offsets := sizes.Offsetsof(fields)
		for i, f := range fields {
			if strings.HasPrefix(f.Name(), "Pad_cgo") {
				continue
			}
			field := strings.ToLower(f.Name()[:1]) + f.Name()[1:]
			whole := true
			switch name + "." + field {
			// cgo takes a prefix away that all fields with a prefix have.
			case "struct v4l2_plane.offset":
				field = "data_offset"
			case "struct v4l2_fmtdesc.code":
				field = "mbus_code"
			case "struct v4l2_frmsizeenum.format", "struct v4l2_frmivalenum.format":
				field = "pixel_format"
			case "struct v4l2_event_frame_sync.sequence":
				field = "frame_sequence"
			case "struct v4l2_buffer.fd":
				field = "request_fd"
			case "struct timespec.sec", "struct timespec.nsec", "struct timeval.sec", "struct timeval.usec":
				field = "tv_" + field
			case "struct v4l2_decoder_cmd.stop":
				field, whole = "raw", false // one member of a union
			}
			if !whole {
				equal("offsetof("+name+", "+field+")", offsets[i])
				continue
			}
			equal("offsetof("+name+", "+field+")", offsets[i])
			equal("sizeof((("+name+"*)0)->"+field+")", sizes.Sizeof(f.Type()))
		}
	}
	if in == "testdata/abi/types.go" {
		// What the code takes for granted beyond the fields.
		equal("offsetof(struct v4l2_dv_timings, bt)", 4)
		equal("sizeof(struct v4l2_bt_timings)", 124)
		equal("offsetof(struct v4l2_ext_control, value64)", 12)
		equal("offsetof(struct v4l2_ext_control, ptr)", 12)
		equal("offsetof(struct v4l2_querymenu, value)", 8)
		equal("offsetof(struct v4l2_outputparm, timeperframe)", sizes.Offsetsof(fieldsOf(pkg, "kCaptureparm"))[2])
		equal("offsetof(struct v4l2_outputparm, capability)", 0)
		equal("offsetof(struct v4l2_frmsizeenum, stepwise) - offsetof(struct v4l2_frmsizeenum, discrete)", 0)
		equal("offsetof(struct v4l2_frmivalenum, stepwise) - offsetof(struct v4l2_frmivalenum, discrete)", 0)
	}
	return b.String(), n
}

func fieldsOf(pkg *types.Package, name string) (l []*types.Var) {
	st := pkg.Scope().Lookup(name).Type().Underlying().(*types.Struct)
	for i := range st.NumFields() {
		l = append(l, st.Field(i))
	}
	return l
}

// typed reads the z files of a target.
func typed(t *testing.T, arch string) *types.Package {
	t.Helper()
	all, err := filepath.Glob("z*_" + arch + ".go")
	if err != nil || len(all) < 2 {
		t.Fatalf("files of %s: %v, %v", arch, all, err)
	}
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range all {
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	pkg, err := (&types.Config{Sizes: types.SizesFor("gc", arch)}).Check("v4l2", fset, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return pkg
}
