// layout makes a compiler describe the structs of the ABI; it needs no libc.
#include <poolgen_abi.h>

POOLGEN_REQUIRE_ABI(1);

poolgen_superblock superblock;
poolgen_descriptor descriptor;
poolgen_hint_slot hint_slot;
poolgen_block block;
poolgen_buf buf;
