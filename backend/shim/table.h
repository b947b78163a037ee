/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table of functions that libvirt calls for one type of pools: the only structure of libvirt's
 * that the stand-in knows. It is the same from 9.0.0 to 12.9.0. */
#pragma once

#include "calls.h"

/* libvirt's numbers of the types that have a directory with images (virStoragePoolType). */
enum { RL_TYPE_DIR, RL_TYPE_FS, RL_TYPE_NETFS, RL_TYPES };

struct RlTable {
    int type;
    void *findPoolSources;
    int (*checkPool)(RlPoolObj *obj, bool *ret_active);
    int (*startPool)(RlPoolObj *obj);
    int (*buildPool)(RlPoolObj *obj, unsigned flags);
    int (*refreshPool)(RlPoolObj *obj);
    int (*stopPool)(RlPoolObj *obj);
    int (*deletePool)(RlPoolObj *obj, unsigned flags);
    int (*buildVol)(RlPoolObj *obj, RlVolDef *vol, unsigned flags);
    int (*buildVolFrom)(RlPoolObj *obj, RlVolDef *vol, RlVolDef *input, unsigned flags);
    int (*createVol)(RlPoolObj *obj, RlVolDef *vol);
    int (*refreshVol)(RlPoolObj *obj, RlVolDef *vol);
    int (*deleteVol)(RlPoolObj *obj, RlVolDef *vol, unsigned flags);
    int (*resizeVol)(RlPoolObj *obj, RlVolDef *vol, unsigned long long capacity, unsigned flags);
    int (*uploadVol)(RlPoolObj *obj, RlVolDef *vol, void *stream, unsigned long long offset,
                     unsigned long long length, unsigned flags);
    int (*downloadVol)(RlPoolObj *obj, RlVolDef *vol, void *stream, unsigned long long offset,
                       unsigned long long length, unsigned flags);
    int (*wipeVol)(RlPoolObj *obj, RlVolDef *vol, unsigned algorithm, unsigned flags);
};
