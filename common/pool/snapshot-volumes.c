/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "snapshot-volumes.h"

#include "common/base/error.h"
#include "scan.h"

#define NAMED_MAX 5

GPtrArray *
rl_snapshot_volumes_list(const RlPool *pool, const char *source, GError **error)
{
    g_autoptr(GPtrArray) listed = rl_scan_recorded(pool, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    if (!listed)
        return NULL;
    for (guint i = 0; i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        const RlVolume *volume = one->recorded;
        if (volume && volume->kind == RL_KIND_SNAPSHOT &&
            g_strcmp0(volume->record->source, source) == 0)
            g_ptr_array_add(names, g_strdup(one->name));
    }
    return g_steal_pointer(&names);
}

char *
rl_snapshot_volumes_describe(const GPtrArray *users)
{
    GString *text = g_string_new(NULL);
    guint named = MIN(users->len, NAMED_MAX);

    for (guint i = 0; i < named; i++) {
        bool last = i + 1 == users->len;
        g_string_append_printf(text, "%s'%s'",
                               i == 0 ? ""
                               : last ? " and "
                                      : ", ",
                               (const char *) g_ptr_array_index(users, i));
    }
    if (users->len > named)
        g_string_append_printf(text, " and %u more", users->len - named);
    return g_string_free(text, FALSE);
}

/* The start of a snapshot looks for its source by name. */
bool
rl_snapshot_volumes_require_none(const RlPool *pool, const char *source, const char *done,
                                 const char *advice, GError **error)
{
    g_autoptr(GPtrArray) users = rl_snapshot_volumes_list(pool, source, error);

    if (!users || users->len == 0)
        return users != NULL;
    g_autofree char *names = rl_snapshot_volumes_describe(users);
    bool one = users->len == 1;
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be %s: it is the source of the snapshot volume%s %s, which "
                   "%s it and cannot start without it. %s",
                   source, done, one ? "" : "s", names, one ? "names" : "name", advice);
}
