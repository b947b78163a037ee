/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hook-link.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "libvirt-reflink-hook"
#define LINK_NAME "50-reflink"

const char *
rl_hook_driver(size_t i)
{
    static const char *const drivers[] = {"qemu", "libxl"};

    return i < sizeof(drivers) / sizeof(drivers[0]) ? drivers[i] : NULL;
}

bool
rl_hook_driver_is_installed(const char *driver)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), DRIVER_DIR "/libvirt_driver_%s.so", driver);
    return access(path, F_OK) == 0;
}

/* A link that leads nowhere still says where it should lead. */
static bool
is_ours(const char *path)
{
    const char *name = strrchr(path, '/');
    char target[PATH_MAX];
    ssize_t length;

    if (strstr(name ? name : path, "reflink"))
        return true;
    if (realpath(path, target))
        return strstr(target, "/" PROGRAM) != NULL;
    length = readlink(path, target, sizeof(target) - 1);
    target[length > 0 ? length : 0] = '\0';
    return strstr(target, "/" PROGRAM) != NULL;
}

static RlHookLink
judge(const char *path)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return errno == EACCES ? RL_HOOK_HIDDEN : RL_HOOK_DANGLING;
    return S_ISREG(st.st_mode) && access(path, X_OK) == 0 ? RL_HOOK_LINKED : RL_HOOK_NOT_EXECUTABLE;
}

/* One that libvirt calls is enough: the others matter only where there is none. */
static void
consider(const char *path, RlHookLink *link, char *ret_path, size_t size)
{
    struct stat st;

    if (*link == RL_HOOK_LINKED)
        return;
    if (lstat(path, &st) < 0) {
        if (errno == EACCES)
            *link = RL_HOOK_HIDDEN;
        return;
    }
    if (!is_ours(path))
        return;
    *link = judge(path);
    snprintf(ret_path, size, "%s", path);
}

RlHookLink
rl_hook_link_find(const char *hooks, const char *driver, char *ret_path, size_t size)
{
    RlHookLink link = RL_HOOK_MISSING;
    char directory[PATH_MAX], path[2 * PATH_MAX];
    const struct dirent *entry;

    snprintf(directory, sizeof(directory), "%s/%s.d", hooks, driver);
    snprintf(ret_path, size, "%s/" LINK_NAME, directory);
    snprintf(path, sizeof(path), "%s/%s", hooks, driver);
    consider(path, &link, ret_path, size);

    DIR *entries = opendir(directory);
    if (!entries)
        return link == RL_HOOK_MISSING && errno == EACCES ? RL_HOOK_HIDDEN : link;
    while ((entry = readdir(entries))) {
        snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
        consider(path, &link, ret_path, size);
    }
    closedir(entries);
    return link;
}
