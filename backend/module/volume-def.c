/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-def.h"

#include <unistd.h>

#include "common/format/file-name.h"
#include "common/fs/access-note.h"
#include "common/fs/xattr.h"

char *
rl_volume_def_path(const RlPool *pool, const char *dir, const char *file)
{
    const char *slash = g_str_has_suffix(pool->path, "/") ? "" : "/";

    return g_strconcat(pool->path, slash, dir, "/", file, NULL);
}

virStorageVolDef *
rl_volume_def_new(const char *name, const char *key, const char *path)
{
    virStorageVolDef *vol = g_new0(virStorageVolDef, 1);

    vol->name = g_strdup(name);
    vol->key = g_strdup(key);
    vol->type = VIR_STORAGE_VOL_FILE;
    vol->target.type = VIR_STORAGE_TYPE_FILE;
    vol->target.path = g_strdup(path);
    vol->target.format = VIR_STORAGE_FILE_RAW;
    return vol;
}

void
rl_volume_def_sizes(virStorageVolDef *vol, const struct stat *st)
{
    vol->target.capacity = (unsigned long long) st->st_size;
    vol->target.physical = (unsigned long long) st->st_size;
    vol->target.allocation =
        (unsigned long long) st->st_blocks * 512; /* stat(2): blocks of 512 bytes */
}

void
rl_volume_def_access(virStorageVolDef *vol, const RlAccess *access)
{
    if (!vol->target.perms)
        vol->target.perms = g_new0(virStoragePerms, 1);
    vol->target.perms->mode = access->mode;
    vol->target.perms->uid = access->uid;
    vol->target.perms->gid = access->gid;
}

void
rl_volume_def_stat(virStorageVolDef *vol, const struct stat *st)
{
    const RlAccess access = {st->st_mode & 0777, st->st_uid, st->st_gid};

    rl_volume_def_sizes(vol, st);

    rl_volume_def_access(vol, &access);

    if (!vol->target.timestamps)
        vol->target.timestamps = g_new0(virStorageTimestamps, 1);
    vol->target.timestamps->atime = st->st_atim;
    vol->target.timestamps->mtime = st->st_mtim;
    vol->target.timestamps->ctime = st->st_ctim;
}

void
rl_volume_def_backing(virStorageVolDef *vol, const char *path)
{
    g_clear_pointer(&vol->target.backingStore, virObjectUnref);
    if (!path)
        return;

    virStorageSource *backing = virStorageSourceNew();
    backing->type = VIR_STORAGE_TYPE_FILE;
    backing->path = g_strdup(path);
    backing->format = VIR_STORAGE_FILE_RAW;
    backing->perms = g_new0(virStoragePerms, 1);
    /* Not said: libvirt leaves out what is -1. */
    backing->perms->mode = (mode_t) -1;
    backing->perms->uid = (uid_t) -1;
    backing->perms->gid = (gid_t) -1;
    vol->target.backingStore = backing;
}

/* Which image of @source has the id @id: the clean one, or a revision? Returns its file's name,
 * owned by the caller. */
static char *
find_image_by_id(const RlVolume *source, const char *id)
{
    g_autofree char *clean = NULL;

    if (source->dir < 0)
        return NULL;
    if (source->clean.there &&
        rl_xattr_get_at(source->dir, source->clean_file, RL_ATTR_ID, &clean, NULL) &&
        g_strcmp0(clean, id) == 0)
        return g_strdup(source->clean_file);

    g_autoptr(GPtrArray) revisions = rl_revisions_list(source->dir, source->name->leaf, NULL);
    for (guint i = revisions ? revisions->len : 0; i-- > 0;) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        g_autofree char *other = NULL;
        if (rl_xattr_get_at(source->dir, revision->file, RL_ATTR_ID, &other, NULL) &&
            g_strcmp0(other, id) == 0)
            return g_strdup(revision->file);
    }
    return NULL;
}

/* The path of the image that a snapshot's disk is made of (running) or would be made of (stopped).
 */
static char *
snapshot_backing(const RlVolume *volume)
{
    g_autoptr(RlVolume) source = rl_volume_open(volume->pool, volume->record->source, NULL);
    g_autofree char *id = NULL;
    g_autofree char *file = NULL;

    if (!source)
        return NULL;
    if (!volume->dirty.there)
        return rl_volume_def_path(volume->pool, source->name->dir, source->clean_file);
    if (!rl_xattr_get_at(volume->dir, volume->dirty_file, RL_ATTR_BASE, &id, NULL) || !id)
        return NULL;
    file = find_image_by_id(source, id);
    return file ? rl_volume_def_path(volume->pool, source->name->dir, file) : NULL;
}

static char *
backing_path(const RlVolume *volume)
{
    if (volume->kind == RL_KIND_SNAPSHOT)
        return snapshot_backing(volume);
    if (volume->kind == RL_KIND_PERSISTENT && volume->dirty.there && volume->clean.there)
        return rl_volume_def_path(volume->pool, volume->name->dir, volume->clean_file);
    return NULL;
}

/* A running snapshot's: its source's. */
static void
access_of_source(const RlVolume *volume, RlAccess *access)
{
    g_autoptr(RlVolume) source = rl_volume_open(volume->pool, volume->record->source, NULL);

    if (source && source->clean.there)
        rl_access_of(source->dir, source->clean_file, &source->clean.st, access);
}

/* A running volatile one's: where the record leaves its owner open he is who makes it. */
static void
access_of_record(const RlVolume *volume, RlAccess *access)
{
    *access = volume->record->access;
    if (volume->dirty.there && access->uid == (uid_t) -1)
        access->uid = geteuid();
    if (volume->dirty.there && access->gid == (gid_t) -1)
        access->gid = getegid();
}

/* What the volume's images have at rest: while it runs the dirty one belongs to a device model, and
 * virsh asks for a clone with what it sees here. */
static RlAccess
access_at_rest(const RlVolume *volume)
{
    /* A stopped snapshot's is its source's when it starts. */
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};

    if (volume->clean.there)
        rl_access_of(volume->dir, volume->clean_file, &volume->clean.st, &access);
    else if (volume->kind == RL_KIND_VOLATILE)
        access_of_record(volume, &access);
    else if (volume->kind == RL_KIND_SNAPSHOT && volume->dirty.there)
        access_of_source(volume, &access);
    else if (volume->dirty.there && !rl_access_noted(volume->dir, volume->dirty_file, &access))
        rl_access_of(volume->dir, volume->dirty_file, &volume->dirty.st, &access);
    return access;
}

void
rl_volume_def_volume(virStorageVolDef *vol, const RlVolume *volume)
{
    const RlAccess access = access_at_rest(volume);
    g_autofree char *backing = backing_path(volume);
    uint64_t capacity;

    if (volume->dirty.there || volume->clean.there) {
        rl_volume_def_stat(vol, volume->dirty.there ? &volume->dirty.st : &volume->clean.st);
    } else {
        vol->target.capacity = rl_volume_capacity(volume, &capacity, NULL) ? capacity : 0;
        vol->target.allocation = vol->target.physical = 0;
        g_clear_pointer(&vol->target.timestamps, g_free);
    }
    rl_volume_def_access(vol, &access);
    rl_volume_def_backing(vol, backing);
}
