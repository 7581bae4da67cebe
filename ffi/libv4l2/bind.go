package libv4l2

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// calls are the functions of libv4l2.
//
//poolgen:bind soname=libv4l2.so.0 pkg-config=libv4l2 include=libv4l2.h package=libv4l-0 dev=libv4l-dev as=library nocallback
type calls interface {
	open(file *byte, flags int32) int32 // int v4l2_open(const char *file, int oflag, ...)
	close(fd int32) int32               // int v4l2_close(int fd)

	ioctl(fd int32, request, arg uintptr) int32 // int v4l2_ioctl(int fd, unsigned long int request, ...)

	// void *v4l2_mmap(void *start, size_t length, int prot, int flags, int fd, int64_t offset)
	mmap(start, length uintptr, prot, flags, fd int32, offset int64) uintptr

	munmap(start, length uintptr) int32 // int v4l2_munmap(void *_start, size_t length)
}

// standard is what tells why a call of the other failed.
//
//poolgen:bind soname=libc.so.6 link=c include=errno.h package=libc6 dev=libc6-dev as=libc noescape nocallback
type standard interface {
	errno() *int32 // int *__errno_location(void)
}
