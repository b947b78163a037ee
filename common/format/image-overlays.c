/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-overlays.h"

#include <string.h>

#include "common/fs/xattr.h"

/* One line for each domain: driver, UUID, name. An attribute takes 2048 bytes: more domains than
 * fit are not noted, and who is noted protects them. */
#define NAME_SHOWN_MAX 32
#define TEXT_MAX 1900

static bool
is_line_of(const char *line, const RlDomainRef *owner)
{
    g_autofree char *wanted = g_strdup_printf("%s %s ", owner->driver, owner->uuid);

    return g_str_has_prefix(line, wanted);
}

bool
rl_overlays_get(int fd, char **ret_text, GError **error)
{
    return rl_xattr_get(fd, RL_ATTR_BELOW, ret_text, error);
}

char *
rl_overlays_find_other(const char *text, const RlDomainRef *owner)
{
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);

    for (char **line = lines; *line; line++) {
        g_auto(GStrv) parts = g_strsplit(*line, " ", 3);
        if (**line && !(owner && is_line_of(*line, owner)))
            return g_strdup(g_strv_length(parts) == 3 ? parts[2] : "unknown");
    }
    return NULL;
}

bool
rl_overlays_names(const char *text, const RlDomainRef *owner)
{
    g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
    bool has = false;

    for (char **line = lines; *line; line++)
        has |= is_line_of(*line, owner);
    return has;
}

bool
rl_overlays_add(int fd, const RlDomainRef *owner, GError **error)
{
    g_autofree char *text = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_BELOW, &text, error))
        return false;
    if (rl_overlays_names(text, owner))
        return true;

    g_autofree char *name =
        g_utf8_substring(owner->name, 0, MIN(NAME_SHOWN_MAX, g_utf8_strlen(owner->name, -1)));
    g_strdelimit(name, "\n", ' ');
    g_autofree char *longer = g_strdup_printf("%s%s%s %s %s", text ? text : "", text ? "\n" : "",
                                              owner->driver, owner->uuid, name);
    return strlen(longer) > TEXT_MAX || rl_xattr_set(fd, RL_ATTR_BELOW, longer, error);
}

bool
rl_overlays_other(int fd, const RlDomainRef *owner, char **ret_name, GError **error)
{
    g_autofree char *text = NULL;

    *ret_name = NULL;
    if (!rl_xattr_get(fd, RL_ATTR_BELOW, &text, error))
        return false;
    *ret_name = rl_overlays_find_other(text, owner);
    return true;
}

bool
rl_overlays_remove_first(int fd, const char *text, GError **error)
{
    const char *first = text ? text + strspn(text, "\n") : "";
    const char *rest = first + strcspn(first, "\n");

    rest += strspn(rest, "\n");
    return *rest ? rl_xattr_set(fd, RL_ATTR_BELOW, rest, error) : rl_overlays_clear(fd, error);
}

bool
rl_overlays_clear(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_BELOW, error);
}
