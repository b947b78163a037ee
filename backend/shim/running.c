/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "running.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "scope.h"

/* Only root writes there. */
static const char *const status_dirs[] = {"/run/libvirt/qemu", "/run/libvirt/libxl"};

#define STATUS_MAX (64 << 20)

/* The text of the status file @file; NULL if it cannot be read. *@ret_gone says that there is none
 * any more. */
static char *
read_status(int dir, const char *file, bool *ret_gone)
{
    auto_fd int fd = openat(dir, file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    *ret_gone = fd < 0 && errno == ENOENT;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > STATUS_MAX)
        return NULL;
    size_t size = (size_t) st.st_size, length = 0;
    char *text = malloc(size + 1);
    while (text && length < size) {
        ssize_t n = read(fd, text + length, size - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(text);
            return NULL;
        }
        if (n == 0)
            break;
        length += (size_t) n;
    }
    if (text)
        text[length] = '\0';
    return text;
}

static bool
names(const char *text, const char *name, const char *path)
{
    auto_free char *volume = NULL, *file = NULL;

    if (asprintf(&volume, " pool='%s'", name) < 0) {
        volume = NULL;
        return true;
    }
    if (asprintf(&file, "='%s/", path) < 0) {
        file = NULL;
        return true;
    }
    return strstr(text, volume) || strstr(text, file);
}

static bool
needs(int dir, const char *file, const char *name, const char *path)
{
    bool gone;
    auto_free char *text = read_status(dir, file, &gone);

    return text ? names(text, name, path) : !gone;
}

static bool
needs_any(const char *status_dir, const char *name, const char *path)
{
    auto_dir DIR *dir = opendir(status_dir);
    const struct dirent *entry;

    /* What root may not look into, as by SELinux, may have domains; a session's daemon has none. */
    if (!dir)
        return errno != ENOENT && (errno != EACCES || geteuid() == 0);
    while ((entry = readdir(dir))) {
        const char *suffix = strrchr(entry->d_name, '.');
        if (suffix && strcmp(suffix, ".xml") == 0 && needs(dirfd(dir), entry->d_name, name, path))
            return true;
    }
    return false;
}

bool
rl_running_needs(const char *name, const char *path)
{
    for (size_t i = 0; i < sizeof(status_dirs) / sizeof(status_dirs[0]); i++)
        if (needs_any(status_dirs[i], name, path))
            return true;
    return false;
}
