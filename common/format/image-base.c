/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-base.h"

#include <stdio.h>
#include <string.h>

#include "common/fs/file-date.h"
#include "common/fs/xattr.h"
#include "image-made.h"

/* The part of a second comes last. */
char *
rl_image_base_date(const struct stat *st)
{
    return g_strdup_printf("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%09ld", (gint64) st->st_size,
                           (gint64) st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

/* A backup program that puts the date back after it has read an image cuts it (cpio -a): that is no
 * edit. */
static bool
is_as_noted(const char *noted, const struct stat *st)
{
    g_autofree char *now = rl_image_base_date(st);
    size_t length = (size_t) (strchr(now, '.') - now);

    if (rl_date_is_whole(&st->st_mtim))
        return strncmp(noted, now, length) == 0 && noted[length] == '.';
    return strcmp(noted, now) == 0;
}

bool
rl_image_base_get(int fd, RlImageBase *ret_base, GError **error)
{
    return rl_xattr_get(fd, RL_ATTR_BASE, &ret_base->id, error) &&
           rl_xattr_get(fd, RL_ATTR_BASE_DATE, &ret_base->date, error);
}

void
rl_image_base_free_members(RlImageBase *base)
{
    g_clear_pointer(&base->id, g_free);
    g_clear_pointer(&base->date, g_free);
}

bool
rl_image_base_is(const RlImageBase *base, const char *id, const struct stat *st)
{
    return !base->id ||
           (g_strcmp0(base->id, id) == 0 && (!base->date || is_as_noted(base->date, st)));
}

bool
rl_image_base_stat(const RlImageBase *base, struct stat *ret_st)
{
    gint64 size, seconds;
    long nanoseconds;

    if (!base->date || sscanf(base->date, "%" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%9ld", &size,
                              &seconds, &nanoseconds) != 3)
        return false;
    *ret_st =
        (struct stat){.st_size = size, .st_mtim = {.tv_sec = seconds, .tv_nsec = nanoseconds}};
    return true;
}

bool
rl_image_base_set(int fd, const char *id, const struct stat *st, GError **error)
{
    g_autofree char *date = rl_image_base_date(st);

    return rl_xattr_set(fd, RL_ATTR_BASE, id, error) &&
           rl_xattr_set(fd, RL_ATTR_BASE_DATE, date, error);
}

bool
rl_image_base_clear(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_BASE, error) &&
           rl_xattr_remove(fd, RL_ATTR_BASE_DATE, error) && rl_image_made_clear(fd, error);
}
