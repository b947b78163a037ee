/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "attr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#include "error.h"

/* Longer than any value we write; whatever is longer is not ours. */
#define VALUE_MAX 2048

static void
full_name(char *buffer, size_t size, const char *key)
{
    snprintf(buffer, size, RL_ATTR_PREFIX "%s", key);
}

/* Makes the caller's string of what a getxattr call left in @buffer. */
static bool
take_value(const char *buffer, ssize_t length, const char *key, char **ret_value, GError **error)
{
    if (length >= 0) {
        *ret_value = g_strndup(buffer, (gsize) length);
        return true;
    }
    if (errno != ENODATA && errno != ERANGE)
        return rl_fail_errno(error, errno, "cannot read the attribute '%s%s'", RL_ATTR_PREFIX, key);
    *ret_value = NULL;
    return true;
}

bool
rl_attr_get(int fd, const char *key, char **ret_value, GError **error)
{
    char name[128], value[VALUE_MAX];

    full_name(name, sizeof(name), key);
    return take_value(value, fgetxattr(fd, name, value, sizeof(value)), key, ret_value, error);
}

bool
rl_attr_get_at(int dir, const char *entry, const char *key, char **ret_value, GError **error)
{
    char name[128], value[VALUE_MAX];
    /* There is no getxattrat(2) before Linux 6.13. */
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", dir, entry);

    full_name(name, sizeof(name), key);
    return take_value(value, lgetxattr(path, name, value, sizeof(value)), key, ret_value, error);
}

static bool
set(int fd, const char *key, const char *value, int flags, GError **error)
{
    char name[128];

    full_name(name, sizeof(name), key);
    if (fsetxattr(fd, name, value, strlen(value), flags) < 0)
        return rl_fail_errno(error, errno, "cannot set the attribute '%s'", name);
    return true;
}

bool
rl_attr_set(int fd, const char *key, const char *value, GError **error)
{
    return set(fd, key, value, 0, error);
}

bool
rl_attr_set_new(int fd, const char *key, const char *value, bool *ret_set, GError **error)
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
rl_attr_remove(int fd, const char *key, GError **error)
{
    char name[128];

    full_name(name, sizeof(name), key);
    if (fremovexattr(fd, name) < 0 && errno != ENODATA)
        return rl_fail_errno(error, errno, "cannot remove the attribute '%s'", name);
    return true;
}

bool
rl_attr_get_number(int fd, const char *key, uint64_t *ret_number, GError **error)
{
    g_autofree char *value = NULL;

    if (!rl_attr_get(fd, key, &value, error))
        return false;
    if (!value || !g_ascii_string_to_unsigned(value, 10, 0, UINT64_MAX, ret_number, NULL))
        *ret_number = 0;
    return true;
}

bool
rl_attr_set_number(int fd, const char *key, uint64_t number, GError **error)
{
    char value[32];

    snprintf(value, sizeof(value), "%" G_GUINT64_FORMAT, number);
    return rl_attr_set(fd, key, value, error);
}
