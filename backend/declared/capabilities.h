/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. Of a driver's capabilities, the list of pool types. */
#pragma once

#include "layout.h"
#include "virobject.h"

typedef struct {
    int type; /* virStoragePoolType */
} virCapsStoragePool;

typedef struct {
    virObject parent;
    void *host_and_guests[LAYOUT_CAPABLE];
    size_t npools;
    size_t npools_max;
    virCapsStoragePool **pools;
} virCaps;
