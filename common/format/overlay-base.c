/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlay-base.h"

#include <string.h>

#include "common/fs/xattr.h"

/* The part of @text after its first space; NULL where it begins with another word than @word. */
static char *
rest_after(const char *text, const char *word)
{
    size_t length = strlen(word);

    return text && strncmp(text, word, length) == 0 && text[length] == ' '
               ? g_strdup(text + length + 1)
               : NULL;
}

bool
rl_overlay_base_get(int fd, RlOverlayBase *ret_base, GError **error)
{
    g_autofree char *on = NULL, *date = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_ON, &on, error) ||
        !rl_xattr_get(fd, RL_ATTR_ON_DATE, &date, error))
        return false;
    const char *space = on ? strchr(on, ' ') : NULL;
    if (!space || space == on)
        return true;
    ret_base->state.id = g_strndup(on, (size_t) (space - on));
    ret_base->volume = g_strdup(space + 1);
    ret_base->state.date = rest_after(date, ret_base->state.id);
    return true;
}

void
rl_overlay_base_clear(RlOverlayBase *base)
{
    rl_image_base_free_members(&base->state);
    g_clear_pointer(&base->volume, g_free);
}

bool
rl_overlay_base_set(int fd, const RlOverlayBase *noted, const char *id, const char *volume,
                    const struct stat *st, GError **error)
{
    g_autofree char *on = g_strdup_printf("%s %s", id, volume);
    g_autofree char *date = rl_image_base_date(st), *on_date = g_strdup_printf("%s %s", id, date);
    bool same = g_strcmp0(noted->state.id, id) == 0;

    if ((!same || g_strcmp0(noted->volume, volume) != 0) &&
        !rl_xattr_set(fd, RL_ATTR_ON, on, error))
        return false;
    return (same && g_strcmp0(noted->state.date, date) == 0) ||
           rl_xattr_set(fd, RL_ATTR_ON_DATE, on_date, error);
}

bool
rl_overlay_base_set_dirty(int fd, const char *volume, GError **error)
{
    g_autofree char *on = g_strdup_printf("dirty %s", volume);

    return rl_xattr_set(fd, RL_ATTR_ON, on, error);
}
