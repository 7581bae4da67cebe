// Each function of poolgen.h, poolgen_alloc.h, poolgen_ipc.h and poolgen_ring.h as a real symbol, for languages that cannot inline C.
#define POOLGEN_INLINE
#include <poolgen.h>
#include <poolgen_alloc.h>
#include <poolgen_ipc.h>
#include <poolgen_ring.h>
#include <poolgen_ring_writer.h>
