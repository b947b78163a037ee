/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "let-go.h"

#include <string.h>

#include "common/base/error.h"
#include "common/fs/xattr.h"
#include "domains.h"

/* Two lines for each domain: its name, and when, in microseconds of the wall's clock. An earlier
 * version noted one domain, and before that without the time. An attribute takes 2048 bytes. */
#define TEXT_MAX 1900

static char **
read_lines(int fd)
{
    g_autofree char *text = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_LET_GO, &text, NULL))
        return NULL;
    return g_strsplit(text ? text : "", "\n", -1);
}

/* Who has an overlay on the image later was defined again for that. */
static bool
still_counts(const RlVolume *volume, const char *domain, const char *when)
{
    return !when || !*when ||
           rl_domains_defined_us(volume, domain) <= g_ascii_strtoll(when, NULL, 10);
}

char **
rl_let_go_names(const RlVolume *volume, int fd)
{
    g_auto(GStrv) lines = read_lines(fd);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    for (char **line = lines; line && *line; line += line[1] ? 2 : 1)
        if (**line && still_counts(volume, *line, line[1]))
            g_ptr_array_add(names, g_strdup(*line));
    g_ptr_array_add(names, NULL);
    return (char **) g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

/* Appends what is noted in @lines, but not of @domain, nor what does not count any more. */
static void
append_others(GString *text, char **lines, const RlVolume *volume, const char *domain)
{
    for (char **line = lines; line && *line; line += line[1] ? 2 : 1)
        if (**line && strcmp(*line, domain) != 0 && still_counts(volume, *line, line[1]))
            g_string_append_printf(text, "\n%s\n%s", *line, line[1] ? line[1] : "");
}

bool
rl_let_go_add(const RlVolume *volume, int fd, const char *domain, GError **error)
{
    g_auto(GStrv) lines = read_lines(fd);
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "%s\n%" G_GINT64_FORMAT, domain, g_get_real_time());
    append_others(text, lines, volume, domain);
    if (text->len > TEXT_MAX)
        return rl_fail(error, RL_ERROR_STATE,
                       "volume '%s' cannot be continued: it records too many domains whose "
                       "overlays were given up. Remove the disk that has an overlay on "
                       "this volume from the definition of domain '%s' ('virsh edit')",
                       volume->name->volume, domain);
    return rl_xattr_set(fd, RL_ATTR_LET_GO, text->str, error);
}
