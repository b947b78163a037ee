/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common/format/image-owner.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"

static void
need(bool done, const char *what)
{
    if (!done)
        g_error("%s: %s", what, g_strerror(errno));
}

static void
copy_attributes(int from, int to, const char *path)
{
    char names[2048], value[4096];
    ssize_t length = flistxattr(from, names, sizeof(names));

    need(length >= 0, path);
    for (const char *name = names; name < names + length; name += strlen(name) + 1) {
        ssize_t n = fgetxattr(from, name, value, sizeof(value));
        need(n >= 0 && fsetxattr(to, name, value, (size_t) n, 0) == 0, path);
    }
}

/* Data stays data and holes stay holes: what copies a file meets the same in each copy. */
static void
copy_data(int from, int to, off_t size, const char *path)
{
    need(ftruncate(to, size) == 0, path);
    for (off_t start = 0, end = 0; (start = lseek(from, end, SEEK_DATA)) >= 0;) {
        end = lseek(from, start, SEEK_HOLE);
        need(end > start, path);
        while (start < end) {
            off_t at = start;
            need(copy_file_range(from, &start, to, &at, (size_t) (end - start), 0) > 0, path);
        }
    }
    need(errno == ENXIO, path);
}

/* The copies of one tree. */
typedef struct {
    GHashTable *linked; /* inode -> the path of its copy, of files with several names */
    GHashTable *inodes; /* what an inode is called (inode.h) -> what its copy is */
    GPtrArray *files;   /* the paths of the copies */
} Copies;

static void
note_copy(Copies *copies, int from, int to, const char *path)
{
    char *old = NULL, *new = NULL;

    need(rl_inode_describe(from, "", &old, NULL) && rl_inode_describe(to, "", &new, NULL), path);
    if (old && new)
        g_hash_table_insert(copies->inodes, old, new);
    g_ptr_array_add(copies->files, g_strdup(path));
}

/* What was made from what (image-made.h): both stand for the same files at an earlier time. */
static void
name_inodes(const Copies *copies, const char *path)
{
    g_autofree char *made = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    need(fd >= 0 && rl_xattr_get(fd, RL_ATTR_MADE, &made, NULL), path);
    g_auto(GStrv) parts = g_strsplit(made ? made : "", "/", -1);
    for (char **part = parts; *part; part++) {
        const char *copy = g_hash_table_lookup(copies->inodes, *part);
        if (!copy)
            continue;
        g_free(*part);
        *part = g_strdup(copy);
    }
    g_autofree char *text = g_strjoinv("/", parts);
    need(!made || rl_xattr_set(fd, RL_ATTR_MADE, text, NULL), path);
    close(fd);
}

static void
copy_file(const char *from, const char *to, const struct stat *st, Copies *copies)
{
    const struct timespec times[2] = {st->st_atim, st->st_mtim};
    int source = open(from, O_RDONLY | O_CLOEXEC);
    int copy = open(to, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, st->st_mode & 07777);

    need(source >= 0 && copy >= 0, to);
    if (st->st_size > 0 && ioctl(copy, FICLONE, source) < 0) {
        need(errno == EOPNOTSUPP, to);
        copy_data(source, copy, st->st_size, to);
    }
    copy_attributes(source, copy, to);
    /* It stands for the same file at an earlier time. */
    need(rl_image_owner_take_along(source, copy, NULL), to);
    need(fchmod(copy, st->st_mode & 07777) == 0 && futimens(copy, times) == 0, to);
    note_copy(copies, source, copy, to);
    close(source);
    close(copy);
}

/* A pool's directory has its mark. */
static void
copy_attributes_of_directory(const char *from, const char *to)
{
    int source = open(from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int copy = open(to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    need(source >= 0 && copy >= 0, to);
    copy_attributes(source, copy, to);
    close(source);
    close(copy);
}

static void
copy_directory(const char *from, const char *to, Copies *copies)
{
    g_autoptr(GDir) dir = g_dir_open(from, 0, NULL);
    const char *name;
    struct stat st;

    need(dir != NULL, from);
    copy_attributes_of_directory(from, to);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *source = g_build_filename(from, name, NULL);
        g_autofree char *copy = g_build_filename(to, name, NULL);
        need(lstat(source, &st) == 0, source);
        if (S_ISDIR(st.st_mode)) {
            need(mkdir(copy, st.st_mode & 07777) == 0 || errno == EEXIST, copy);
            copy_directory(source, copy, copies);
            continue;
        }
        if (S_ISLNK(st.st_mode)) {
            g_autofree char *target = g_file_read_link(source, NULL);
            need(target && symlink(target, copy) == 0, copy);
            continue;
        }
        const char *first = g_hash_table_lookup(copies->linked, GSIZE_TO_POINTER(st.st_ino));
        if (first) {
            need(link(first, copy) == 0, copy);
            continue;
        }
        copy_file(source, copy, &st, copies);
        if (st.st_nlink > 1)
            g_hash_table_insert(copies->linked, GSIZE_TO_POINTER(st.st_ino),
                                g_steal_pointer(&copy));
    }
}

void
tree_empty(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    need(dir != NULL, path);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *one = g_build_filename(path, name, NULL);
        if (unlink(one) == 0)
            continue;
        need(errno == EISDIR, one);
        tree_empty(one);
        need(rmdir(one) == 0, one);
    }
}

void
tree_restore(const char *from, const char *to)
{
    g_autoptr(GHashTable) linked = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    g_autoptr(GHashTable) inodes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(g_free);
    Copies copies = {linked, inodes, files};

    tree_empty(to);
    copy_directory(from, to, &copies);
    for (guint i = 0; i < files->len; i++)
        name_inodes(&copies, g_ptr_array_index(files, i));
}
