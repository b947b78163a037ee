/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "path-link.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/format/volume-name.h"

/* What a link says, from the pool's directory; owned by the caller. */
static char *
target_of(const char *leaf, RlLink link)
{
    g_autofree char *file =
        rl_file_name(leaf, link == RL_LINK_DIRTY ? RL_FILE_DIRTY : RL_FILE_CLEAN);

    return g_build_filename(RL_NAME_FOLDER, file, NULL);
}

static bool
is_target(const char *found, size_t length, const char *leaf, RlLink link)
{
    g_autofree char *target = target_of(leaf, link);

    return length == strlen(target) && memcmp(found, target, length) == 0;
}

RlLink
rl_path_link_look(const RlPool *pool, const char *inside, const char *leaf)
{
    char found[PATH_MAX];
    ssize_t length = readlinkat(pool->root, inside, found, sizeof(found));

    if (length < 0)
        return errno == ENOENT ? RL_LINK_NONE : RL_LINK_FOREIGN;
    if (is_target(found, (size_t) length, leaf, RL_LINK_DIRTY))
        return RL_LINK_DIRTY;
    return is_target(found, (size_t) length, leaf, RL_LINK_CLEAN) ? RL_LINK_CLEAN : RL_LINK_FOREIGN;
}

static bool
refuse_taken(const RlPool *pool, const char *inside, const char *leaf, GError **error)
{
    return rl_fail(error, RL_ERROR_NAME,
                   "volume '%s': its path '%s/%s' is taken by another file. Move that file", leaf,
                   pool->path, inside);
}

static bool
fail(const RlPool *pool, const char *inside, const char *leaf, GError **error)
{
    return rl_fail_errno(error, errno, "volume '%s': cannot make the link '%s/%s'", leaf,
                         pool->path, inside);
}

/* Two names in one step; where the file system has no such call, one takes the other's place. */
static int
exchange(int root, const char *temp, const char *inside)
{
    int rc = renameat2(root, temp, root, inside, RENAME_EXCHANGE);

    if (rc < 0 && (errno == EINVAL || errno == ENOSYS))
        rc = renameat(root, temp, root, inside);
    return rc;
}

/* Whatever has come to lie there since it was looked at gets its name back. */
static bool
replace(const RlPool *pool, const char *temp, const char *inside, const char *leaf, GError **error)
{
    if (exchange(pool->root, temp, inside) < 0)
        return fail(pool, inside, leaf, error);
    if (rl_path_link_look(pool, temp, leaf) != RL_LINK_FOREIGN)
        return true;
    if (renameat2(pool->root, temp, pool->root, inside, RENAME_EXCHANGE) < 0)
        return fail(pool, inside, leaf, error);
    return refuse_taken(pool, inside, leaf, error);
}

static bool
turn(const RlPool *pool, const char *inside, const char *leaf, const char *target, GError **error)
{
    g_autofree char *temp = rl_file_name_temp(leaf);

    if (symlinkat(target, pool->root, temp) < 0)
        return fail(pool, inside, leaf, error);
    bool done = replace(pool, temp, inside, leaf, error);
    if (rl_path_link_look(pool, temp, leaf) != RL_LINK_FOREIGN)
        unlinkat(pool->root, temp, 0);
    return done;
}

bool
rl_path_link_turn(const RlPool *pool, const char *inside, const char *leaf, RlLink to,
                  GError **error)
{
    g_autofree char *target = target_of(leaf, to);
    RlLink found = rl_path_link_look(pool, inside, leaf);

    if (found == to)
        return true;
    if (found == RL_LINK_NONE && symlinkat(target, pool->root, inside) == 0)
        return true;
    if (found == RL_LINK_NONE && errno != EEXIST)
        return fail(pool, inside, leaf, error);
    if (found == RL_LINK_NONE || found == RL_LINK_FOREIGN)
        return refuse_taken(pool, inside, leaf, error);
    return turn(pool, inside, leaf, target, error);
}

bool
rl_path_link_remove(const RlPool *pool, const char *inside, const char *leaf, GError **error)
{
    RlLink found = rl_path_link_look(pool, inside, leaf);

    return (found != RL_LINK_CLEAN && found != RL_LINK_DIRTY) ||
           unlinkat(pool->root, inside, 0) == 0 || errno == ENOENT ||
           rl_fail_errno(error, errno, "volume '%s': cannot remove the link '%s/%s'", leaf,
                         pool->path, inside);
}

bool
rl_path_link_is_temporary(const RlPool *pool, const char *inside, char **ret_leaf)
{
    RlFileName name = rl_file_name_parse(inside);

    if (name.role != RL_FILE_TEMP)
        return false;
    RlLink found = rl_path_link_look(pool, inside, name.leaf);
    if (found != RL_LINK_CLEAN && found != RL_LINK_DIRTY)
        return false;
    *ret_leaf = g_strdup(name.leaf);
    return true;
}
