/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in the folder above. What the administrator lets a caller do. */
#pragma once

#include "storage_conf.h"

typedef enum {
    VIR_ACCESS_PERM_STORAGE_VOL_CREATE = 2,
    VIR_ACCESS_PERM_STORAGE_VOL_DELETE = 3,
    VIR_ACCESS_PERM_STORAGE_VOL_RESIZE = 5,
    VIR_ACCESS_PERM_STORAGE_VOL_DATA_READ = 6,
    VIR_ACCESS_PERM_STORAGE_VOL_DATA_WRITE = 7,
} virAccessPermStorageVol;

typedef struct _virAccessManager virAccessManager;

virAccessManager *virAccessManagerGetDefault(void);
int virAccessManagerCheckStorageVol(virAccessManager *manager, const char *driver,
                                    virStoragePoolDef *pool, virStorageVolDef *vol,
                                    virAccessPermStorageVol permission);
const char *virAccessPermStorageVolTypeToString(virAccessPermStorageVol permission);
