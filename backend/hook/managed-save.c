/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "managed-save.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

char *
rl_managed_save_since(const char *dir, const char *name, gint64 began_ms)
{
    g_autofree char *file = g_strdup_printf("%s/%s.save", dir, name);
    struct stat st;

    if (began_ms <= 0 || strchr(name, '/') || lstat(file, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    gint64 when_ms = (gint64) st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
    bool ours = when_ms >= began_ms && when_ms <= g_get_real_time() / 1000;
    return ours ? g_steal_pointer(&file) : NULL;
}
