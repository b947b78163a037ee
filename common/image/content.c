/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "content.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-overlays.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/pool/domains.h"
#include "common/pool/volume-state.h"
#include "common/pool/volume.h"
#include "common/pool/writers.h"
#include "torn-copy.h"

/* How often a file may be gone by the time that it is opened; each time somebody else got something
 * done. */
#define ATTEMPTS_MAX 8

/* A direct volume's only image is dirty now. Whose it is, and what makes it clean again? */
static void
refuse_direct(const RlVolume *volume, GError **error)
{
    static const char *const reasons[] = {
        [RL_STATE_RUNNING] = "is a direct volume and running: it has no committed image to read",
        [RL_STATE_LEFT] = "is a direct volume with a leftover dirty image: it has no committed "
                          "image to read. Run and stop its domain, or type 'virt-reflink stop'",
        [RL_STATE_SAVED] =
            "is a direct volume of a saved domain: it has no committed image to read. Restore and "
            "stop the domain, or type 'virt-reflink continue' and 'stop'",
        [RL_STATE_SUSPECT] =
            "is a direct volume and suspect: it has no committed image to read. Type 'virt-reflink "
            "continue' and 'virt-reflink stop'",
        [RL_STATE_BELOW] = "is a direct volume with an external snapshot on it: it has no "
                           "committed image to read. Merge the snapshot and stop the domain, or "
                           "type 'virt-reflink continue' and 'stop'",
        [RL_STATE_FOREIGN] =
            "is a direct volume whose image has no attributes of the pool: it has no committed "
            "image to read. Type 'virt-reflink continue' and 'virt-reflink stop'",
        [RL_STATE_ORPHAN] = NULL, /* persistent ones alone are */
    };
    g_autoptr(RlImageOwner) run = NULL;
    RlState state;

    if (!rl_state_get(volume, &state, &run, error))
        return;
    if (state == RL_STATE_SUSPECT && (rl_state_is_half(volume, run) || (run && run->copied))) {
        rl_state_refuse_suspect(volume, run, "cloned", error);
        return;
    }
    /* Stopped only if it was so just now. */
    const char *reason = reasons[state] ? reasons[state] : reasons[RL_STATE_RUNNING];
    rl_fail(error, RL_ERROR_STATE, "volume '%s' %s", volume->name->volume, reason);
}

/* The file that holds the content of the volume itself, owned by the caller. */
static char *
head_file(const RlVolume *volume, bool live, GError **error)
{
    const char *name = volume->name->volume;

    if (!rl_volume_exists(volume)) {
        rl_fail(error, RL_ERROR_NOT_FOUND, "there is no volume '%s' in pool '%s'", name,
                volume->pool->path);
        return NULL;
    }
    if (volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE) {
        rl_fail(error, RL_ERROR_UNSUPPORTED,
                "volume '%s' is %s: it has no content of its own%s%s%s", name,
                rl_kind_to_string(volume->kind), volume->record->source ? "; use its source '" : "",
                volume->record->source ? volume->record->source : "",
                volume->record->source ? "'" : "");
        return NULL;
    }
    if (live && volume->dirty.there && volume->kind == RL_KIND_PERSISTENT)
        return g_strdup(volume->dirty_file);
    if (volume->clean.there)
        return g_strdup(volume->clean_file);
    if (volume->kind == RL_KIND_DIRECT)
        refuse_direct(volume, error);
    else
        rl_state_require_clean(volume, error);
    return NULL;
}

static char *
revision_file(const RlVolume *volume, const RlName *name, GError **error)
{
    g_autoptr(GPtrArray) revisions =
        volume->dir >= 0 ? rl_revisions_list(volume->dir, name->leaf, error) : rl_revisions_new();
    const RlRevision *revision;

    if (!revisions || !rl_revisions_find_named(revisions, name, &revision, error))
        return NULL;
    if (revision)
        return g_strdup(revision->file);
    rl_fail(error, RL_ERROR_NOT_FOUND, "there is no revision '%s' in pool '%s'", name->text,
            volume->pool->path);
    return NULL;
}

static char *
find_file(const RlVolume *volume, const RlName *name, bool live, GError **error)
{
    switch (name->form) {
    case RL_NAME_HEAD:
        return head_file(volume, live, error);
    case RL_NAME_REVISION:
    case RL_NAME_LABEL:
        return revision_file(volume, name, error);
    case RL_NAME_CURRENT:
        break;
    }
    rl_fail(error, RL_ERROR_INVALID,
            "'%s' cannot be read: it can only be a destination. Read '%s' instead", name->text,
            name->volume);
    return NULL;
}

/* A guest that comes by a migration brings its disks block by block. What the image @fd, opened a
 * moment ago, still says now was so when it was opened. */
static bool
require_arrived(const RlVolume *volume, int fd, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;

    if (!rl_image_owner_get(fd, &run, error))
        return false;
    if (!rl_state_is_half(volume, run))
        return true;
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' cannot be read in its present state: an incoming migration of domain '%s' is "
        "copying its content, or was aborted. Read it when the domain runs here, or read the last "
        "committed state ('virsh vol-clone' to a new volume, 'virsh vol-download')",
        volume->name->volume, run->name);
}

/* A direct volume's image is written in place as soon as it has its other name. A start looks with
 * the lock whether anybody reads it, and makes an image of its own then: nobody begins to read
 * between that and the renaming. */
static bool
is_read_in_place(const RlVolume *volume, const RlName *name)
{
    return volume->kind == RL_KIND_DIRECT && name->form == RL_NAME_HEAD;
}

/* A revision that loses its name while it is opened can become the next precache, as long as
 * nobody has it open: the name tells that it was not yet one. */
static bool
has_name(const RlVolume *volume, const char *file, int fd)
{
    struct stat opened, named;

    return fstat(fd, &opened) == 0 &&
           fstatat(volume->dir, file, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           rl_stat_same(&opened, &named);
}

int
rl_content_open(const RlPool *pool, const char *text, bool live, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse(text, error);

    /* A file that was found may have another name before it is opened: then look anew. */
    for (int i = 0; name; i++) {
        g_autoptr(RlVolume) volume = rl_volume_open(pool, name->volume, error);
        g_autoptr(RlLock) lock = NULL;
        if (!volume || (is_read_in_place(volume, name) &&
                        !(lock = rl_volume_lock_to_read(volume, "read", error))))
            return -1;
        g_autofree char *file = find_file(volume, name, live, error);
        g_autoptr(GError) cause = NULL;
        rl_autofd int fd = file ? rl_volume_open_image(volume, file, &cause) : -1;
        if (cause && (!rl_error_is_errno(cause, ENOENT) || i == ATTEMPTS_MAX - 1))
            g_propagate_error(error, g_steal_pointer(&cause));
        if (cause)
            continue;
        if (fd < 0)
            return -1;
        if (!has_name(volume, file, fd)) {
            if (i < ATTEMPTS_MAX - 1)
                continue;
            rl_fail(error, RL_ERROR_BUSY, "volume '%s': the images change too often. Try again",
                    volume->name->volume);
            return -1;
        }
        bool dirty = strcmp(file, volume->dirty_file) == 0;
        bool fit = dirty ? require_arrived(volume, fd, error)
                         : rl_torn_require_none(volume->name->volume, file, fd, error) &&
                               rl_clean_require_unwritten(volume->name->volume, file, fd,
                                                          RL_CLEAN_PATIENCE_MS, error);
        return fit ? rl_fd_steal(&fd) : -1;
    }
    return -1;
}

/* Whose disk is an overlay on the dirty image of @volume? A snapshot that is made while the domain
 * runs comes to no hook, so libvirt's files are asked: a clone takes longer. *@ret_domain is owned
 * by the caller, NULL for nobody's. */
static bool
find_overlay(const RlVolume *volume, char **ret_domain, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, &cause);

    *ret_domain = NULL;
    if (rl_error_is_errno(cause, ENOENT))
        return true; /* committed or dropped just now */
    if (cause)
        g_propagate_error(error, g_steal_pointer(&cause));
    if (fd < 0 || !rl_overlays_other(fd, NULL, ret_domain, error) ||
        !rl_image_owner_get(fd, &run, error))
        return false;
    /* Who has it as a disk again has merged them; whose overlay was let go of has no run. */
    if (*ret_domain && rl_lease_has_writer(fd))
        g_clear_pointer(ret_domain, g_free);
    if (!*ret_domain && run)
        *ret_domain = rl_domains_find_overlay(volume, NULL, NULL);
    return true;
}

bool
rl_content_require_whole(const RlPool *pool, const char *text, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse(text, error);
    g_autoptr(RlVolume) volume = name ? rl_volume_open(pool, name->volume, error) : NULL;
    g_autofree char *domain = NULL;

    if (!volume)
        return false;
    if (name->form != RL_NAME_HEAD || !volume->dirty.there || volume->kind != RL_KIND_PERSISTENT)
        return true;
    if (!find_overlay(volume, &domain, error))
        return false;
    return !domain ||
           (rl_domains_require_told(volume, "cloned", domain, error) &&
            rl_fail(
                error, RL_ERROR_STATE,
                "volume '%s' cannot be cloned: it is the backing image of an external snapshot "
                "of domain '%s', and the overlay has what was written since. Merge the "
                "snapshot ('virsh blockcommit --active --pivot' while the domain runs), or "
                "copy the whole disk of the domain ('virsh blockcopy'). If it is merged, delete "
                "its record ('virsh snapshot-delete --metadata'). 'virsh vol-download' reads "
                "the last committed state",
                volume->name->volume, domain));
}

char *
rl_content_path(const RlPool *pool, const char *text, bool live, GError **error)
{
    g_autoptr(RlName) name = rl_name_parse(text, error);
    g_autoptr(RlVolume) volume = name ? rl_volume_open(pool, name->volume, error) : NULL;
    g_autofree char *file = volume ? find_file(volume, name, live, error) : NULL;

    return file ? g_build_filename(name->dir, file, NULL) : NULL;
}
