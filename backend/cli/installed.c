/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "installed.h"

#include <unistd.h>

#define BUILDER "/usr/libexec/libvirt-reflink/build-module"

static char *
find(const char *beside, const char *installed)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *bin = self ? g_path_get_dirname(self) : NULL;
    g_autofree char *top = bin ? g_path_get_dirname(bin) : NULL;
    g_autofree char *path = top ? g_build_filename(top, beside, NULL) : NULL;

    return path && access(path, F_OK) == 0 ? g_steal_pointer(&path) : g_strdup(installed);
}

char *
rl_installed_backends(void)
{
    return find("lib/libvirt-reflink/storage-backend", BACKENDS_INSTALLED);
}

char *
rl_installed_hook(void)
{
    return find("sbin/libvirt-reflink-hook", HOOK_INSTALLED);
}

char *
rl_installed_hook_program(void)
{
    return find("libexec/libvirt-reflink/libvirt-reflink-event", HOOK_PROGRAM_INSTALLED);
}

const char *
rl_installed_builder(void)
{
    return access(BUILDER, X_OK) == 0 ? BUILDER : NULL;
}
