/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-id.h"

#include <errno.h>
#include <unistd.h>

#include "common/base/random.h"
#include "common/format/highest-note.h"
#include "common/format/image-base.h"
#include "common/fs/file-error.h"
#include "common/fs/xattr.h"

#define ID_DIGITS 32

bool
rl_image_id_get(int fd, char **ret_id, GError **error)
{
    return rl_xattr_get(fd, RL_ATTR_ID, ret_id, error);
}

bool
rl_image_id_ensure(int fd, char **ret_id, GError **error)
{
    g_autofree char *id = NULL;
    bool set;

    if (!rl_image_id_get(fd, &id, error))
        return false;
    if (id) {
        *ret_id = g_steal_pointer(&id);
        return true;
    }
    id = rl_random_hex(ID_DIGITS);
    if (!rl_xattr_set_new(fd, RL_ATTR_ID, id, &set, error))
        return false;
    if (!set)
        return rl_image_id_get(fd, ret_id, error); /* another process was faster */
    /* What is made from it names it, and may be durable sooner. */
    if (fsync(fd) < 0)
        return rl_fail_file(error, errno, fd, "cannot sync the id of");
    *ret_id = g_steal_pointer(&id);
    return true;
}

bool
rl_image_id_renew(int fd, uint64_t highest, GError **error)
{
    static const char *const of_dirty[] = {
        RL_ATTR_RUN,  RL_ATTR_HOLD,  RL_ATTR_SAVE_FILE, RL_ATTR_SAVE_DIR, RL_ATTR_RESTORE,
        RL_ATTR_SAVE, RL_ATTR_BELOW, RL_ATTR_ACCESS,    RL_ATTR_KEPT_OF,  RL_ATTR_LET_GO};
    g_autofree char *id = rl_random_hex(ID_DIGITS);

    if (!rl_xattr_set(fd, RL_ATTR_ID, id, error) || !rl_highest_set(fd, highest, error) ||
        !rl_xattr_set_number(fd, RL_ATTR_CLEAN_SINCE, (uint64_t) g_get_real_time(), error))
        return false;
    return rl_xattr_remove_all(fd, of_dirty, G_N_ELEMENTS(of_dirty), error);
}

bool
rl_image_id_new(int fd, uint64_t highest, GError **error)
{
    return rl_image_id_renew(fd, highest, error) && rl_image_base_clear(fd, error);
}
