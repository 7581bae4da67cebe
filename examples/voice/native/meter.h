// A level meter in C: it takes part in the life of pooled frames through poolgen.h alone and never calls into Go.
#ifndef VOICE_METER_H
#define VOICE_METER_H

#include "../frames_pool.h"

// voice_meter takes a reference of its own to the frame in buf, writes the largest absolute sample into its peak, and releases it.
// It returns the peak, 0 to 32768, or a negative poolgen error when buf is stale.
static inline int voice_meter(poolgen_arena *arena, poolgen_buf buf)
{
    int err = poolgen_retain(arena, buf);
    if (err != 0)
        return err;
    voice_frame *f = voice_frame_of(arena, buf);
    uint32_t n = f->samples < 960 ? f->samples : 960;
    int peak = 0;
    for (uint32_t i = 0; i < n; i++) {
        int v = f->pcm[i] < 0 ? -(int)f->pcm[i] : (int)f->pcm[i];
        if (v > peak)
            peak = v;
    }
    f->peak = (uint32_t)peak;
    err = poolgen_release(arena, buf);
    return err != 0 ? err : peak;
}

#endif
