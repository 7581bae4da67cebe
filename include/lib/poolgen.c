// Each function of poolgen.h and poolgen_ipc.h as a real symbol, for languages that cannot inline C.
#define POOLGEN_INLINE
#include <poolgen.h>
#include <poolgen_ipc.h>
