/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "daemon-version.h"

#include <glib.h>
#include <string.h>

/* libvirt 11.3.0 has /usr/lib/.../libvirt.so.0.11003.0. */
#define LIBRARY "/libvirt.so.0."
#define FIRST_SPARSE 11002
/* The first that may do so; 11.3.0 does not, 12.8.0 does. */
#define FIRST_READING_AHEAD 11004

/* 0 where it cannot be told. */
static guint64
version_of(int pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/maps", pid), *maps = NULL;

    if (!g_file_get_contents(path, &maps, NULL, NULL))
        return 0;
    const char *library = strstr(maps, LIBRARY);
    return library ? g_ascii_strtoull(library + strlen(LIBRARY), NULL, 10) : 0;
}

bool
rl_daemon_saves_through_pipe(int pid)
{
    guint64 version = version_of(pid);

    return version > 0 && version < FIRST_SPARSE;
}

bool
rl_daemon_drops_refused_saves(int pid)
{
    return version_of(pid) >= FIRST_SPARSE;
}

bool
rl_daemon_reads_ahead(int pid)
{
    return version_of(pid) >= FIRST_READING_AHEAD;
}
