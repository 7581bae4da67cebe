// alloc_hooks: real libraries do real work on a generated allocator, whole, within a budget, and with requests refused at every point.
//
//	alloc_hooks zlib|zstd|lua|cjson|sqlite
//
// It prints how many requests a whole run makes and how many runs ended in the library's own error because one was refused.
#include "check.h"

#define CAM_IMPLEMENTATION
#define PACKET_IMPLEMENTATION
#include "alloc_pool.h"

#define ZSTD_STATIC_LINKING_ONLY
#include <cjson/cJSON.h>
#include <lua5.4/lauxlib.h>
#include <lua5.4/lualib.h>
#include <sqlite3.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

// The requests of a run are counted, and the one numbered refuse is refused, with all that follow if forever is set.
static long requests, refuse, refused;
static int forever, quiet; // quiet: neither counted nor refused

static int refusing(void)
{
    if (quiet) {
        return 0;
    }
    requests++;
    if (requests == refuse || (forever && refuse > 0 && requests > refuse)) {
        refused++;
        return 1;
    }
    return 0;
}

static void *test_malloc(size_t n) { return refusing() ? NULL : cam_malloc(n); }

enum { TEXT = 200000 };
static unsigned char text[TEXT], packed[TEXT * 2], back[TEXT];

// 0: done; 1: the library ran out of memory and said so. Anything else is checked within.
typedef int (*work)(void);

static void *test_zalloc(voidpf opaque, uInt items, uInt size) { return refusing() ? NULL : cam_zalloc(opaque, items, size); }

static int zlib_work(void)
{
    z_stream d, i;
    memset(&d, 0, sizeof(d));
    memset(&i, 0, sizeof(i));
    d.zalloc = i.zalloc = test_zalloc;
    d.zfree = i.zfree = cam_zfree;
    int err = deflateInit(&d, 9);
    if (err != Z_OK) {
        CHECK(err, Z_MEM_ERROR);
        return 1;
    }
    d.next_in = text, d.avail_in = TEXT, d.next_out = packed, d.avail_out = sizeof(packed);
    CHECK(deflate(&d, Z_FINISH), Z_STREAM_END);
    uLong n = d.total_out;
    CHECK(deflateEnd(&d), Z_OK);
    err = inflateInit(&i);
    if (err != Z_OK) {
        CHECK(err, Z_MEM_ERROR);
        return 1;
    }
    i.next_in = packed, i.avail_in = (uInt)n, i.next_out = back, i.avail_out = TEXT;
    err = inflate(&i, Z_FINISH);
    CHECK(inflateEnd(&i), Z_OK);
    if (err == Z_MEM_ERROR) {
        return 1;
    }
    CHECK(err, Z_STREAM_END);
    CHECK(memcmp(text, back, TEXT), 0);
    return 0;
}

static void *test_zstd_alloc(void *opaque, size_t n) { return refusing() ? NULL : cam_zstd_alloc(opaque, n); }

static int zstd_work(void)
{
    ZSTD_customMem mem = CAM_ZSTD_MEM;
    mem.customAlloc = test_zstd_alloc;
    ZSTD_CCtx *c = ZSTD_createCCtx_advanced(mem);
    if (c == NULL) {
        return 1;
    }
    size_t n = ZSTD_compressCCtx(c, packed, sizeof(packed), text, TEXT, 5);
    ZSTD_freeCCtx(c);
    if (ZSTD_isError(n)) {
        CHECK(ZSTD_getErrorCode(n), ZSTD_error_memory_allocation);
        return 1;
    }
    ZSTD_DCtx *d = ZSTD_createDCtx_advanced(mem);
    if (d == NULL) {
        return 1;
    }
    size_t m = ZSTD_decompressDCtx(d, back, TEXT, packed, n);
    ZSTD_freeDCtx(d);
    CHECK(m, TEXT);
    CHECK(memcmp(text, back, TEXT), 0);
    return 0;
}

static void *test_lua_alloc(void *ud, void *p, size_t old, size_t n)
{
    // Lua relies on a block that shrinks.
    if (n > 0 && (p == NULL || n > old) && refusing()) {
        return NULL;
    }
    return cam_lua_alloc(ud, p, old, n);
}

static int lua_work(void)
{
    lua_State *l = lua_newstate(test_lua_alloc, NULL);
    if (l == NULL) {
        return 1;
    }
    static const char script[] = "local s = require 'string' local t = {} for i = 1, 2000 do t[i] = ('%d:%s'):format(i, ('x'):rep(i % 97)) end "
                                 "table.sort(t) local n = 0 for _, v in ipairs(t) do n = n + #v end return n, table.concat(t, ',', 1, 500):len()";
    static const luaL_Reg libs[] = {{"_G", luaopen_base}, {"string", luaopen_string}, {"table", luaopen_table}, {"package", luaopen_package}, {NULL, NULL}};
    int err = 0;
    // What may run out of memory outside a protected call would end the program: the libraries are opened without requests refused.
    quiet = 1;
    for (const luaL_Reg *lib = libs; lib->name != NULL; lib++) {
        luaL_requiref(l, lib->name, lib->func, 1);
        lua_pop(l, 1);
    }
    quiet = 0;
    err = luaL_loadstring(l, script);
    if (err == LUA_OK) {
        err = lua_pcall(l, 0, 2, 0);
    }
    if (err == LUA_OK) {
        CHECK(lua_tointeger(l, -2) > 90000, 1);
        CHECK(lua_tointeger(l, -1) > 10000, 1);
    } else {
        CHECK(err, LUA_ERRMEM);
    }
    lua_close(l);
    return err != LUA_OK;
}

static int cjson_work(void)
{
    cJSON_Hooks h = CAM_CJSON_HOOKS;
    h.malloc_fn = test_malloc;
    cJSON_InitHooks(&h);
    static char json[60000];
    size_t at = 0;
    json[at++] = '[';
    for (int i = 0; i < 1000; i++) {
        at += (size_t)snprintf(json + at, sizeof(json) - at, "%s{\"n\":%d,\"s\":\"frame %d\",\"on\":[true,null]}", i > 0 ? "," : "", i, i);
    }
    snprintf(json + at, sizeof(json) - at, "]");
    cJSON *root = cJSON_Parse(json);
    if (root == NULL) {
        return 1;
    }
    CHECK(cJSON_GetArraySize(root), 1000);
    char *out = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    if (out == NULL) {
        return 1;
    }
    CHECK(strcmp(out, json), 0);
    cJSON_free(out);
    return 0;
}

static void *test_sqlite_malloc(int n) { return refusing() ? NULL : cam_sqlite_malloc(n); }
static void *test_sqlite_realloc(void *p, int n) { return refusing() ? NULL : cam_sqlite_realloc(p, n); }

static int sqlite_sum(void *sum, int n, char **value, char **name)
{
    (void)n, (void)name;
    *(long *)sum = atol(value[0]);
    return 0;
}

static int sqlite_work(void)
{
    sqlite3_mem_methods m = CAM_SQLITE_METHODS;
    m.xMalloc = test_sqlite_malloc;
    m.xRealloc = test_sqlite_realloc;
    CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &m), SQLITE_OK);
    sqlite3 *db = NULL;
    long sum = 0;
    int err = sqlite3_initialize();
    if (err == SQLITE_OK) {
        err = sqlite3_open(":memory:", &db);
    }
    static const char *const steps[] = {
        "CREATE TABLE frame(pts INTEGER PRIMARY KEY, kind TEXT, data BLOB)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) INSERT INTO frame SELECT i, 'kind ' || i % 7, zeroblob(i * 5) FROM n",
        "CREATE INDEX by_kind ON frame(kind, pts)",
        "UPDATE frame SET data = zeroblob(100) WHERE kind = 'kind 3'",
        "DELETE FROM frame WHERE pts % 10 = 0",
    };
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]) && err == SQLITE_OK; i++) {
        err = sqlite3_exec(db, steps[i], NULL, NULL, NULL);
    }
    if (err == SQLITE_OK) {
        err = sqlite3_exec(db, "SELECT sum(pts) FROM (SELECT * FROM frame ORDER BY kind DESC, length(data))", sqlite_sum, &sum, NULL);
    }
    if (err == SQLITE_OK) {
        CHECK(sum, 400 * 401 / 2 - 10 * (40 * 41 / 2));
    } else {
        CHECK(err & 255, SQLITE_NOMEM);
    }
    CHECK(sqlite3_close(db), SQLITE_OK);
    CHECK(sqlite3_shutdown(), SQLITE_OK);
    return err != SQLITE_OK;
}

static void empty(poolgen_allocator *a)
{
    CHECK(poolgen_alloc_count(a, NULL), 0);
    CHECK(a->misuses, 0);
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        work run;
    } all[] = {{"zlib", zlib_work}, {"zstd", zstd_work}, {"lua", lua_work}, {"cjson", cjson_work}, {"sqlite", sqlite_work}};
    work run = NULL;
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (argc > 1 && strcmp(argv[1], all[i].name) == 0) {
            run = all[i].run;
        }
    }
    CHECK(run != NULL, 1);
    for (int i = 0; i < TEXT; i++) {
        text[i] = (unsigned char)((unsigned char)"frame of sound "[i % 15] + ((unsigned)i * 2654435761u >> 29));
    }
    void *mem = NULL;
    CHECK(posix_memalign(&mem, 4096, cam_size()), 0);
    memset(mem, 0, cam_size());
    poolgen_allocator *a = (poolgen_allocator *)mem;
    CHECK(cam_init(mem, cam_size()), POOLGEN_OK);
    CHECK(cam_use(a), POOLGEN_OK);

    CHECK(run(), 0);
    empty(a);
    long whole = requests;
    CHECK(whole > 2, 1);

    // Every request is refused once, alone and with all that follow; of many, as many as there is time for.
    long errors = 0, step = whole > 400 ? whole / 400 : 1;
    for (forever = 0; forever < 2; forever++) {
        for (refuse = 1; refuse <= whole; refuse += step) {
            requests = refused = 0;
            errors += run();
            CHECK(refused > 0, 1);
            empty(a);
        }
    }
    CHECK(errors > 0, 1);
    refuse = 0;

    // A budget that is nearly used up refuses by itself, and is never passed.
    static void *held[20000];
    int n = 0;
    for (size_t size = 65536; size >= 64; size /= 4) {
        while ((held[n] = cam_malloc(size)) != NULL) {
            n++;
        }
    }
    uint32_t before = a->refusals;
    int starved = 0;
    while (run() != 0) {
        starved++;
        for (int i = 0; i < 8 && n > 0; i++) {
            cam_free(held[--n]);
        }
    }
    CHECK(starved > 0 && a->refusals > before, 1);
    CHECK(a->high <= a->units && a->map_size <= CAM_BUDGET, 1);
    while (n > 0) {
        cam_free(held[--n]);
    }
    cam_thread_flush();
    empty(a);
    CHECK(cam_use(NULL), POOLGEN_OK);
    POOLGEN_PRIV_SHOW(poolgen_priv_data(a), (size_t)(a->map_size - a->data));
    free(mem);
    printf("%ld requests, %ld errors, %d starved\n", whole, errors, starved);
    return 0;
}
