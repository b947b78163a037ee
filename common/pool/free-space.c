/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "free-space.h"

#include "common/base/log.h"

bool
rl_free_space_look(const RlPool *pool, bool *ret_low, char **ret_text, GError **error)
{
    uint64_t capacity, left;

    if (!rl_pool_space(pool, &capacity, &left, error))
        return false;
    *ret_low = left < capacity / 100 * (uint64_t) pool->options->warn_free;
    g_autofree char *free = g_format_size_full(left, G_FORMAT_SIZE_IEC_UNITS),
                    *all = g_format_size_full(capacity, G_FORMAT_SIZE_IEC_UNITS);
    g_autofree char *text = g_strdup_printf("%s of %s are free", free, all);
    g_auto(GStrv) words = g_strsplit(text, "\302\240", -1); /* a blank that breaks no line */
    *ret_text = g_strjoinv(" ", words);
    return true;
}

void
rl_free_space_warn(const RlPool *pool)
{
    g_autofree char *text = NULL;
    bool low;

    if (rl_free_space_look(pool, &low, &text, NULL) && low)
        rl_log_warning("pool at '%s' is short of space: %s, and a commit needs space. Remove "
                       "revisions ('virt-reflink prune') or volumes, or enlarge the file system",
                       pool->path, text);
}
