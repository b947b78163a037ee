/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "calls.h"

#include <dlfcn.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
} wanted[] = {
    {"virStorageBackendForType", offsetof(RlCalls, table)},
    {"virStoragePoolObjGetDef", offsetof(RlCalls, pool_def)},
    {"virStoragePoolDefFormat", offsetof(RlCalls, format_pool)},
    {"virStorageVolDefParse", offsetof(RlCalls, parse_volume)},
    {"virStorageVolDefFormat", offsetof(RlCalls, format_volume)},
    {"virStorageVolDefFree", offsetof(RlCalls, free_volume)},
    {"virStoragePoolObjAddVol", offsetof(RlCalls, add_volume)},
    {"virReportErrorHelper", offsetof(RlCalls, report)},
};

const char *
rl_calls_find(RlCalls *calls)
{
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        void *function = dlsym(RTLD_DEFAULT, wanted[i].name);
        if (!function)
            return wanted[i].name;
        memcpy((char *) calls + wanted[i].offset, &function, sizeof(function));
    }
    return NULL;
}
