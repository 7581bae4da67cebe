package top

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/poolgen/poolgen/internal/sys"
)

// process is a running process.
type process struct {
	pid    int
	start  uint64 // ticks of the clock since boot: with pid it names a process for good
	name   string // its main thread's
	uid    uint32
	due    time.Time // when it is searched next
	shown  bool      // the last sample told of it
	hidden error     // why it cannot be searched
	uses   map[sys.File]*use
}

// use is how a process has a memory file.
type use struct {
	name  string // of the memory
	fd    int    // -1: none
	maps  int    // how often it is mapped
	write bool   // one of them for writing
	at    string // its first mapping, as /proc/PID/map_files has it
}

// path is where the file can be opened, by who may look at the process.
func (u *use) path(pid int) string {
	if u.fd >= 0 {
		return fmt.Sprintf("/proc/%d/fd/%d", pid, u.fd)
	}
	return fmt.Sprintf("/proc/%d/map_files/%s", pid, u.at)
}

func (p *process) String() string { return fmt.Sprintf("process %d (%s)", p.pid, p.name) }

// memfd is how links and mappings of memory files begin, and poolgen's have this prefix behind it.
const (
	memfd   = "/memfd:"
	prefix  = "poolgen:"
	deleted = " (deleted)"
)

// memoryName is the name that a memory file was made with, for people: without what all have.
func memoryName(link string) string {
	return strings.TrimPrefix(strings.TrimSuffix(strings.TrimPrefix(link, memfd), deleted), prefix)
}

// readProcess reads what is known of the process pid. The error is fs.ErrNotExist or ESRCH when it is not there any more.
func readProcess(pid int) (*process, error) {
	dir := "/proc/" + strconv.Itoa(pid)
	stat, err := os.ReadFile(dir + "/stat")
	if err != nil {
		return nil, err
	}
	// proc(5): pid (comm) state ppid ..., and comm may hold anything. The start is field 22.
	text := string(stat)
	from, to := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return nil, fmt.Errorf("%s/stat has no name: %q", dir, text)
	}
	fields := strings.Fields(text[to+1:])
	if len(fields) < 20 {
		return nil, fmt.Errorf("%s/stat is cut off: %q", dir, text)
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return nil, fs.ErrNotExist // dead, and only its parent does not know
	}
	p := &process{pid: pid, name: printable(text[from+1 : to])}
	if p.start, err = strconv.ParseUint(fields[19], 10, 64); err != nil {
		return nil, fmt.Errorf("reading the start of process %d: %w", pid, err)
	}
	if pid == os.Getpid() {
		p.start = 0 // this process is never another; qemu-user tells when the thread that asks began
	}
	// The owner of dir is root where the process may not be looked at, whoever it runs as.
	status, err := os.ReadFile(dir + "/status")
	if err != nil {
		return nil, err
	}
	if _, rest, ok := strings.Cut(string(status), "\nUid:"); ok {
		if ids := strings.Fields(rest); len(ids) > 1 {
			uid, err := strconv.ParseUint(ids[1], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("reading the user of process %d: %w", pid, err)
			}
			p.uid = uint32(uid)
		}
	}
	return p, nil
}

// alive reports whether the process still is there.
func (p *process) alive() bool {
	now, err := readProcess(p.pid)
	return err == nil && now.start == p.start
}

// printable keeps names of processes and memory from doing things to a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '?'
	}, s)
}

// called reports whether the process goes by a name: its main thread's, or that of the program it was started as.
func (p *process) called(name string) bool {
	if p.name == name {
		return true
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid))
	if err != nil {
		return false
	}
	program, _, _ := strings.Cut(string(args), "\x00")
	return program != "" && filepath.Base(program) == name
}

// gone reports whether err says that a process is not there any more.
func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// search finds the memory files that the process has open or mapped.
func (p *process) search() error {
	uses := map[sys.File]*use{}
	dir := fmt.Sprintf("/proc/%d/fd", p.pid)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		path := dir + "/" + e.Name()
		link, err := os.Readlink(path)
		if err != nil || !strings.HasPrefix(link, memfd) {
			continue // closed meanwhile, or something else
		}
		fd, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		file, err := sys.Known(path)
		if err != nil {
			continue
		}
		if uses[file] == nil {
			uses[file] = &use{name: printable(memoryName(link)), fd: fd}
		}
	}
	if err := p.readMaps(uses); err != nil {
		return err
	}
	p.uses = uses
	return nil
}

// readMaps adds what is mapped.
func (p *process) readMaps(uses map[sys.File]*use) error {
	f, err := os.Open(fmt.Sprintf("/proc/%d/maps", p.pid))
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		at, file, link, write, ok := parseMapping(lines.Text())
		if !ok {
			continue
		}
		u := uses[file]
		if u == nil {
			u = &use{name: printable(memoryName(link)), fd: -1, at: at}
			uses[file] = u
		}
		u.maps++
		u.write = u.write || write
	}
	return lines.Err()
}

// parseMapping takes a line of /proc/PID/maps apart: address, perms, offset, device, inode and path. ok says that it is of a memory file,
// and shared.
func parseMapping(line string) (at string, file sys.File, link string, write, ok bool) {
	mark := strings.Index(line, memfd)
	if mark < 0 {
		return
	}
	fields := strings.Fields(line[:mark])
	if len(fields) != 5 || len(fields[1]) != 4 || fields[1][3] != 's' {
		return
	}
	major, minor, _ := strings.Cut(fields[3], ":")
	hi, err1 := strconv.ParseUint(major, 16, 32)
	lo, err2 := strconv.ParseUint(minor, 16, 32)
	inode, err3 := strconv.ParseUint(fields[4], 10, 64)
	if errors.Join(err1, err2, err3) != nil {
		return
	}
	return fields[0], sys.File{Major: uint32(hi), Minor: uint32(lo), Inode: inode}, line[mark:], fields[1][1] == 'w', true
}

// pids lists the processes there are, in ascending order.
func pids() ([]int, error) {
	d, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var list []int
	for _, n := range names {
		if pid, err := strconv.Atoi(n); err == nil && pid > 0 {
			list = append(list, pid)
		}
	}
	if len(list) == 0 {
		return nil, errors.New("listing processes: /proc shows none: is it mounted?")
	}
	slices.Sort(list)
	return list, nil
}

// refusal says why a process cannot be looked at, and who can.
func refusal(p *process, err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("looking at %v: %w", p, err)
	}
	if me := os.Geteuid(); uint32(me) == p.uid {
		return fmt.Errorf("%v may not be looked at by others than root, although it is yours: it was started with other rights, or has set PR_SET_DUMPABLE to 0; "+
			"run poolgen top as root, or give it CAP_SYS_PTRACE", p)
	}
	if p.uid == 0 {
		return fmt.Errorf("%v belongs to root: run poolgen top as root, or give it CAP_SYS_PTRACE", p)
	}
	return fmt.Errorf("%v belongs to user %d: run poolgen top as that user or as root, or give it CAP_SYS_PTRACE", p, p.uid)
}
