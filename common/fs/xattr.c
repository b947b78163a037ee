/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xattr.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "common/base/error.h"
#include "file-error.h"
#include "xattr-room.h"

/* Longer than any value we write. One that is longer is damage, and read to its end all the same:
 * an attribute that is there must never pass for one that is not. */
#define VALUE_USUAL 2048
/* All attributes of ours, and libvirt's. */
#define NAMES_USUAL 2048

static void
full_name(char *buffer, size_t size, const char *key)
{
    snprintf(buffer, size, RL_ATTR_PREFIX "%s", key);
}

/* Of the file at @path, of @fd where that is NULL. */
static ssize_t
read_value(int fd, const char *path, const char *name, char *buffer, size_t size)
{
    return path ? lgetxattr(path, name, buffer, size) : fgetxattr(fd, name, buffer, size);
}

/* @path is in the directory @fd, unless that is -1. */
static bool
fail_to_read(int fd, const char *path, const char *name, GError **error)
{
    if (!path)
        return rl_fail_file(error, errno, fd, "cannot read the attribute '%s' of", name);
    return fd < 0
               ? rl_fail_errno(error, errno, "cannot read the attribute '%s' of '%s'", name, path)
               : rl_fail_file_at(error, errno, fd, strrchr(path, '/') + 1,
                                 "cannot read the attribute '%s' of", name);
}

static bool
get(int fd, const char *path, const char *key, char **ret_value, GError **error)
{
    char name[128], usual[VALUE_USUAL];
    g_autofree char *large = NULL;

    full_name(name, sizeof(name), key);
    ssize_t length = read_value(fd, path, name, usual, sizeof(usual));
    if (length < 0 && errno == ERANGE) {
        large = g_malloc(XATTR_SIZE_MAX);
        length = read_value(fd, path, name, large, XATTR_SIZE_MAX);
    }
    if (length < 0 && errno != ENODATA)
        return fail_to_read(fd, path, name, error);
    *ret_value = length < 0 ? NULL : g_strndup(large ? large : usual, (gsize) length);
    return true;
}

bool
rl_xattr_get(int fd, const char *key, char **ret_value, GError **error)
{
    return get(fd, NULL, key, ret_value, error);
}

bool
rl_xattr_get_at(int dir, const char *entry, const char *key, char **ret_value, GError **error)
{
    /* There is no getxattrat(2) before Linux 6.13. */
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", dir, entry);

    return get(dir, path, key, ret_value, error);
}

static bool
set(int fd, const char *key, const char *value, int flags, GError **error)
{
    char name[128];

    full_name(name, sizeof(name), key);
    if (fsetxattr(fd, name, value, strlen(value), flags) == 0)
        return true;
    int saved_errno = errno;
    if ((saved_errno == ENOSPC || saved_errno == EOVERFLOW) && rl_xattr_make_room(fd, name)) {
        if (fsetxattr(fd, name, value, strlen(value), flags) == 0)
            return true;
        saved_errno = errno;
    }
    return rl_fail_file(error, saved_errno, fd, "cannot set the attribute '%s' of", name);
}

bool
rl_xattr_set(int fd, const char *key, const char *value, GError **error)
{
    return set(fd, key, value, 0, error);
}

bool
rl_xattr_set_new(int fd, const char *key, const char *value, bool *ret_set, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (set(fd, key, value, XATTR_CREATE, &cause)) {
        *ret_set = true;
        return true;
    }
    if (!rl_error_is_errno(cause, EEXIST)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    *ret_set = false;
    return true;
}

bool
rl_xattr_remove(int fd, const char *key, GError **error)
{
    char name[128];

    full_name(name, sizeof(name), key);
    if (fremovexattr(fd, name) < 0 && errno != ENODATA)
        return rl_fail_file(error, errno, fd, "cannot remove the attribute '%s' of", name);
    return true;
}

static bool
is_listed(const char *names, size_t length, const char *name)
{
    for (const char *at = names; at < names + length; at += strlen(at) + 1)
        if (strcmp(at, name) == 0)
            return true;
    return false;
}

/* Says in @names what @fd has; returns its length, 0 where the list may not be all: who owns the
 * image can give it more attributes than are listed, and none of trusted.* are listed without the
 * right to see them. One of ours among them proves that they are. */
static size_t
list_ours(int fd, char *names, size_t size)
{
    ssize_t length = flistxattr(fd, names, size);

    for (ssize_t at = 0; at < length; at += (ssize_t) strlen(names + at) + 1)
        if (g_str_has_prefix(names + at, RL_ATTR_PREFIX))
            return (size_t) length;
    return 0;
}

bool
rl_xattr_remove_all(int fd, const char *const *keys, size_t count, GError **error)
{
    char names[NAMES_USUAL];
    size_t length = list_ours(fd, names, sizeof(names));

    for (size_t i = 0; i < count; i++) {
        char name[128];
        full_name(name, sizeof(name), keys[i]);
        if ((length == 0 || is_listed(names, length, name)) && !rl_xattr_remove(fd, keys[i], error))
            return false;
    }
    return true;
}

static bool
has_any(int fd, const char *path, bool *ret_any, GError **error)
{
    /* Asked for one by one, the usual ones first: who owns the image can give it more attributes
     * than flistxattr(2) lists. */
    static const char *const keys[] = {RL_ATTR_RUN,     RL_ATTR_BASE,  RL_ATTR_ID,
                                       RL_ATTR_HOLD,    RL_ATTR_SIZE,  RL_ATTR_BELOW,
                                       RL_ATTR_HIGHEST, RL_ATTR_ACCESS};

    *ret_any = false;
    for (size_t i = 0; !*ret_any && i < G_N_ELEMENTS(keys); i++) {
        char name[128];
        full_name(name, sizeof(name), keys[i]);
        *ret_any = read_value(fd, path, name, NULL, 0) >= 0;
        if (!*ret_any && errno != ENODATA)
            return fail_to_read(fd, path, name, error);
    }
    return true;
}

bool
rl_xattr_has_any(int fd, bool *ret_any, GError **error)
{
    return has_any(fd, NULL, ret_any, error);
}

bool
rl_xattr_has_any_at_path(const char *path, bool *ret_any, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (has_any(-1, path, ret_any, &cause))
        return true;
    if (rl_error_is_errno(cause, ENOTSUP) || rl_error_is_errno(cause, ENOENT))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}

bool
rl_xattr_copy(int from, int to, GError **error)
{
    /* As above: not listed, but asked for. Not what is told of a clean image's links. */
    static const char *const keys[] = {
        RL_ATTR_ID,        RL_ATTR_HIGHEST,   RL_ATTR_BASE,    RL_ATTR_RUN,   RL_ATTR_HOLD,
        RL_ATTR_SAVE_FILE, RL_ATTR_SAVE_DIR,  RL_ATTR_RESTORE, RL_ATTR_SAVE,  RL_ATTR_BELOW,
        RL_ATTR_SIZE,      RL_ATTR_BASE_DATE, RL_ATTR_KEPT_OF, RL_ATTR_LET_GO};

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_autofree char *value = NULL;
        if (!rl_xattr_get(from, keys[i], &value, error) ||
            (value && !rl_xattr_set(to, keys[i], value, error)))
            return false;
    }
    return true;
}

GStrv
rl_xattr_list(int fd, GError **error)
{
    g_autofree char *names = g_malloc(XATTR_LIST_MAX);
    g_autoptr(GPtrArray) list = g_ptr_array_new_with_free_func(g_free);
    ssize_t length = flistxattr(fd, names, XATTR_LIST_MAX);

    if (length < 0) {
        rl_fail_file(error, errno, fd, "cannot list the attributes of");
        return NULL;
    }
    for (ssize_t at = 0; at < length; at += (ssize_t) strlen(names + at) + 1)
        g_ptr_array_add(list, g_strdup(names + at));
    g_ptr_array_add(list, NULL);
    return (GStrv) g_ptr_array_free(g_steal_pointer(&list), FALSE);
}

bool
rl_xattr_get_number(int fd, const char *key, uint64_t *ret_number, GError **error)
{
    g_autofree char *value = NULL;

    if (!rl_xattr_get(fd, key, &value, error))
        return false;
    if (!value || !g_ascii_string_to_unsigned(value, 10, 0, UINT64_MAX, ret_number, NULL))
        *ret_number = 0;
    return true;
}

bool
rl_xattr_set_number(int fd, const char *key, uint64_t number, GError **error)
{
    char value[32];

    snprintf(value, sizeof(value), "%" G_GUINT64_FORMAT, number);
    return rl_xattr_set(fd, key, value, error);
}
