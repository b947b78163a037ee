/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* New volumes and revisions: createVol begins, buildVol and buildVolFrom fill and publish. */
#include "module.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "virerror.h"

#include "background.h"
#include "client-alive.h"
#include "clone-source.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/image/content.h"
#include "common/image/short-path.h"
#include "common/image/volume-path.h"
#include "common/operation/begin-replacement.h"
#include "common/operation/clone.h"
#include "common/pool/capacity.h"
#include "creation-rights.h"
#include "new-volume.h"
#include "other-pool-targets.h"
#include "pending-volume.h"
#include "volume-list.h"
#include "xml/documents.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

static int
require_raw(const virStorageVolDef *vol)
{
    if (vol->target.format != VIR_STORAGE_FILE_RAW && vol->target.format != VIR_STORAGE_FILE_NONE) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "volume '%s': a reflink pool has only raw volumes, not '%s'. Use the format raw, or "
            "'virt-reflink import' for an image that exists",
            vol->name, NULLSTR(virStorageFileFormatTypeToString(vol->target.format)));
        return -1;
    }
    if (vol->target.encryption) {
        virReportError(
            VIR_ERR_CONFIG_UNSUPPORTED,
            "volume '%s': a reflink pool does not encrypt volumes. Leave out <encryption>",
            vol->name);
        return -1;
    }
    return 0;
}

/* The name and path that the finished draft will have. NAME.img is called NAME. NAME@current is
 * given the name of the revision that holds what it replaces: that is what the caller gets back. */
static void
settle_name(virStorageVolDef *vol, const RlStagedImage *draft)
{
    const RlName *name = draft->name;
    g_autofree char *file = NULL, *path = NULL;

    if (name->form == RL_NAME_CURRENT) {
        g_free(vol->name);
        vol->name = g_strdup_printf("%s@%" G_GUINT64_FORMAT, name->volume, draft->revision);
        file = rl_file_name_revision(name->leaf, draft->revision, draft->replaced.st_mtim.tv_sec);
    } else if (name->form == RL_NAME_LABEL) {
        file = rl_file_name_label(name->leaf, name->label);
    } else {
        g_free(vol->name);
        vol->name = g_strdup(name->volume);
        file = rl_file_name(name->leaf, RL_FILE_DIRTY);
        path = draft->path ? g_build_filename(draft->pool->path, draft->path, NULL)
                           : rl_volume_path(draft->pool, name->dir, name->leaf);
    }
    g_free(vol->key);
    vol->key = g_build_filename(draft->pool->path, name->dir, file, NULL);
    g_free(vol->target.path);
    vol->target.path = path ? g_steal_pointer(&path) : g_strdup(vol->key);
    vol->type = VIR_STORAGE_VOL_FILE;
    vol->target.format = VIR_STORAGE_FILE_RAW;
}

/* The pool is locked, and with it everything that asks for a pool: so nothing is waited for here,
 * and nothing made. That is done when the volume is built.
 *
 * The revision that holds what is replaced is named now, and may be listed: a commit that was cut
 * off leaves the clean image with the name of its next one. That entry may be the source of what is
 * to be created, and libvirt is about to use it: it can neither be dropped nor doubled. So the name
 * is given up, and the next number taken. */
static RlStagedImage *
begin(virStoragePoolObj *obj, RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlStagedImage) draft = rl_staged_begin(pool, name, error);

    if (!draft || draft->name->form != RL_NAME_CURRENT)
        return g_steal_pointer(&draft);
    if (!rl_replace_foretell(draft, error))
        return NULL;
    for (;; draft->revision++) {
        g_autofree char *revision =
            g_strdup_printf("%s@%" G_GUINT64_FORMAT, draft->name->volume, draft->revision);
        const virStorageVolDef *listed = virStorageVolDefFindByName(obj, revision);
        if (!listed)
            return g_steal_pointer(&draft);
        if (listed->building) {
            rl_fail(error, RL_ERROR_BUSY, "another client is replacing volume '%s' now. Try again",
                    name);
            return NULL;
        }
    }
}

/* The link that the client takes for the path of what it calls @wanted, if that is another one than
 * the usual: it puts the path of the pool before the name, and into a domain. Owned by the caller;
 * or NULL. */
static char *
path_asked_for(const RlStagedImage *draft, const char *wanted)
{
    const RlName *name = draft->name;

    return name->form == RL_NAME_HEAD && rl_pool_has_links(draft->pool, name->dir) &&
                   !strchr(wanted, '/') && strcmp(wanted, name->leaf) != 0
               ? g_strdup(wanted)
               : NULL;
}

/* libvirt has looked for the name that the client gave. */
static int
require_unlisted(virStoragePoolObj *obj, const virStorageVolDef *vol, const char *name)
{
    if (STREQ(vol->name, name) || !virStorageVolDefFindByName(obj, name))
        return 0;
    virReportError(VIR_ERR_STORAGE_VOL_EXIST, "'%s' (requested as '%s')", name, vol->name);
    return -1;
}

int
rl_vol_create_cb(virStoragePoolObj *obj, virStorageVolDef *vol)
{
    GError *error = NULL;

    int ours = rl_is_reflink(obj);
    if (ours < 0)
        return -1;
    if (ours == 0)
        return rl_other_pool_require_name(vol) < 0 ? -1 : rl_stock()->createVol(obj, vol);
    if (require_raw(vol) < 0)
        return -1;

    /* What libvirt has by now: for a clone at least its source's. */
    vol->target.capacity = rl_capacity_round_for(vol->name, vol->target.capacity);

    RlAskedKind asked;
    g_autofree char *wanted = rl_asked_kind_split(vol->name, &asked, &error);
    if (!wanted)
        return rl_report(error);
    /* Clients that put the suffix of the format behind a name, as virt-install does. */
    g_autofree char *name = rl_short_path_strip(wanted);
    if (require_unlisted(obj, vol, name) < 0 ||
        rl_rights_require_name(virStoragePoolObjGetDef(obj), name, vol->name) < 0)
        return -1;

    RlPool *pool = rl_open_pool(obj);
    RlStagedImage *draft = pool ? begin(obj, pool, name, &error) : NULL;
    if (!draft)
        return error ? rl_report_about(error, vol->name) : -1;
    draft->asked = asked;
    draft->path = path_asked_for(draft, wanted);
    rl_pending_volume_begin(vol, draft);
    settle_name(vol, draft);
    return 0;
}

static int
refuse_metadata(const RlStagedImage *draft, unsigned int flags)
{
    if (!(flags & VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA))
        return 0;
    virReportError(VIR_ERR_OPERATION_UNSUPPORTED,
                   "volume '%s': metadata cannot be preallocated, since raw volumes have none",
                   draft->name->text);
    return -1;
}

/* Nobody waits for the pool any more. */
static int
open_draft(RlStagedImage *draft, const virStorageVolDef *vol)
{
    RlAccess access = rl_new_volume_access(vol);
    GError *error = NULL;

    if (!rl_staged_open(draft, &access, &error))
        return rl_report_about(error, draft->name->text);
    rl_pending_volume_opened(vol);
    return 0;
}

/* A copy, where the pool's options allow one, goes on as long as its client is there. */
static void
watch_client(RlStagedImage *draft, RlClient *client)
{
    *client = rl_client_of_call();
    draft->go_on = rl_client_is_there;
    draft->go_on_data = client;
}

static bool
fill_from(RlStagedImage *draft, const char *source, uint64_t capacity, GError **error)
{
    rl_autofd int from = rl_clone_open(draft, draft->pool, source, error);

    return from >= 0 &&
           rl_staged_fill(draft, from, capacity, draft->pool->options->fallback_copy, error);
}

static int
build(virStoragePoolObj *obj, RlStagedImage *draft, const virStorageVolDef *vol, unsigned int flags)
{
    g_auto(RlNewVolume) new = {0};
    GError *error = NULL;
    RlClient client;

    if (refuse_metadata(draft, flags) < 0)
        return -1;
    if (draft->name->form != RL_NAME_HEAD) {
        virReportError(VIR_ERR_INVALID_ARG,
                       "'%s' can only be made from an existing volume or revision (vol-clone, "
                       "vol-create-from)",
                       draft->name->text);
        return -1;
    }
    if (rl_rights_require_users(virStoragePoolObjGetDef(obj), draft) < 0 ||
        rl_new_volume_decide(obj, draft, vol, &new) < 0 || open_draft(draft, vol) < 0)
        return -1;
    watch_client(draft, &client);
    if ((new.source && !fill_from(draft, new.source, vol->target.capacity, &error)) ||
        !rl_staged_create(draft, new.record, vol->target.capacity, &error))
        return rl_report_about(error, draft->name->text);
    /* Any other new image is empty: its clone costs nothing. */
    if (new.source || (new.record &&new.record->kind == RL_KIND_SNAPSHOT))
        rl_background_maintain(draft->pool, draft->name->volume);
    return 0;
}

int
rl_vol_build_cb(virStoragePoolObj *obj, virStorageVolDef *vol, unsigned int flags)
{
    RlStagedImage *draft = rl_pending_volume_image(vol);

    if (!draft)
        return rl_stock()->buildVol(obj, vol, flags);

    int rc = build(obj, draft, vol, flags);
    rl_pending_volume_end(vol);
    return rc;
}

static int
build_from(virStoragePoolObj *obj, RlStagedImage *draft, const virStorageVolDef *vol,
           const virStorageVolDef *input, unsigned int flags)
{
    /* A revision has the size of what it is of; libvirt's wish for more is for new volumes. */
    uint64_t capacity = draft->name->form == RL_NAME_HEAD ? vol->target.capacity : 0;
    GError *error = NULL;
    bool same_pool;

    if (refuse_metadata(draft, flags) < 0 ||
        rl_rights_require_users(virStoragePoolObjGetDef(obj), draft) < 0 ||
        open_draft(draft, vol) < 0)
        return -1;
    rl_autofd int from = rl_clone_source_open(draft, input, &same_pool, &error);
    if (from < 0)
        return rl_report(error);
    RlClient client;
    watch_client(draft, &client);

    /* From elsewhere a copy is what is expected; within the pool only if its options allow it. */
    bool may_copy = !(flags & VIR_STORAGE_VOL_CREATE_REFLINK) &&
                    (!same_pool || draft->pool->options->fallback_copy);
    if (!rl_staged_fill(draft, from, capacity, may_copy, &error))
        return rl_report_about(error, draft->name->text);
    if (rl_rights_require_replacement(virStoragePoolObjGetDef(obj), draft) < 0)
        return -1;
    if (!rl_clone_publish(draft, capacity, &error))
        return rl_report_about(error, draft->name->text);
    if (draft->name->form != RL_NAME_LABEL)
        rl_background_maintain(draft->pool, draft->name->volume);
    return 0;
}

int
rl_vol_build_from_cb(virStoragePoolObj *obj, virStorageVolDef *vol, virStorageVolDef *input,
                     unsigned int flags)
{
    RlStagedImage *draft = rl_pending_volume_image(vol);

    if (!draft)
        return rl_clone_source_build_stock(rl_stock()->buildVolFrom, obj, vol, input, flags);

    int rc =
        rl_rights_require_source(obj, input) < 0 ? -1 : build_from(obj, draft, vol, input, flags);
    rl_pending_volume_end(vol);
    return rc;
}
