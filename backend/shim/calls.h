/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The functions of libvirt's that the stand-in calls, found by name in the running daemon: they
 * take and return text, or pass on what only libvirt looks into. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct RlPoolObj RlPoolObj; /* libvirt's virStoragePoolObj */
typedef struct RlPoolDef RlPoolDef; /* virStoragePoolDef */
typedef struct RlVolDef RlVolDef;   /* virStorageVolDef */
typedef struct RlTable RlTable;     /* virStorageBackend, see table.h */

typedef struct {
    RlTable *(*table)(int type);
    RlPoolDef *(*pool_def)(RlPoolObj *obj); /* borrowed */
    char *(*format_pool)(RlPoolDef *def);   /* free() */
    RlVolDef *(*parse_volume)(RlPoolDef *pool, const char *xml, const char *file, unsigned flags);
    char *(*format_volume)(RlPoolDef *pool, RlVolDef *volume);
    void (*free_volume)(RlVolDef *volume);
    int (*add_volume)(RlPoolObj *obj, RlVolDef *volume); /* takes it over, unless it fails */
    __attribute__((format(printf, 6, 7))) void (*report)(int domain, int code, const char *file,
                                                         const char *function, size_t line,
                                                         const char *format, ...);
} RlCalls;

/**
 * rl_calls_find:
 * Fills in @calls. Returns NULL, or the name of a function that this libvirt does not have. What
 * their arguments are is not known by that: see stand-in-proof.h.
 */
const char *rl_calls_find(RlCalls *calls);
