/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "access.h"

#include <stdio.h>

#include "access-note.h"
#include "full-access.h"

bool
rl_access_set(int fd, const RlAccess *access, GError **error)
{
    const RlFullAccess wanted = {.access = *access};

    return rl_full_access_set(fd, &wanted, error);
}

bool
rl_access_copy(int from, int to, GError **error)
{
    g_auto(RlFullAccess) wanted = {0};

    return rl_access_get_at_rest(from, &wanted, error) && rl_full_access_set(to, &wanted, error);
}

bool
rl_access_is_same(int from, int to)
{
    g_auto(RlFullAccess) a = {0}, b = {0};
    mode_t bits = 0;

    return rl_access_get_at_rest(from, &a, NULL) && rl_full_access_get(to, &b, &bits, NULL) &&
           rl_access_owner_fits(&a.access, &b.access) && a.access.mode == bits &&
           rl_access_lists_are_equal(a.list, b.list);
}

void
rl_access_of(int dir, const char *name, const struct stat *st, RlAccess *ret_access)
{
    g_autoptr(GByteArray) list = NULL;
    mode_t mode = st->st_mode & 0777;

    /* No device model is root: most images need no look. */
    if (st->st_uid != 0 && rl_access_noted(dir, name, ret_access))
        return;
    /* Without rights there is nothing that a list could give. There is no getxattrat(2) before
     * Linux 6.13. */
    if (mode & 0070) {
        g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", dir, name);
        if (rl_access_list_get(-1, path, &list, NULL))
            mode = rl_access_mode_without_list(mode, list);
    }
    *ret_access = (RlAccess){mode, st->st_uid, st->st_gid};
}
