/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "asked-kind.h"

#include <string.h>

#include "common/base/error.h"

/* No label has a '=' in it. */
#define SUFFIX "@kind="

char *
rl_asked_kind_split(const char *text, RlAskedKind *ret_asked, GError **error)
{
    const char *at = strrchr(text, '@');

    *ret_asked = (RlAskedKind){.given = false, .kind = RL_KIND_PERSISTENT};
    if (!at || !g_str_has_prefix(at, SUFFIX))
        return g_strdup(text);
    int kind = rl_kind_from_string(at + strlen(SUFFIX));
    if (kind >= 0) {
        *ret_asked = (RlAskedKind){.given = true, .kind = (RlKind) kind};
        return g_strndup(text, (gsize) (at - text));
    }
    g_autofree char *shown = g_strescape(text, NULL);
    rl_fail(error, RL_ERROR_NAME,
            "invalid volume name '%.120s': after '" SUFFIX
            "' must come persistent, snapshot, volatile or direct",
            shown);
    return NULL;
}
