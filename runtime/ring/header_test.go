package ring_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/poolgen/poolgen/internal/testutil"
	"github.com/poolgen/poolgen/runtime/ring"
	"golang.org/x/sys/unix"
)

// TestOpenLooksFirst: what is no ring takes no memory, however large its file is or says to be.
func TestOpenLooksFirst(t *testing.T) {
	testutil.OpenFDs(t)
	const area, data = 64 << 10, 256 << 20
	good := []uint32{0x676e5250, 1, 0x01020304, data, area}
	for _, k := range []struct {
		name  string
		word  int
		value uint32
		size  int64
		want  string
	}{
		{"zeros", -1, 0, area + data, "magic is 0x0"},
		{"another magic", 0, 7, area + data, "magic is 0x7"},
		{"another version", 1, 2, area + data, "layout version is 2"},
		{"smaller than it says", 3, data, area + data/2, "says it has 268435456 bytes at 65536, the file has 134217728"},
		{"larger than it says", 3, data / 2, area + data, "says it has 134217728 bytes at 65536, the file has 268435456"},
		{"a counter far away", 16, 2 * data, area + data, "tail 536870912 and head 0"},
	} {
		fd, err := unix.MemfdCreate("claims", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 256)
		if k.word >= 0 {
			for i, v := range good {
				binary.NativeEndian.PutUint32(b[4*i:], v)
			}
			binary.NativeEndian.PutUint32(b[4*k.word:], k.value)
		}
		_, werr := unix.Pwrite(fd, b, 0)
		if err := errors.Join(werr, unix.Ftruncate(fd, k.size), seal(fd)); err != nil {
			t.Fatal(err)
		}
		_, err = ring.Open(fd, ring.Consumer)
		wantErr(t, err, ring.ErrCorrupt, k.want)
		var st unix.Stat_t
		if err := unix.Fstat(fd, &st); err != nil || st.Blocks*512 > area {
			t.Errorf("%s: %d bytes of it are in memory, %v", k.name, st.Blocks*512, err)
		}
		if err := unix.Close(fd); err != nil {
			t.Error(err)
		}
	}
}
