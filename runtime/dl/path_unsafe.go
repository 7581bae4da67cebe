package dl

import (
	"os"
	"runtime"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"
)

// serinfo is Dl_serinfo of glibc's dlfcn.h up to its array of folders.
type serinfo struct {
	size  uintptr // size_t dls_size: bytes of the whole, this struct and the array and strings behind it
	count uint32  // unsigned int dls_cnt
}

// serpath is Dl_serpath: an element of that array.
type serpath struct {
	name  unsafe.Pointer // char *dls_name
	flags uint32         // unsigned int dls_flags
}

// Requests of dlinfo(3).
const (
	requestSerinfo     = 4
	requestSerinfoSize = 5
)

// searchPath is where the dynamic linker looks for libraries: LD_LIBRARY_PATH, /etc/ld.so.cache and its own folders, in its words.
// A C library without dlinfo's answer gets ours.
func searchPath() string {
	if list := linkerFolders(); len(list) > 0 {
		return strings.Join(list, ":") + " and /etc/ld.so.cache"
	}
	const system = "the system's library folders"
	if v := os.Getenv("LD_LIBRARY_PATH"); v != "" {
		return v + " (LD_LIBRARY_PATH) and " + system
	}
	return system
}

// linkerFolders asks the dynamic linker for its folders; nil if it does not tell.
func linkerFolders() []string {
	fn, err := purego.Dlsym(purego.RTLD_DEFAULT, "dlinfo") // int dlinfo(void *handle, int request, void *info)
	if err != nil {
		return nil
	}
	self, err := purego.Dlopen("", purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil
	}
	defer func() { _ = purego.Dlclose(self) }()
	var need serinfo
	if r, _, _ := purego.SyscallN(fn, self, requestSerinfoSize, uintptr(unsafe.Pointer(&need))); int32(r) != 0 || need.size < unsafe.Sizeof(need) || need.size > 1<<20 {
		return nil
	}
	// The array and its strings lie behind the struct, and the strings' addresses point there: words keep them aligned, and
	// the block in place until the strings are copied.
	block := make([]uintptr, need.size/unsafe.Sizeof(uintptr(0))+1)
	info := (*serinfo)(unsafe.Pointer(&block[0]))
	*info = need
	if r, _, _ := purego.SyscallN(fn, self, requestSerinfo, uintptr(unsafe.Pointer(&block[0]))); int32(r) != 0 {
		return nil
	}
	first := unsafe.Add(unsafe.Pointer(info), unsafe.Sizeof(*info))
	end := unsafe.Add(unsafe.Pointer(info), need.size)
	var list []string
	for i := range uintptr(info.count) {
		at := unsafe.Add(first, i*unsafe.Sizeof(serpath{}))
		if uintptr(at)+unsafe.Sizeof(serpath{}) > uintptr(end) {
			break
		}
		list = append(list, text((*serpath)(at).name))
	}
	runtime.KeepAlive(block)
	return list
}
