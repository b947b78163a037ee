/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "short-path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/format/volume-name.h"
#include "common/pool/volume.h"

#define IMAGE_SUFFIX ".img"

char *
rl_short_path_strip(const char *name)
{
    size_t length = strlen(name);

    if (!strchr(name, '@') && g_str_has_suffix(name, IMAGE_SUFFIX))
        length -= strlen(IMAGE_SUFFIX);
    return g_strndup(name, length);
}

/* What the link says: the dirty image of the volume @name, from the pool's directory. NULL for
 * names that have no short path. */
static char *
link_target(const char *name)
{
    g_autoptr(RlName) parts = rl_name_parse_volume(name, NULL);

    if (!parts || strcmp(parts->dir, RL_NAME_FOLDER) != 0)
        return NULL;
    g_autofree char *file = rl_file_name(parts->leaf, RL_FILE_DIRTY);
    return g_build_filename(parts->dir, file, NULL);
}

/* 0 if @inside is a link to @target; else the errno: ENOENT if nothing is there, EEXIST if
 * something else is. */
static int
look(const RlPool *pool, const char *inside, const char *target)
{
    char found[PATH_MAX];
    ssize_t length = readlinkat(pool->root, inside, found, sizeof(found));

    if (length < 0)
        return errno == EINVAL ? EEXIST : errno;
    bool ours = (size_t) length == strlen(target) && memcmp(found, target, (size_t) length) == 0;
    return ours ? 0 : EEXIST;
}

static bool
refuse_taken(const RlPool *pool, const char *name, const char *inside, GError **error)
{
    return rl_fail(
        error, RL_ERROR_NAME,
        "no volume can be called '%s': its path '%s/%s' is taken by something else. Choose "
        "another name, or move what is there",
        name, pool->path, inside);
}

static bool
require_no_file(const RlPool *pool, const char *name, const char *target, GError **error)
{
    g_autofree char *with_suffix = g_strconcat(name, IMAGE_SUFFIX, NULL);

    /* The folder may not have been made yet. */
    if (strcmp(name, RL_NAME_FOLDER) == 0 || look(pool, name, target) == EEXIST)
        return refuse_taken(pool, name, name, error);
    return look(pool, with_suffix, target) != EEXIST ||
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
    g_autofree char *target = link_target(name->volume);

    return target ? require_no_file(pool, name->volume, target, error)
                  : require_no_volume(pool, name, error);
}

/* The volume whose short path @inside is, if it is @taken by something else, or is not. */
static char *
find_volume(const RlPool *pool, const char *inside, bool taken)
{
    g_autofree char *name = rl_short_path_strip(inside);
    g_autofree char *target = strchr(inside, '/') ? NULL : link_target(name);

    if (!target || (look(pool, inside, target) == EEXIST) != taken)
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

bool
rl_short_path_make(const RlPool *pool, const char *inside, const char *name, GError **error)
{
    g_autofree char *target = link_target(name);

    if (!target)
        return rl_fail(error, RL_ERROR_INVALID, "volume '%s' has no short path", name);
    /* With the lock, so that an earlier run's end does not remove it any more. */
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "link", error) : NULL;
    if (!lock)
        return false;
    if (symlinkat(target, pool->root, inside) == 0) {
        rl_log_info("linked %s/%s to %s", pool->path, inside, target);
        return true;
    }
    int saved_errno = errno;
    if (saved_errno == EEXIST && look(pool, inside, target) == 0)
        return true;
    return rl_fail_errno(error, saved_errno, "cannot link '%s/%s' to volume '%s'", pool->path,
                         inside, name);
}

char *
rl_short_path_made(const RlPool *pool, const char *name)
{
    g_autofree char *target = link_target(name);
    g_autofree char *with_suffix = g_strconcat(name, IMAGE_SUFFIX, NULL);

    if (!target)
        return NULL;
    if (look(pool, name, target) == 0)
        return g_strdup(name);
    return look(pool, with_suffix, target) == 0 ? g_steal_pointer(&with_suffix) : NULL;
}

static void
remove_link(const RlPool *pool, const char *inside, const char *target)
{
    if (look(pool, inside, target) == 0 && unlinkat(pool->root, inside, 0) == 0)
        rl_log_info("removed the link %s/%s", pool->path, inside);
}

void
rl_short_path_tidy(const RlPool *pool, const char *name)
{
    g_autofree char *made = rl_short_path_made(pool, name);
    g_autofree char *target = link_target(name);
    g_autofree char *with_suffix = g_strconcat(name, IMAGE_SUFFIX, NULL);

    /* Most volumes have none, and need no lock to see that. */
    if (!made)
        return;
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "remove a link", NULL) : NULL;
    if (!lock || volume->dirty.there)
        return;
    remove_link(pool, name, target);
    remove_link(pool, with_suffix, target);
}
