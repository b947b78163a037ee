/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file-error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"

/* What the kernel appends to the path of a file that has no name. */
#define DELETED " (deleted)"

/* A file that never had a name is DIRECTORY/#INODE for the kernel. */
static bool
is_nameless(const char *base)
{
    return base[0] == '#' && base[1] && !base[1 + strspn(base + 1, "0123456789")];
}

static char *
label_of(char *path)
{
    bool deleted = g_str_has_suffix(path, DELETED);

    if (path[0] != '/')
        return g_strdup("a file");
    if (deleted)
        path[strlen(path) - strlen(DELETED)] = '\0';
    g_autofree char *dir = g_path_get_dirname(path), *base = g_path_get_basename(path);
    if (deleted && is_nameless(base))
        return g_strdup_printf("a new file in '%s'", dir);
    return g_strdup_printf("'%s'%s", path, deleted ? DELETED : "");
}

/* NULL where /proc does not tell. */
static char *
path_of(int fd)
{
    char self[64];

    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    return g_file_read_link(self, NULL);
}

char *
rl_file_label(int fd)
{
    int saved_errno = errno;
    g_autofree char *path = path_of(fd);
    char *label = path ? label_of(path) : g_strdup("a file");

    errno = saved_errno;
    return label;
}

bool
rl_fail_file(GError **error, int saved_errno, int fd, const char *format, ...)
{
    va_list args;

    /* Many callers only want to know whether there was an error. */
    if (!error)
        return false;
    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);

    g_autofree char *label = rl_file_label(fd);
    return rl_fail_errno(error, saved_errno, "%s %s", sentence, label);
}

bool
rl_fail_file_at(GError **error, int saved_errno, int dir, const char *name, const char *format, ...)
{
    va_list args;

    if (!error)
        return false;
    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);
    if (!*name)
        return rl_fail_file(error, saved_errno, dir, "%s", sentence);

    g_autofree char *path = path_of(dir);
    return rl_fail_errno(error, saved_errno, "%s '%s%s%s'", sentence, path ? path : "",
                         path ? "/" : "", name);
}
