/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pending-volume.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "virobject.h"

#include "common/base/autofd.h"

/* libvirt frees a definition's private data with the definition, and shares it with the shallow
 * copy that buildVol gets. */
typedef struct {
    virObject parent;
    RlStagedImage *draft;
    GMutex lock; /* vol-info asks from another thread while the draft is built */
    int look;    /* so it has a descriptor of its own of the draft's file, that opens nothing */
} Making;

static void
dispose(void *object)
{
    Making *making = object;

    rl_staged_free(making->draft);
    rl_fd_close(&making->look);
    g_mutex_clear(&making->lock);
}

static virClass *
making_class(void)
{
    static gsize once = 0;
    static virClass *class = NULL;

    if (g_once_init_enter(&once)) {
        class = virClassNew(virClassForObject(), "RlMaking", sizeof(Making), sizeof(virObject),
                            dispose);
        g_once_init_leave(&once, 1);
    }
    return class;
}

static Making *
making_of(const virStorageVolDef *vol)
{
    virObject *data = vol->target.privateData;

    return data && virObjectIsClass(data, making_class()) ? (Making *) data : NULL;
}

void
rl_pending_volume_begin(virStorageVolDef *vol, RlStagedImage *draft)
{
    Making *making = virObjectNew(making_class());

    g_mutex_init(&making->lock);
    making->draft = draft;
    making->look = -1;
    virObjectUnref(vol->target.privateData);
    vol->target.privateData = &making->parent;
}

void
rl_pending_volume_opened(const virStorageVolDef *vol)
{
    Making *making = making_of(vol);

    if (!making)
        return;
    g_autofree char *file = g_strdup_printf("/proc/self/fd/%d", making->draft->fd);
    g_mutex_lock(&making->lock);
    rl_fd_close(&making->look);
    making->look = open(file, O_PATH | O_CLOEXEC);
    g_mutex_unlock(&making->lock);
}

RlStagedImage *
rl_pending_volume_image(const virStorageVolDef *vol)
{
    Making *making = making_of(vol);

    return making ? making->draft : NULL;
}

void
rl_pending_volume_end(const virStorageVolDef *vol)
{
    Making *making = making_of(vol);

    if (!making)
        return;
    g_mutex_lock(&making->lock);
    rl_fd_close(&making->look);
    g_mutex_unlock(&making->lock);
    g_clear_pointer(&making->draft, rl_staged_free);
}

bool
rl_pending_volume_is_pending(const virStorageVolDef *vol)
{
    return making_of(vol) != NULL;
}

bool
rl_pending_volume_forget(virStorageVolDef *vol)
{
    if (!making_of(vol))
        return false;
    g_clear_pointer(&vol->target.privateData, virObjectUnref);
    return true;
}

bool
rl_pending_volume_stat(const virStorageVolDef *vol, struct stat *ret_st)
{
    Making *making = making_of(vol);
    bool known = false;

    if (!making)
        return false;
    g_mutex_lock(&making->lock);
    known = making->look >= 0 && fstat(making->look, ret_st) == 0;
    g_mutex_unlock(&making->lock);
    return known;
}
