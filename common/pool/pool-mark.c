/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "pool-mark.h"

#include <errno.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/random.h"
#include "common/fs/file-error.h"
#include "common/fs/xattr.h"

#define DIGITS 32

/* No file has it. */
#define NOBODYS RL_ATTR_PREFIX "none"

/* Is it for want of a right that there is no such attribute? Replacing what is not there changes
 * nothing, and the kernel asks for the right first. Not with the mark itself: another process may
 * be about to write that. */
static bool
may_set(int root, GError **error)
{
    if (fsetxattr(root, NOBODYS, "", 0, XATTR_REPLACE) == 0 || errno == ENODATA)
        return true;
    return rl_fail_errno(error, errno, "cannot set extended attributes of the namespace trusted");
}

static bool
refuse_blind(const RlPool *pool, const GError *cause, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "pool '%s' cannot be changed: this process cannot read the attributes of its "
                   "images (%s) and would not see which of them a saved domain needs. Run it with "
                   "CAP_SYS_ADMIN, outside of containers",
                   pool->path, cause->message);
}

static bool
refuse_copied(const RlPool *pool, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "pool '%s' cannot be changed: it is a copy or backup without the extended "
                   "attributes that say which images are saved or in use. Copy it again with them "
                   "(cp -a, rsync -aX, tar --xattrs-include='*'), or accept it as it is with "
                   "'virsh pool-build' while the pool is inactive",
                   pool->path);
}

/* *@ret_missing: the directory or the marker lacks the mark. */
static bool
check(const RlPool *pool, bool *ret_missing, GError **error)
{
    const char *written = pool->options->mark;
    g_autofree char *noted = NULL;
    g_autoptr(GError) cause = NULL;

    *ret_missing = false;
    if (!rl_pool_require_sound(pool, error))
        return false;
    if (!rl_xattr_get(pool->root, RL_ATTR_POOL, &noted, error)) {
        g_prefix_error(error, "pool '%s': ", pool->path);
        return false;
    }
    *ret_missing = !noted || !written;
    if (noted)
        return !written || strcmp(noted, written) == 0 || refuse_copied(pool, error);
    if (!may_set(pool->root, &cause))
        return refuse_blind(pool, cause, error);
    return !written || refuse_copied(pool, error);
}

bool
rl_pool_mark_check(const RlPool *pool, GError **error)
{
    bool missing;

    return check(pool, &missing, error);
}

/* What the marker says may have been changed since the pool was opened. */
static bool
complete(const RlPool *pool, GError **error)
{
    g_autoptr(RlLock) lock = rl_pool_lock_marker(pool, error);
    g_autoptr(RlOptions) options = lock ? rl_pool_read_options(pool, error) : NULL;

    if (!options)
        return false;
    if (options->mark)
        return true; /* somebody was faster */
    options->mark = rl_pool_mark_make(pool->root, NULL, error);
    if (!options->mark)
        return false;
    g_autofree char *text = pool->documents->options_format(options);
    return rl_pool_write_marker(pool->root, text, error);
}

bool
rl_pool_mark_require(const RlPool *pool, GError **error)
{
    g_autoptr(GError) cause = NULL;
    bool missing;

    if (!check(pool, &missing, error))
        return false;
    if (missing && !complete(pool, &cause))
        rl_log_warning("pool '%s': cannot set its identity: %s", pool->path, cause->message);
    return true;
}

char *
rl_pool_mark_make(int root, const char *written, GError **error)
{
    g_autofree char *noted = NULL;

    if (!rl_xattr_get(root, RL_ATTR_POOL, &noted, error))
        return NULL;
    bool fits = noted && (!written || strcmp(noted, written) == 0);
    g_autofree char *mark = fits ? g_steal_pointer(&noted) : rl_random_hex(DIGITS);
    if (!fits && !rl_xattr_set(root, RL_ATTR_POOL, mark, error))
        return NULL;
    /* Also one that was there: who made it may have been cut off before it was durable. */
    if (fsync(root) < 0) {
        rl_fail_file(error, errno, root, "cannot sync the identity of pool");
        return NULL;
    }
    return g_steal_pointer(&mark);
}
