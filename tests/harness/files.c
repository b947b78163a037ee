/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Looks at files that need no engine. */
#include "lab.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

static int
open_or_die(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600);

    if (fd < 0)
        g_error("cannot open %s: %s", path, g_strerror(errno));
    return fd;
}

void
write_at(const char *path, off_t offset, const char *text)
{
    int fd = open_or_die(path, O_WRONLY);
    size_t length = strlen(text) + 1;

    g_assert_cmpint(pwrite(fd, text, length, offset), ==, (gssize) length);
    close(fd);
}

char *
read_at(const char *path, off_t offset, size_t length)
{
    int fd = open_or_die(path, O_RDONLY);
    char *bytes = g_malloc0(length + 1);

    g_assert_cmpint(pread(fd, bytes, length, offset), >=, 0);
    close(fd);
    return bytes;
}

void
make_file(const char *path, const char *text)
{
    g_autofree char *dir = g_path_get_dirname(path);
    int fd;

    g_assert_cmpint(g_mkdir_with_parents(dir, 0755), ==, 0);
    fd = open_or_die(path, O_WRONLY | O_CREAT | O_TRUNC);
    g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize) strlen(text));
    close(fd);
}

bool
is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

struct stat
look(const char *path)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        g_error("cannot look at %s: %s", path, g_strerror(errno));
    return st;
}

void
set_mtime(const char *path, time_t seconds, long nanoseconds)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {seconds, nanoseconds}};

    g_assert_cmpint(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), ==, 0);
}

void
set_size(const char *path, off_t size)
{
    g_assert_cmpint(truncate(path, size), ==, 0);
}

static uint64_t
first_block(const char *path)
{
    g_autofree struct fiemap *map = g_malloc0(sizeof(*map) + sizeof(struct fiemap_extent));
    int fd = open_or_die(path, O_RDONLY);

    map->fm_length = FIEMAP_MAX_OFFSET;
    map->fm_flags = FIEMAP_FLAG_SYNC;
    map->fm_extent_count = 1;
    g_assert_cmpint(ioctl(fd, FS_IOC_FIEMAP, map), ==, 0);
    close(fd);
    g_assert_cmpuint(map->fm_mapped_extents, ==, 1);
    return map->fm_extents[0].fe_physical;
}

bool
shares_data(const char *path_a, const char *path_b)
{
    return first_block(path_a) == first_block(path_b);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static char *
join_sorted(GPtrArray *names)
{
    g_ptr_array_sort(names, compare);
    g_ptr_array_add(names, NULL);
    return g_strjoinv(" ", (char **) names->pdata);
}

static void
collect(const char *path, const char *below, bool deep, GPtrArray *names)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *full = g_build_filename(path, name, NULL);
        char *shown = g_strconcat(below, name, NULL);
        struct stat st = look(full);
        if (deep && S_ISDIR(st.st_mode)) {
            g_autofree char *next = g_strconcat(shown, "/", NULL);
            collect(full, next, true, names);
        }
        if (strchr(shown, '~'))
            strchr(shown, '~')[1] = '\0';
        g_ptr_array_add(names, shown);
    }
}

char *
list(const char *path)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    collect(path, "", false, names);
    return join_sorted(names);
}

char *
list_tree(const char *path)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    collect(path, "", true, names);
    return join_sorted(names);
}
