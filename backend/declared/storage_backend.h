/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. The table of functions for one type of pools. */
#pragma once

#include "capabilities.h"
#include "virstorageobj.h"

typedef int (*virStorageBackendBuildVolFrom)(virStoragePoolObj *obj, virStorageVolDef *vol,
                                             virStorageVolDef *input, unsigned int flags);

typedef struct {
    int type; /* virStoragePoolType */
    char *(*findPoolSources)(const char *source, unsigned int flags);
    int (*checkPool)(virStoragePoolObj *obj, bool *ret_active);
    int (*startPool)(virStoragePoolObj *obj);
    int (*buildPool)(virStoragePoolObj *obj, unsigned int flags);
    int (*refreshPool)(virStoragePoolObj *obj);
    int (*stopPool)(virStoragePoolObj *obj);
    int (*deletePool)(virStoragePoolObj *obj, unsigned int flags);
    int (*buildVol)(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int flags);
    virStorageBackendBuildVolFrom buildVolFrom;
    int (*createVol)(virStoragePoolObj *obj, virStorageVolDef *vol);
    int (*refreshVol)(virStoragePoolObj *obj, virStorageVolDef *vol);
    int (*deleteVol)(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int flags);
    int (*resizeVol)(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned long long capacity,
                     unsigned int flags);
    int (*uploadVol)(virStoragePoolObj *obj, virStorageVolDef *vol, virStreamPtr stream,
                     unsigned long long offset, unsigned long long length, unsigned int flags);
    int (*downloadVol)(virStoragePoolObj *obj, virStorageVolDef *vol, virStreamPtr stream,
                       unsigned long long offset, unsigned long long length, unsigned int flags);
    int (*wipeVol)(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int algorithm,
                   unsigned int flags);
} virStorageBackend;

virStorageBackend *virStorageBackendForType(int type);
virCaps *virStorageBackendGetCapabilities(void);
