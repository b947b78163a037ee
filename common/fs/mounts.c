/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"

#define PIECE_SIZE (64 * 1024)

/* proc(5), /proc/PID/mountinfo: ID PARENT DEVICE ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS.
 */
enum { ID, PARENT, DEVICE, ROOT, POINT, OPTIONS, TAGS };
enum { TYPE = 1, SOURCE, FS_OPTIONS, FIELDS_AFTER_DASH };

static void
mount_free(void *data)
{
    RlMount *mount = data;

    g_free(mount->device);
    g_free(mount->root);
    g_free(mount->point);
    g_free(mount->type);
    g_free(mount->source);
    g_free(mount);
}

/* NULL for a line that is none. Blanks and backslashes are written as \040 and the like. */
static RlMount *
parse_line(const char *line)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", -1);
    guint count = g_strv_length(fields), dash = TAGS;

    while (dash < count && strcmp(fields[dash], "-") != 0)
        dash++;
    if (dash + FIELDS_AFTER_DASH > count)
        return NULL;
    char **after = fields + dash;
    RlMount *mount = g_new0(RlMount, 1);
    mount->id = g_ascii_strtoull(fields[ID], NULL, 10);
    mount->device = g_strdup(fields[DEVICE]);
    mount->root = g_strcompress(fields[ROOT]);
    mount->point = g_strcompress(fields[POINT]);
    mount->type = g_strdup(after[TYPE]);
    mount->source = g_strcompress(after[SOURCE]);
    mount->readonly =
        strcmp(after[FS_OPTIONS], "ro") == 0 || g_str_has_prefix(after[FS_OPTIONS], "ro,");
    return mount;
}

/* As long as it is. */
static char *
read_all(int fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_autofree char *piece = g_malloc(PIECE_SIZE);
    ssize_t n;

    while ((n = read(fd, piece, PIECE_SIZE)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return NULL;
        g_string_append_len(text, piece, n);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

/* Closes @fd. */
static GPtrArray *
read_opened(int opened, GError **error)
{
    g_autoptr(GPtrArray) mounts = g_ptr_array_new_with_free_func(mount_free);
    rl_autofd int fd = opened;
    g_autofree char *text = fd < 0 ? NULL : read_all(fd);

    if (!text) {
        rl_fail_errno(error, errno, "cannot read the list of mounts in '/proc/self/mountinfo'");
        return NULL;
    }
    for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        *end = '\0';
        RlMount *mount = parse_line(line);
        if (mount)
            g_ptr_array_add(mounts, mount);
    }
    return g_steal_pointer(&mounts);
}

GPtrArray *
rl_mounts_read(GError **error)
{
    return read_opened(open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), error);
}

GPtrArray *
rl_mounts_read_of(int process, GError **error)
{
    return read_opened(openat(process, "mountinfo", O_RDONLY | O_CLOEXEC), error);
}

const RlMount *
rl_mounts_find(const GPtrArray *mounts, uint64_t id)
{
    for (guint i = 0; i < mounts->len; i++) {
        const RlMount *mount = g_ptr_array_index(mounts, i);
        if (mount->id == id)
            return mount;
    }
    return NULL;
}

const char *
rl_mounts_below(const char *dir, const char *path)
{
    size_t length = strcmp(dir, "/") == 0 ? 0 : strlen(dir);

    if (strncmp(dir, path, length) != 0)
        return NULL;
    if (path[length] == '\0')
        return path + length;
    return path[length] == '/' ? path + length + 1 : NULL;
}
