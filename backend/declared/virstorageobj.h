/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. A pool that the daemon knows. */
#pragma once

#include "storage_conf.h"

typedef struct _virStoragePoolObj virStoragePoolObj;

virStoragePoolDef *virStoragePoolObjGetDef(virStoragePoolObj *obj);
bool virStoragePoolObjIsActive(virStoragePoolObj *obj);
void virStoragePoolObjIncrAsyncjobs(virStoragePoolObj *obj);
void virStoragePoolObjDecrAsyncjobs(virStoragePoolObj *obj);

int virStoragePoolObjAddVol(virStoragePoolObj *obj, virStorageVolDef *vol);
void virStoragePoolObjRemoveVol(virStoragePoolObj *obj, virStorageVolDef *vol);
int virStoragePoolObjForEachVolume(virStoragePoolObj *obj,
                                   int (*visit)(virStorageVolDef *vol, const void *opaque),
                                   const void *opaque);
virStorageVolDef *virStorageVolDefFindByName(virStoragePoolObj *obj, const char *name);
