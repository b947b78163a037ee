/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "proof.h"

#include <malloc.h>
#include <string.h>

#include "storage_conf.h"
#include "virobject.h"

#include "volume-def.h"

#define VOLUME "a volume's definition (virStorageVolDef)"
#define SOURCE "a volume's image (virStorageSource)"

static const char document[] =
    "<volume type='block'><name>proof</name><key>proof-key</key>"
    "<capacity unit='bytes'>3000000000001</capacity>"
    "<allocation unit='bytes'>2000000000002</allocation>"
    "<target><path>/proof/volume</path><format type='qcow2'/>"
    "<permissions><mode>0601</mode><owner>1001</owner><group>1002</group></permissions>"
    "<encryption format='luks'>"
    "<secret type='passphrase' uuid='01020304-0506-0708-090a-0b0c0d0e0f10'/></encryption></target>"
    "<backingStore><path>/proof/backing</path><format type='qcow2'/>"
    "<permissions><mode>0602</mode><owner>1003</owner><group>1004</group></permissions>"
    "</backingStore></volume>";

static bool
is_perms(const virStoragePerms *perms, mode_t mode, uid_t uid, gid_t gid)
{
    return perms && perms->mode == mode && perms->uid == uid && perms->gid == gid;
}

/* What the parser fills, and what it leaves empty. */
static bool
reads_source(const virStorageSource *target)
{
    const virStorageSource *backing = target->backingStore;

    return target->type == VIR_STORAGE_TYPE_FILE && g_strcmp0(target->path, "/proof/volume") == 0 &&
           target->format == VIR_STORAGE_FILE_QCOW2 && target->capacity == 3000000000001 &&
           target->allocation == 2000000000002 && target->physical == 0 && target->encryption &&
           !target->privateData && !target->timestamps &&
           is_perms(target->perms, 0601, 1001, 1002) && backing &&
           backing->type == VIR_STORAGE_TYPE_FILE &&
           g_strcmp0(backing->path, "/proof/backing") == 0 &&
           backing->format == VIR_STORAGE_FILE_QCOW2 && is_perms(backing->perms, 0602, 1003, 1004);
}

/* Definitions are allocated here for libvirt: the size is the rounded one of the same allocator. */
static bool
has_size(virStorageVolDef *parsed)
{
    virStorageVolDef *ours = rl_volume_def_new("proof", "/proof", "/proof");
    bool same = malloc_usable_size(ours) == malloc_usable_size(parsed);

    virStorageVolDefFree(ours);
    return same;
}

static bool
has_all(const char *text, const char *const *parts)
{
    for (; text && *parts; parts++)
        if (!strstr(text, *parts))
            return false;
    return text != NULL;
}

/* With the functions of the module, but for what they have no use for. */
static bool
writes_source(virStoragePoolDef *pool, virStorageVolDef *vol)
{
    static const char *const parts[] = {
        "type='file'",
        "<name>proof<",
        "<key>/proof<",
        ">8192</capacity>",
        ">512</allocation>",
        ">8192</phys",
        ">/proof<",
        "<format type='raw'/>",
        ">0603<",
        ">1005<",
        ">1006<",
        "<atime>11.000000001</atime>",
        "<mtime>12.000000002",
        "<ctime>13.0000",
        ">/backing<",
        NULL,
    };
    const struct stat st = {.st_mode = 0603,
                            .st_uid = 1005,
                            .st_gid = 1006,
                            .st_size = 8192,
                            .st_blocks = 1,
                            .st_atim = {11, 1},
                            .st_mtim = {12, 2},
                            .st_ctim = {13, 3}};

    rl_volume_def_stat(vol, &st);
    rl_volume_def_backing(vol, "/backing");
    g_autofree char *text = virStorageVolDefFormat(pool, vol);
    return has_all(text, parts);
}

typedef struct {
    virObject parent;
    bool *freed;
} Private;

static void
dispose(void *object)
{
    const Private *private = object;

    *private->freed = true;
}

/* libvirt frees it with the definition. Takes @vol over. */
static bool
frees_private_data(virStorageVolDef *vol)
{
    virClass *class =
        virClassNew(virClassForObject(), "RlProof", sizeof(Private), sizeof(virObject), dispose);
    Private *private = class ? virObjectNew(class) : NULL;
    bool freed = false;

    if (private) {
        private->freed = &freed;
        vol->target.privateData = &private->parent;
    }
    virStorageVolDefFree(vol);
    return freed;
}

const char *
rl_proof_volume(void)
{
    virStoragePoolDef pool = {.name = (char *) "proof", .type = VIR_STORAGE_POOL_DIR};
    g_autoptr(virStorageVolDef) parsed = virStorageVolDefParse(&pool, document, NULL, 0);

    if (!parsed || g_strcmp0(parsed->name, "proof") != 0 ||
        g_strcmp0(parsed->key, "proof-key") != 0 || parsed->type != VIR_STORAGE_VOL_BLOCK ||
        parsed->building || parsed->in_use != 0)
        return VOLUME;
    if (!reads_source(&parsed->target))
        return SOURCE;
    if (!has_size(parsed))
        return VOLUME;
    g_autoptr(virStorageVolDef) made = rl_volume_def_new("proof", "/proof", "/proof");
    if (!writes_source(&pool, made) || !frees_private_data(g_steal_pointer(&made)))
        return SOURCE;
    return NULL;
}
