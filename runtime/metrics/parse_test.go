package metrics

import (
	"errors"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"
)

func TestParsePressure(t *testing.T) {
	for _, c := range []struct {
		text string
		want stall
		ok   bool
	}{
		{"some avg10=1.50 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.25 avg60=0.00 avg300=0.00 total=0\n", stall{1.5, 0.25}, true},
		{"some avg10=100.00 avg60=0.00 avg300=0.00 total=0\n", stall{100, 0}, true},
		{"", stall{}, false},
		{"full avg10=0.25 avg60=0\n", stall{}, false},
		{"some avg60=1.0 avg10=2\n", stall{}, false},
		{"some avg10=NaN avg60=0\n", stall{}, false},
		{"some avg10=-1 avg60=0\n", stall{}, false},
		{"some avg10=100.1 avg60=0\n", stall{}, false},
		{"some avg10=1e9 avg60=0\n", stall{}, false},
	} {
		got, err := parsePressure([]byte(c.text))
		if got != c.want || (err == nil) != c.ok || err != nil && !errors.Is(err, errFormat) {
			t.Errorf("parsePressure(%q) = %v, %v", c.text, got, err)
		}
	}
}

func TestParseLimit(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"max\n", unlimited, true},
		{"1048576\n", 1 << 20, true},
		{"0\n", 0, true},
		{"9223372036854771712\n", unlimited, true}, // version 1's "none"
		{"18446744073709551615", unlimited, true},
		{"-1\n", 0, false},
		{"1 2\n", 0, false},
		{"", 0, false},
		{"18446744073709551616", 0, false},
	} {
		if got, err := parseLimit([]byte(c.text)); got != c.want || (err == nil) != c.ok {
			t.Errorf("parseLimit(%q) = %d, %v", c.text, got, err)
		}
	}
}

func TestParseCgroup(t *testing.T) {
	for _, c := range []struct {
		text string
		want groups
	}{
		{"0::/user.slice/a:b.scope\n", groups{unified: "/user.slice/a:b.scope"}},
		{"12:cpu,memory:/docker/x\n1:name=systemd:/\n0::/\n", groups{"/", "/docker/x"}},
		{"0::relative\n4:memorytest:/\n::\n", groups{}},
		{"", groups{}},
	} {
		if got := parseCgroup([]byte(c.text)); got != c.want {
			t.Errorf("parseCgroup(%q) = %+v", c.text, got)
		}
	}
}

func TestMountsAndFolders(t *testing.T) {
	const text = `22 1 0:20 / /proc rw shared:1 - proc proc rw
31 22 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
40 22 0:30 /docker/x /sys/fs/cgroup/with\040space ro - cgroup cgroup rw,memory
41 22 0:31 / /elsewhere rw - cgroup2 cgroup2 rw
broken
`
	unified, memory := parseMounts([]byte(text))
	if unified != (mount{"/sys/fs/cgroup", "/"}) || memory != (mount{"/sys/fs/cgroup/with space", "/docker/x"}) {
		t.Fatalf("mounts %+v and %+v", unified, memory)
	}
	for _, c := range []struct {
		m     mount
		group string
		want  string
	}{
		{unified, "/a/b", "sys/fs/cgroup/a/b sys/fs/cgroup/a sys/fs/cgroup"},
		{unified, "/", "sys/fs/cgroup"},
		{unified, "/../../etc", "sys/fs/cgroup/etc sys/fs/cgroup"}, // never above the mount
		{memory, "/docker/x/y", "sys/fs/cgroup/with space/y|sys/fs/cgroup/with space"},
		{memory, "/docker/xy", "sys/fs/cgroup/with space|"},
		{mount{"/", "/"}, "/a", "a ."},
		{mount{}, "/a", ""},
		{unified, "", ""},
	} {
		sep := " "
		if strings.Contains(c.want, "|") {
			sep = "|"
		}
		want := strings.FieldsFunc(c.want, func(r rune) bool { return string(r) == sep })
		if got := c.m.folders(c.group); !reflect.DeepEqual(got, want) && len(got)+len(want) > 0 {
			t.Errorf("folders of %q in %+v: %q, want %q", c.group, c.m, got, want)
		}
	}
}

func TestParseOwnFiles(t *testing.T) {
	if b, err := os.ReadFile("/proc/self/statm"); err == nil {
		if s, err := parseStatm(b); err != nil || s.resident == 0 || s.resident > s.size {
			t.Errorf("statm %q: %+v, %v", b, s, err)
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		if m := parseKiB(b); m["MemTotal"] < 1<<20 || m["MemAvailable"] > m["MemTotal"] {
			t.Errorf("meminfo: %v", m)
		}
	}
	if b, err := os.ReadFile("/proc/pressure/memory"); err == nil {
		if _, err := parsePressure(b); err != nil {
			t.Error(err)
		}
	}
}

func TestParseStatm(t *testing.T) {
	for _, text := range []string{"", "1 2", "1 -2 3", "1 2 99999999999999999999", "1 2 9223372036854775807", "a b c"} {
		if s, err := parseStatm([]byte(text)); err == nil {
			t.Errorf("parseStatm(%q) = %+v", text, s)
		}
	}
}

// Whatever stands in the files: no panic, and no figure that cannot be.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "max\n", "123", "1 2 3 4 5 6 7", "some avg10=1.00 avg60=1.00 avg300=0 total=5\nfull avg10=0.00 avg60=0 avg300=0 total=0\n",
		"MemTotal:  1024 kB\nMemAvailable: 99999999999999999999 kB\n", "low 0\nhigh 5\nmax 18446744073709551616\noom -1\n",
		"0::/a/b\n4:cpu,memory:/x\n", "31 22 0:27 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n", `\04`, "1 1 1 \\057.. \\057a\\000 x - cgroup2 a b\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := parseStatm(b); err == nil && (s.resident < 0 || s.size < 0 || s.shared < 0) {
			t.Errorf("statm %+v", s)
		}
		for name, v := range parseKiB(b) {
			if v < 0 || v%1024 != 0 {
				t.Errorf("%s: %d", name, v)
			}
		}
		if s, err := parsePressure(b); err == nil && !(s.some >= 0 && s.some <= 100 && s.full >= 0 && s.full <= 100) {
			t.Errorf("pressure %+v", s)
		}
		if n, err := parseLimit(b); err == nil && n < 0 {
			t.Errorf("limit %d", n)
		}
		parseCounts(b)
		g := parseCgroup(b)
		unified, memory := parseMounts(b)
		for _, m := range []mount{unified, memory, {"/sys/fs/cgroup", "/"}, {"/x", "/docker"}} {
			for _, group := range []string{g.unified, g.memory, string(b)} {
				for _, dir := range m.folders(group) {
					if strings.HasPrefix(dir, "/") || dir == ".." || strings.HasPrefix(dir, "../") || dir != path.Clean(dir) {
						t.Errorf("folder %q of %q in %+v", dir, group, m)
					}
				}
			}
		}
	})
}
