package main

//go:generate go run github.com/poolgen/poolgen/cmd/poolgen

// zstd is what this program calls of libzstd. A context is C's own memory, so its address is a uintptr. A size that is a result may be an
// error code, which isError tells.
//
//poolgen:bind soname=libzstd.so.1 pkg-config=libzstd include=zstd.h package=libzstd1 dev=libzstd-dev as=library noescape nocallback
type zstd interface {
	version() string               // const char *ZSTD_versionString(void)
	number() uint32                // unsigned ZSTD_versionNumber(void)
	isError(code uintptr) uint32   // unsigned ZSTD_isError(size_t code)
	errorName(code uintptr) string // const char *ZSTD_getErrorName(size_t code)
	bound(n uintptr) uintptr       // size_t ZSTD_compressBound(size_t srcSize)

	newEncoder() uintptr              // ZSTD_CCtx *ZSTD_createCCtx(void)
	freeEncoder(ctx uintptr) uintptr  // size_t ZSTD_freeCCtx(ZSTD_CCtx *cctx)
	newDecoder() uintptr              // ZSTD_DCtx *ZSTD_createDCtx(void)
	freeDecoder(dctx uintptr) uintptr // size_t ZSTD_freeDCtx(ZSTD_DCtx *dctx)

	// size_t ZSTD_compressCCtx(ZSTD_CCtx *cctx, void *dst, size_t dstCapacity, const void *src, size_t srcSize, int compressionLevel)
	//
	// compress writes one frame and returns its length.
	compress(ctx uintptr, dst *byte, size uintptr, src *byte, n uintptr, level int32) uintptr

	// size_t ZSTD_decompressDCtx(ZSTD_DCtx *dctx, void *dst, size_t dstCapacity, const void *src, size_t srcSize)
	//
	// decompress reads whole frames and returns how many bytes they held.
	decompress(ctx uintptr, dst *byte, size uintptr, src *byte, n uintptr) uintptr

	// unsigned long long ZSTD_getFrameContentSize(const void *src, size_t srcSize)
	//
	// contentSize is how many bytes the frame at src holds, of which the first n bytes are given.
	contentSize(src *byte, n uintptr) uint64

	// size_t ZSTD_CCtx_setPledgedSrcSize(ZSTD_CCtx *cctx, unsigned long long pledgedSrcSize)
	pledge(ctx uintptr, size uint64) uintptr

	// int ZSTD_defaultCLevel(void)
	//
	// defaultLevel is the level that libzstd's maker advises.
	//
	//poolgen:c optional=1.5.0 header=ZSTD_VERSION_NUMBER>=10500
	defaultLevel() (int32, error)

	// unsigned ZSTD_isSkippableFrame(const void *buffer, size_t size)
	//
	// skippable reports, by 1, that a frame holds no data. Headers hide it behind ZSTD_STATIC_LINKING_ONLY.
	//
	//poolgen:c optional=1.5.0
	skippable(src *byte, n uintptr) (uint32, error)
}
