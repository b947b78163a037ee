/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stand-in-proof.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <libvirt/virterror.h>
#include <string.h>

#include "pool-text.h"
#include "scope.h"
#include "stand-in.h"
#include "table.h"
#include "xml-text.h"

static const struct {
    const char *name;
    size_t offset;
} stock_functions[] = {
    {"virStorageBackendRefreshLocal", offsetof(RlTable, refreshPool)},
    {"virStorageBackendDeleteLocal", offsetof(RlTable, deletePool)},
    {"virStorageBackendVolBuildLocal", offsetof(RlTable, buildVol)},
    {"virStorageBackendVolBuildFromLocal", offsetof(RlTable, buildVolFrom)},
    {"virStorageBackendVolCreateLocal", offsetof(RlTable, createVol)},
    {"virStorageBackendVolRefreshLocal", offsetof(RlTable, refreshVol)},
    {"virStorageBackendVolDeleteLocal", offsetof(RlTable, deleteVol)},
    {"virStorageBackendVolResizeLocal", offsetof(RlTable, resizeVol)},
    {"virStorageBackendVolUploadLocal", offsetof(RlTable, uploadVol)},
    {"virStorageBackendVolDownloadLocal", offsetof(RlTable, downloadVol)},
    {"virStorageBackendVolWipeLocal", offsetof(RlTable, wipeVol)},
};

/* Has the slot at @offset a function of the file that @known is in? */
static bool
is_of_same_file(const RlTable *table, size_t offset, const void *known)
{
    Dl_info one, other;
    void *function;

    memcpy(&function, (const char *) table + offset, sizeof(function));
    return function && dladdr(function, &one) && dladdr(known, &other) &&
           one.dli_fbase == other.dli_fbase;
}

bool
rl_stand_in_is_table(const RlTable *table, int type)
{
    for (size_t i = 0; i < sizeof(stock_functions) / sizeof(stock_functions[0]); i++) {
        void *function = dlsym(RTLD_DEFAULT, stock_functions[i].name);
        if (!function || memcmp((const char *) table + stock_functions[i].offset, &function,
                                sizeof(function)) != 0)
            return false;
    }
    /* Those without a name that is known come from the file that the table is in. */
    return table->type == type &&
           (type != RL_TYPE_DIR || (!table->startPool && !table->stopPool)) &&
           is_of_same_file(table, offsetof(RlTable, checkPool), table) &&
           is_of_same_file(table, offsetof(RlTable, buildPool), table);
}

/* Only the proof calls these. */
typedef struct {
    RlPoolDef *(*parse_pool)(const char *xml, const char *file, unsigned flags);
    RlPoolObj *(*new_pool)(void);
    void (*set_def)(RlPoolObj *obj, RlPoolDef *def);
    RlVolDef *(*find_volume)(RlPoolObj *obj, const char *name);
} Tools;

static bool
find_tools(Tools *tools)
{
    void *functions[] = {
        dlsym(RTLD_DEFAULT, "virStoragePoolDefParse"),
        dlsym(RTLD_DEFAULT, "virStoragePoolObjNew"),
        dlsym(RTLD_DEFAULT, "virStoragePoolObjSetDef"),
        dlsym(RTLD_DEFAULT, "virStorageVolDefFindByName"),
    };

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (!functions[i])
            return false;
    memcpy(tools, functions, sizeof(functions));
    return true;
}

/* What the trial makes libvirt report is no news. */
static void
be_silent(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int (*reset)(void) = (int (*)(void)) dlsym(RTLD_DEFAULT, "virLogReset");

    if (null >= 0)
        dup2(null, STDERR_FILENO);
    if (reset)
        reset();
}

static bool
reports(const RlCalls *calls)
{
    calls->report(VIR_FROM_STORAGE, VIR_ERR_OPERATION_INVALID, __FILE__, __func__, __LINE__, "%s",
                  "proof of the stand-in");
    const virError *error = virGetLastError();
    bool right = error && error->domain == VIR_FROM_STORAGE &&
                 error->code == VIR_ERR_OPERATION_INVALID && error->message &&
                 strstr(error->message, "proof of the stand-in");
    virResetLastError();
    return right;
}

static bool
lists_volumes(const RlCalls *calls, const Tools *tools, RlPoolObj *obj)
{
    static const char name[] = "a&amp;b/c", file[] = "/proc/a&amp;b/c-dirty.img";

    if (!rl_stand_in_add_volume(calls, obj, name, file, 3000000000001) ||
        rl_stand_in_add_volume(calls, obj, name, file, 1))
        return false;
    RlVolDef *volume = tools->find_volume(obj, "a&b/c");
    auto_free char *text = volume ? calls->format_volume(calls->pool_def(obj), volume) : NULL;
    auto_free char *path = text ? rl_xml_text_element(text, "target", "path") : NULL;
    return path && strcmp(path, file) == 0 && strstr(text, ">3000000000001<");
}

static bool
reads_pool(const RlCalls *calls, RlPoolObj *obj)
{
    auto_pool RlPoolText pool;

    return rl_pool_text(calls, obj, &pool) && pool.type == RL_TYPE_DIR &&
           strcmp(pool.name, "a&b") == 0 && strcmp(pool.path, "/proc") == 0;
}

/* Through the stand-in to the stock function: /proc is there, and no pool of ours. */
static bool
checks_pool(const RlCalls *calls, RlPoolObj *obj)
{
    bool active = false;

    return calls->table(RL_TYPE_DIR)->checkPool(obj, &active) == 0 && active;
}

const char *
rl_stand_in_prove_calls(const RlCalls *calls)
{
    Tools tools;

    be_silent();
    if (!find_tools(&tools))
        return "the functions for its proof";
    RlPoolDef *def = tools.parse_pool("<pool type='dir'><name>a&amp;b</name>"
                                      "<target><path>/proc</path></target></pool>",
                                      NULL, 0);
    RlPoolObj *obj = def ? tools.new_pool() : NULL;
    if (!obj)
        return "a pool's definition (virStoragePoolDef)";
    tools.set_def(obj, def);
    if (calls->pool_def(obj) != def || !reads_pool(calls, obj))
        return "a pool's definition (virStoragePoolDef)";
    if (!checks_pool(calls, obj))
        return "the table of functions (virStorageBackend)";
    if (!lists_volumes(calls, &tools, obj))
        return "a volume's definition (virStorageVolDef)";
    return reports(calls) ? NULL : "errors (virReportErrorHelper)";
}

char *
rl_stand_in_parse_and_format(const char *xml)
{
    RlCalls calls;
    Tools tools;

    be_silent();
    if (rl_calls_find(&calls) || !find_tools(&tools))
        return NULL;
    RlPoolDef *def = tools.parse_pool(xml, NULL, 0);
    return def ? calls.format_pool(def) : NULL;
}
