/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A pool of the daemon's, by what libvirt writes of it. */
#pragma once

#include "calls.h"
#include "place.h"

typedef struct {
    int type;                          /* RL_TYPE_DIR, ... (table.h) */
    char *written_name, *written_path; /* as they stand in XML */
    char *name, *path;
    RlPlace place;
} RlPoolText;

/**
 * rl_pool_text:
 * Reads the pool @obj and looks at its directory. One with our options is ours wherever it is.
 * False if libvirt writes what is not understood. To be freed with rl_pool_text_free() in any case.
 */
bool rl_pool_text(const RlCalls *calls, RlPoolObj *obj, RlPoolText *ret_pool);

/**
 * rl_pool_text_free:
 * Frees what @pool has.
 */
void rl_pool_text_free(RlPoolText *pool);
#define auto_pool __attribute__((cleanup(rl_pool_text_free)))

/**
 * rl_pool_text_volume_place:
 * In which place the file of @volume lies, which may be one of another pool than @obj.
 */
RlPlace rl_pool_text_volume_place(const RlCalls *calls, RlPoolObj *obj, RlVolDef *volume);
