/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. What pools of files and directories have in common. */
#pragma once

#include "storage_backend.h"

int virStorageBackendNamespaceInit(int type, virXMLNamespace *ns);

int virStorageBackendRefreshLocal(virStoragePoolObj *obj);
int virStorageBackendDeleteLocal(virStoragePoolObj *obj, unsigned int flags);

int virStorageBackendVolCreateLocal(virStoragePoolObj *obj, virStorageVolDef *vol);
int virStorageBackendVolBuildLocal(virStoragePoolObj *obj, virStorageVolDef *vol,
                                   unsigned int flags);
int virStorageBackendVolBuildFromLocal(virStoragePoolObj *obj, virStorageVolDef *vol,
                                       virStorageVolDef *input, unsigned int flags);
int virStorageBackendVolRefreshLocal(virStoragePoolObj *obj, virStorageVolDef *vol);
int virStorageBackendVolDeleteLocal(virStoragePoolObj *obj, virStorageVolDef *vol,
                                    unsigned int flags);
int virStorageBackendVolResizeLocal(virStoragePoolObj *obj, virStorageVolDef *vol,
                                    unsigned long long capacity, unsigned int flags);
int virStorageBackendVolUploadLocal(virStoragePoolObj *obj, virStorageVolDef *vol,
                                    virStreamPtr stream, unsigned long long offset,
                                    unsigned long long length, unsigned int flags);
int virStorageBackendVolDownloadLocal(virStoragePoolObj *obj, virStorageVolDef *vol,
                                      virStreamPtr stream, unsigned long long offset,
                                      unsigned long long length, unsigned int flags);
int virStorageBackendVolWipeLocal(virStoragePoolObj *obj, virStorageVolDef *vol,
                                  unsigned int algorithm, unsigned int flags);
