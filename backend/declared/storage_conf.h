/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Declared: see README.md in this folder. Definitions of pools and volumes. */
#pragma once

#include <libxml/xpath.h>
#include <time.h>

#include "layout.h"
#include "virbuffer.h"
#include "virobject.h"

typedef enum {
    VIR_STORAGE_TYPE_FILE = 1,
} virStorageType;

typedef enum {
    VIR_STORAGE_FILE_NONE = 0,
    VIR_STORAGE_FILE_RAW = 1,
    VIR_STORAGE_FILE_QCOW2 = 14,
} virStorageFileFormat;

typedef enum {
    VIR_STORAGE_POOL_DIR = 0,
    VIR_STORAGE_POOL_FS = 1,
    VIR_STORAGE_POOL_NETFS = 2,
    VIR_STORAGE_POOL_LOGICAL = 3,
    VIR_STORAGE_POOL_DISK = 4,
    VIR_STORAGE_POOL_VSTORAGE = 13,
    VIR_STORAGE_POOL_LAST = 14,
} virStoragePoolType;

typedef struct {
    int (*parse)(xmlXPathContextPtr context, void **ret_data);
    void (*free)(void *data);
    int (*format)(virBuffer *buffer, void *data);
    const char *prefix;
    const char *uri;
} virXMLNamespace;

typedef struct {
    mode_t mode;
    uid_t uid;
    gid_t gid;
    char *label;
} virStoragePerms;

typedef struct {
    struct timespec atime;
    struct timespec btime;
    struct timespec ctime;
    struct timespec mtime;
} virStorageTimestamps;

typedef struct _virStorageSource virStorageSource;
struct _virStorageSource {
    virObject parent;
    unsigned int id;
    int type; /* virStorageType */
    char *path;
    void *front[LAYOUT_FRONT];
    void *encryption;
    void *before_private_data[LAYOUT_PRIVATE];
    virObject *privateData;
    int format; /* virStorageFileFormat */
    void *before_perms[4];
    virStoragePerms *perms;
    virStorageTimestamps *timestamps;
    unsigned long long capacity;   /* bytes */
    unsigned long long allocation; /* bytes */
    unsigned long long physical;   /* bytes */
    void *before_backing_store[6];
    virStorageSource *backingStore;
    void *end[LAYOUT_END];
};

virStorageSource *virStorageSourceNew(void);
const char *virStorageFileFormatTypeToString(int format);

typedef struct {
    char *name;
    char *key;
    int type; /* virStorageVolType */
    bool building;
    unsigned int in_use;
    void *extents[3];
    virStorageSource target;
} virStorageVolDef;

typedef struct {
    void *extents[2];
    char *path;
    int format[6];
} virStoragePoolSourceDevice;

typedef struct {
    char *name;
    unsigned char uuid[VIR_UUID_BUFLEN];
    int type; /* virStoragePoolType */
    void *refresh;
    unsigned long long allocation; /* bytes */
    unsigned long long capacity;   /* bytes */
    unsigned long long available;  /* bytes */
    struct {
        virTristateBool cow;
    } features;
    struct {
        void *hosts[2];
        size_t ndevice;
        virStoragePoolSourceDevice *devices;
        void *rest[16];
    } source;
    struct {
        char *path;
        virStoragePerms perms;
    } target;
    void *namespaceData;
    virXMLNamespace ns;
} virStoragePoolDef;

virStoragePoolDef *virStoragePoolDefParse(const char *xml, const char *file, unsigned int flags);
char *virStoragePoolDefFormat(virStoragePoolDef *def);
void virStoragePoolDefFree(virStoragePoolDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStoragePoolDef, virStoragePoolDefFree)

virStorageVolDef *virStorageVolDefParse(virStoragePoolDef *pool, const char *xml, const char *file,
                                        unsigned int flags);
char *virStorageVolDefFormat(virStoragePoolDef *pool, virStorageVolDef *def);
void virStorageVolDefFree(virStorageVolDef *def);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(virStorageVolDef, virStorageVolDefFree)
