/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* marker-fs FILE DIRECTORY: a FUSE file system at DIRECTORY that has nothing but a pool's marker,
 * with the content of FILE. It stands for all that several hosts can mount: those need more than
 * one test's machine. */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse.h>
#include <glib.h>
#include <string.h>
#include <sys/stat.h>

#define MARKER "/.reflink-pool.xml"

static char *content;
static size_t length;

static int
get_attributes(const char *path, struct stat *st, struct fuse_file_info *info)
{
    (void) info;
    memset(st, 0, sizeof(*st));
    if (strcmp(path, "/") == 0)
        st->st_mode = S_IFDIR | 0755;
    else if (strcmp(path, MARKER) == 0)
        st->st_mode = S_IFREG | 0644;
    else
        return -ENOENT;
    st->st_nlink = 1;
    st->st_size = (off_t) length;
    return 0;
}

static int
read_directory(const char *path, void *buffer, fuse_fill_dir_t fill, off_t offset,
               struct fuse_file_info *info, enum fuse_readdir_flags flags)
{
    (void) path, (void) offset, (void) info, (void) flags;
    return fill(buffer, &MARKER[1], NULL, 0, 0);
}

static int
read_marker(const char *path, char *buffer, size_t size, off_t offset, struct fuse_file_info *info)
{
    (void) path, (void) info;
    size_t from = MIN((size_t) offset, length);
    size_t part = MIN(size, length - from);

    memcpy(buffer, content + from, part);
    return (int) part;
}

int
main(int argc, char **argv)
{
    static const struct fuse_operations operations = {
        .getattr = get_attributes,
        .readdir = read_directory,
        .read = read_marker,
    };
    char *arguments[] = {argv[0], argv[2], NULL};

    if (argc != 3 || !g_file_get_contents(argv[1], &content, &length, NULL))
        return 2;
    return fuse_main(2, arguments, &operations, NULL);
}
