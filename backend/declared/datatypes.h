/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. What public handles point at. */
#pragma once

#include "virobject.h"

typedef struct {
    int (*streamSend)(virStreamPtr stream, const char *data, size_t size);
    int (*streamRecv)(virStreamPtr stream, char *data, size_t size);
    int (*streamRecvFlags)(virStreamPtr stream, char *data, size_t size, unsigned int flags);
    int (*streamSendHole)(virStreamPtr stream, long long length, unsigned int flags);
    int (*streamRecvHole)(virStreamPtr stream, long long *length, unsigned int flags);
    int (*streamInData)(virStreamPtr stream, int *in_data, long long *length);
    int (*streamEventAddCallback)(virStreamPtr stream, int events, virStreamEventCallback callback,
                                  void *opaque, virFreeCallback release);
    int (*streamEventUpdateCallback)(virStreamPtr stream, int events);
    int (*streamEventRemoveCallback)(virStreamPtr stream);
    int (*streamFinish)(virStreamPtr stream);
    int (*streamAbort)(virStreamPtr stream);
} virStreamDriver;

struct _virStream {
    virObject parent;
    virConnectPtr connection;
    unsigned int flags;
    virStreamDriver *driver;
    /* private data and its destructor follow; libvirt allocates streams */
};

struct _virStoragePool {
    virObject parent;
    virConnectPtr connection;
    char *name;
    unsigned char uuid[VIR_UUID_BUFLEN];
    /* private data and its destructor follow; libvirt allocates pools */
};

virConnectPtr virGetConnect(void);
virStreamPtr virGetStream(virConnectPtr connection);
virStoragePoolPtr virGetStoragePool(virConnectPtr connection, const char *name,
                                    const unsigned char *uuid, void *private_data,
                                    virFreeCallback release);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(virConnect, virObjectUnref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStoragePool, virObjectUnref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageVol, virObjectUnref)
