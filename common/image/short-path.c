/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "short-path.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/volume-name.h"
#include "common/pool/volume.h"
#include "path-link.h"

#define IMAGE_SUFFIX ".img"

char *
rl_short_path_strip(const char *name)
{
    size_t length = strlen(name);

    if (!strchr(name, '@') && g_str_has_suffix(name, IMAGE_SUFFIX))
        length -= strlen(IMAGE_SUFFIX);
    return g_strndup(name, length);
}

/* The parts of @name, owned by the caller; NULL for names that have no short path. */
static RlName *
parse(const char *name)
{
    g_autoptr(RlName) parts = rl_name_parse_volume(name, NULL);

    return parts && strcmp(parts->dir, RL_NAME_FOLDER) == 0 ? g_steal_pointer(&parts) : NULL;
}

/* What @inside is to the volume @leaf: at rest only the links of a pool whose paths they are lead
 * to an image. */
static RlLink
look(const RlPool *pool, const char *inside, const char *leaf)
{
    RlLink found = rl_path_link_look(pool, inside, leaf);

    return found == RL_LINK_CLEAN && !pool->options->path_links ? RL_LINK_FOREIGN : found;
}

static bool
refuse_taken(const RlPool *pool, const char *name, const char *inside, GError **error)
{
    return rl_fail(error, RL_ERROR_NAME,
                   "no volume can be called '%s': its path '%s/%s' is taken by another file or "
                   "directory. Choose another name, or move that file or directory",
                   name, pool->path, inside);
}

static bool
require_no_file(const RlPool *pool, const char *name, GError **error)
{
    g_autofree char *with_suffix = g_strconcat(name, IMAGE_SUFFIX, NULL);

    /* The folder may not have been made yet. */
    if (strcmp(name, RL_NAME_FOLDER) == 0 || look(pool, name, name) == RL_LINK_FOREIGN)
        return refuse_taken(pool, name, name, error);
    return look(pool, with_suffix, name) != RL_LINK_FOREIGN ||
           refuse_taken(pool, name, with_suffix, error);
}

/* Of a directory that is there already its first volume was the last to be asked. */
static bool
require_no_volume(const RlPool *pool, const RlName *name, GError **error)
{
    g_autofree char *first = g_strndup(name->dir, strcspn(name->dir, "/"));
    struct stat st;

    if (fstatat(pool->root, first, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode))
        return true;
    g_autoptr(RlVolume) volume = rl_volume_open(pool, first, NULL);
    return !volume || !rl_volume_exists(volume) ||
           rl_fail(
               error, RL_ERROR_NAME,
               "no volume can be called '%s': its directory '%s/%s' would take the path of volume "
               "'%s'. Choose another name",
               name->volume, pool->path, first, first);
}

bool
rl_short_path_require_free(const RlPool *pool, const RlName *name, GError **error)
{
    return strcmp(name->dir, RL_NAME_FOLDER) == 0 ? require_no_file(pool, name->volume, error)
                                                  : require_no_volume(pool, name, error);
}

/* The volume whose short path @inside is, if it is @taken by something else, or is not. */
static char *
find_volume(const RlPool *pool, const char *inside, bool taken)
{
    g_autofree char *name = rl_short_path_strip(inside);
    g_autoptr(RlName) parts = strchr(inside, '/') ? NULL : parse(name);

    if (!parts || (look(pool, inside, name) == RL_LINK_FOREIGN) != taken)
        return NULL;
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);
    return volume && rl_volume_exists(volume) ? g_steal_pointer(&name) : NULL;
}

char *
rl_short_path_volume(const RlPool *pool, const char *inside)
{
    return find_volume(pool, inside, false);
}

char *
rl_short_path_hidden(const RlPool *pool, const char *inside)
{
    return find_volume(pool, inside, true);
}

/* libvirt would put the overlay of a snapshot "b" of the volume "a" into an empty volume "a.b". */
static bool
refuse_empty(const RlPool *pool, const char *name, const char *inside, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' is empty: libvirt would treat the file with its path '%s/%s' as "
                   "missing. Give it a size (virsh vol-resize)",
                   name, pool->path, inside);
}

/* Of a pool whose paths are links it is turned, too. */
static bool
make_link(const RlVolume *volume, const char *inside, GError **error)
{
    const RlPool *pool = volume->pool;
    const char *name = volume->name->volume;
    g_autofree char *target = g_build_filename(volume->name->dir, volume->dirty_file, NULL);

    if (volume->dirty.there && volume->dirty.st.st_size == 0)
        return refuse_empty(pool, name, inside, error);
    if (pool->options->path_links)
        return volume->dirty.there
                   ? rl_path_link_turn(pool, inside, name, RL_LINK_DIRTY, error)
                   : rl_fail(error, RL_ERROR_STATE, "volume '%s' has no dirty image", name);
    if (symlinkat(target, pool->root, inside) == 0) {
        rl_log_info("linked %s/%s to %s", pool->path, inside, target);
        return true;
    }
    int saved_errno = errno;
    if (saved_errno == EEXIST && look(pool, inside, name) == RL_LINK_DIRTY)
        return true;
    return rl_fail_errno(error, saved_errno, "cannot link '%s/%s' to volume '%s'", pool->path,
                         inside, name);
}

bool
rl_short_path_make(const RlPool *pool, const char *inside, const char *name, GError **error)
{
    g_autoptr(RlName) parts = parse(name);

    if (!parts)
        return rl_fail(error, RL_ERROR_INVALID, "volume '%s' has no short path", name);
    /* With the lock, so that an earlier run's end does not remove it any more. */
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "link", error) : NULL;
    return lock && make_link(volume, inside, error);
}

char *
rl_short_path_made(const RlPool *pool, const char *name)
{
    g_autoptr(RlName) parts = parse(name);
    g_autofree char *with_suffix = g_strconcat(name, IMAGE_SUFFIX, NULL);

    if (!parts)
        return NULL;
    if (look(pool, name, name) == RL_LINK_DIRTY)
        return g_strdup(name);
    return look(pool, with_suffix, name) == RL_LINK_DIRTY ? g_steal_pointer(&with_suffix) : NULL;
}

static void
remove_link(const RlPool *pool, const char *inside, const char *name)
{
    if (look(pool, inside, name) == RL_LINK_DIRTY && unlinkat(pool->root, inside, 0) == 0)
        rl_log_info("removed the link %s/%s", pool->path, inside);
}

void
rl_short_path_tidy(const RlPool *pool, const char *name)
{
    g_autofree char *made = rl_short_path_made(pool, name);
    g_autofree char *with_suffix = g_strconcat(name, IMAGE_SUFFIX, NULL);

    /* Most volumes have none, and need no lock to see that. */
    if (!made)
        return;
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "remove a link", NULL) : NULL;
    if (!lock || volume->dirty.there)
        return;
    remove_link(pool, name, name);
    remove_link(pool, with_suffix, name);
}
