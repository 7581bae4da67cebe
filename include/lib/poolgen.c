// Each function of poolgen.h as a real symbol, for languages that cannot inline C.
#define POOLGEN_INLINE
#include <poolgen.h>
