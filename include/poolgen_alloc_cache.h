// poolgen_alloc_cache.h: how a cache gets blocks and gives them back. Nothing here is for use outside; include poolgen_alloc.h instead.
#ifndef POOLGEN_ALLOC_CACHE_H
#define POOLGEN_ALLOC_CACHE_H

#include "poolgen_alloc_init.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct poolgen_cache poolgen_cache;

// poolgen_priv_flush leaves keep blocks in magazine k: those that were freed first go back to everybody.
POOLGEN_PRIV_SLOW void poolgen_priv_flush(poolgen_cache *t, uint32_t k, uint32_t keep)
{
    poolgen_magazine *m = &t->magazine[k];
    uint32_t n = m->n > keep ? m->n - keep : 0, word = 0, mask = 0, first = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t u = poolgen_priv_load(t->unit + (m->entry[i].offset >> t->unit_shift)) >> 8;
        if (mask != 0 && m->entry[i].state / 32 != word) {
            poolgen_priv_alloc_give(t->allocator, k - 1, first, word, mask);
            mask = 0;
        }
        word = m->entry[i].state / 32;
        mask |= 1u << (m->entry[i].state & 31);
        first = u;
    }
    if (mask != 0) {
        poolgen_priv_alloc_give(t->allocator, k - 1, first, word, mask);
    }
    memmove(m->entry, m->entry + n, (m->n - n) * sizeof(poolgen_entry));
    m->n -= n;
    t->bytes -= n * m->size;
}

// poolgen_priv_flush_all gives every block in the cache back to everybody.
static inline void poolgen_priv_flush_all(poolgen_cache *t)
{
    for (uint32_t k = 1; k <= t->classes; k++) {
        poolgen_priv_flush(t, k, 0);
    }
}

// poolgen_priv_more finds blocks of class c where there are any and makes new ones otherwise. The word, and what it got of it.
POOLGEN_PRIV_SLOW uint32_t poolgen_priv_more(poolgen_allocator *a, poolgen_cache *t, uint32_t c, uint32_t want, uint32_t *first, uint32_t *mask)
{
    for (int attempt = 0;; attempt++) {
        uint32_t w = poolgen_priv_find(a, c, want, first, mask);
        if (*mask != 0) {
            return w;
        }
        const poolgen_class *k = poolgen_priv_class(a, c);
        uint32_t u = poolgen_priv_run(a, k->span_units, 1);
        if (u != POOLGEN_PRIV_NONE) {
            w = poolgen_priv_span(a, c, u, want, mask);
            *first = u;
            return w;
        }
        if (attempt == 0 && t != NULL) {
            poolgen_priv_flush_all(t);
        }
        if (attempt > 1 || (poolgen_priv_reclaim(a) == 0 && attempt > 0)) {
            return 0;
        }
    }
}

// poolgen_priv_large takes a run of units for size bytes.
POOLGEN_PRIV_COLD void *poolgen_priv_large(poolgen_allocator *a, poolgen_cache *t, size_t size, size_t align)
{
    size_t unit = (size_t)1 << a->unit_shift, n = (size >> a->unit_shift) + ((size & (unit - 1)) != 0);
    uint32_t u = n > a->units ? POOLGEN_PRIV_NONE : poolgen_priv_run(a, (uint32_t)n, align);
    if (u == POOLGEN_PRIV_NONE && n <= a->units) {
        if (t != NULL) {
            poolgen_priv_flush_all(t);
        }
        u = poolgen_priv_reclaim(a) == 0 ? POOLGEN_PRIV_NONE : poolgen_priv_run(a, (uint32_t)n, align);
    }
    if (u == POOLGEN_PRIV_NONE) {
        poolgen_priv_count(&a->refusals);
        return NULL;
    }
    poolgen_priv_words(a, a->run_offset)[u] = (uint32_t)n;
    poolgen_priv_name(a, u, (uint32_t)n, u << 8 | POOLGEN_PRIV_UNIT_RUN);
    poolgen_priv_set_state(poolgen_priv_state(a, u << a->block_shift), POOLGEN_PRIV_BLOCK_LIVE);
    char *p = poolgen_priv_data(a) + ((size_t)u << a->unit_shift);
    POOLGEN_PRIV_SHOW(p, n << a->unit_shift);
    return p;
}

// poolgen_priv_alloc_take is malloc from class c where the cache has no block: it fetches some.
POOLGEN_PRIV_SLOW void *poolgen_priv_alloc_take(poolgen_allocator *a, poolgen_cache *t, uint32_t c)
{
    poolgen_magazine *m = t == NULL ? NULL : &t->magazine[c + 1];
    uint32_t size = poolgen_priv_class(a, c)->size, want = m == NULL || m->cap < 2 ? 1 : m->cap / 2, first = 0, mask = 0, got = 0;
    if (m != NULL && want > 1 && t->bytes + want * size > t->limit) {
        uint32_t room = t->bytes < t->limit ? (t->limit - t->bytes) / size : 0;
        want = room < want ? (room > 1 ? room : 1) : want;
    }
    want = m != NULL && m->n != 0 ? 1 : want;
    void *result = NULL;
    uint32_t w = 0;
    for (int pair = 0; got < want; pair = got > 0) {
        // The word beside the first one, whose states share its cache line, had better be this thread's too.
        w = pair ? w ^ 1 : poolgen_priv_more(a, t, c, want - got, &first, &mask);
        if (pair) {
            mask = w < a->units << (a->block_shift - 5) ? poolgen_priv_claim(a, c, w, want - got, &first) : 0;
        }
        if (mask == 0) {
            if (result == NULL) {
                poolgen_priv_count(&a->refusals);
            }
            break;
        }
        for (uint32_t rest = mask; rest != 0; rest &= rest - 1) {
            uint32_t j = w * 32 + (uint32_t)__builtin_ctz(rest), offset = (first << a->unit_shift) + (j - (first << a->block_shift)) * size;
            if (poolgen_priv_get_state(poolgen_priv_state(a, j)) != POOLGEN_PRIV_BLOCK_FREE) {
                poolgen_priv_count(&a->misuses); // freed twice at the same moment: it is somebody's still
                continue;
            }
            got++;
            if (result == NULL) {
                poolgen_priv_set_state(poolgen_priv_state(a, j), POOLGEN_PRIV_BLOCK_LIVE);
                result = poolgen_priv_data(a) + offset;
                POOLGEN_PRIV_SHOW(result, size);
            } else {
                m->entry[m->n].offset = offset;
                m->entry[m->n++].state = j;
                t->bytes += size;
            }
        }
        if (pair) {
            break; // a round more would cost another search
        }
    }
    return result;
}

// poolgen_priv_fast_malloc is a block of class c.
static inline void *poolgen_priv_fast_malloc(poolgen_cache *t, uint32_t c)
{
    poolgen_magazine *m = &t->magazine[c + 1];
    uint32_t n = m->n;
    if (POOLGEN_PRIV_UNLIKELY(n == 0)) {
        return poolgen_priv_alloc_take(t->allocator, t, c);
    }
    poolgen_entry e = m->entry[n - 1];
    m->n = n - 1;
    t->bytes -= m->size;
    if (POOLGEN_PRIV_UNLIKELY(poolgen_priv_get_state(t->state + e.state) != POOLGEN_PRIV_BLOCK_FREE)) {
        poolgen_priv_count(&t->allocator->misuses); // freed twice at the same moment: it is somebody's still
        return poolgen_priv_alloc_take(t->allocator, t, c);
    }
    poolgen_priv_set_state(t->state + e.state, POOLGEN_PRIV_BLOCK_LIVE);
    void *p = t->data + e.offset;
    POOLGEN_PRIV_SHOW(p, m->size);
    return p;
}

// poolgen_priv_where finds the block that p is the start of: the word of its unit, and the index of its state. 0 or an error.
static inline int poolgen_priv_where(poolgen_allocator *a, const void *p, uint32_t *name, uint32_t *state)
{
    uintptr_t offset = (uintptr_t)p - (uintptr_t)poolgen_priv_data(a);
    if (offset >> a->unit_shift >= a->units) {
        return POOLGEN_EINVAL;
    }
    *name = poolgen_priv_unit(a, (uint32_t)(offset >> a->unit_shift));
    uint32_t first = *name >> 8, k = *name & 255, rest = (uint32_t)offset - (first << a->unit_shift), i = 0;
    if (k == POOLGEN_PRIV_UNIT_NONE) {
        return POOLGEN_ESTALE;
    }
    if (k == POOLGEN_PRIV_UNIT_RUN) {
        if (rest != 0) {
            return POOLGEN_EINVAL;
        }
    } else {
        i = (uint32_t)((uint64_t)rest * poolgen_priv_class(a, k - 1)->reciprocal >> 32);
        if (i * poolgen_priv_class(a, k - 1)->size != rest) {
            return POOLGEN_EINVAL;
        }
    }
    *state = (first << a->block_shift) + i;
    return poolgen_priv_get_state(poolgen_priv_state(a, *state)) == POOLGEN_PRIV_BLOCK_LIVE ? POOLGEN_OK : POOLGEN_ESTALE;
}

// poolgen_priv_free is free where the block does not simply go on top of the cache.
POOLGEN_PRIV_SLOW int poolgen_priv_free(poolgen_allocator *a, poolgen_cache *t, void *p)
{
    uint32_t name = 0, j = 0;
    int err = poolgen_priv_where(a, p, &name, &j);
    if (err != POOLGEN_OK) {
        poolgen_priv_count(&a->misuses);
        return err;
    }
    uint32_t first = name >> 8, k = name & 255;
    if (k == POOLGEN_PRIV_UNIT_RUN) {
        uint32_t n = poolgen_priv_words(a, a->run_offset)[first];
        POOLGEN_PRIV_HIDE(p, (size_t)n << a->unit_shift);
        poolgen_priv_set_state(poolgen_priv_state(a, j), POOLGEN_PRIV_BLOCK_FREE);
        poolgen_priv_name(a, first, n, POOLGEN_PRIV_UNIT_NONE);
        poolgen_priv_run_free(a, first, n);
        return POOLGEN_OK;
    }
    POOLGEN_PRIV_HIDE(p, poolgen_priv_class(a, k - 1)->size);
    poolgen_priv_set_state(poolgen_priv_state(a, j), POOLGEN_PRIV_BLOCK_FREE);
    if (t == NULL || t->magazine[k].cap == 0) {
        poolgen_priv_alloc_give(a, k - 1, first, j / 32, 1u << (j & 31));
        return POOLGEN_OK;
    }
    poolgen_magazine *m = &t->magazine[k];
    if (m->n == m->cap) {
        poolgen_priv_flush(t, k, m->cap / 2);
    }
    m->entry[m->n].offset = (uint32_t)((char *)p - t->data);
    m->entry[m->n++].state = j;
    t->bytes += m->size;
    // Too much in all: one magazine after the other gives half of what it has, beginning where this ended the last time.
    while (t->bytes > t->limit) {
        t->turn = t->turn >= t->classes ? 1 : t->turn + 1;
        poolgen_priv_flush(t, t->turn, t->magazine[t->turn].n / 2);
    }
    return POOLGEN_OK;
}

// poolgen_priv_fast_free is free.
static inline int poolgen_priv_fast_free(poolgen_cache *t, void *p)
{
    uintptr_t offset = (uintptr_t)p - (uintptr_t)t->data;
    if (POOLGEN_PRIV_UNLIKELY(offset >= t->data_size)) {
        return poolgen_priv_free(t->allocator, t, p);
    }
    uint32_t name = poolgen_priv_load(t->unit + (offset >> t->unit_shift));
    poolgen_magazine *m = &t->magazine[name & 255];
    uint32_t rest = (uint32_t)offset - (name >> 8 << t->unit_shift), i = (uint32_t)((uint64_t)rest * m->reciprocal >> 32);
    uint32_t j = (name >> 8 << t->block_shift) + i, n = m->n, bytes = t->bytes + m->size;
    if (POOLGEN_PRIV_UNLIKELY(n >= m->cap || bytes > t->limit || i * m->size != rest ||
                              poolgen_priv_get_state(t->state + j) != POOLGEN_PRIV_BLOCK_LIVE)) {
        return poolgen_priv_free(t->allocator, t, p);
    }
    POOLGEN_PRIV_HIDE(p, m->size);
    poolgen_priv_set_state(t->state + j, POOLGEN_PRIV_BLOCK_FREE);
    m->entry[n].offset = (uint32_t)offset;
    m->entry[n].state = j;
    m->n = n + 1;
    t->bytes = bytes;
    return POOLGEN_OK;
}

#ifdef __cplusplus
}
#endif
#endif
