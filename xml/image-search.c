/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-search.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "domain.h"
#include "pool-target.h"

#include "common/base/autofd.h"
#include "common/format/file-name.h"
#include "common/format/volume-name.h"
#include "common/fs/dirfd.h"
#include "common/fs/local-links.h"
#include "common/fs/mounts.h"

static const char *const pool_dirs[] = {"run/libvirt/storage", "etc/libvirt/storage"};

void
rl_image_search_clear(RlImageSearch *search)
{
    g_free(search->dir);
    g_free(search->base);
    g_free(search->leaf);
    g_free(search->doubt);
    if (search->mounts)
        g_ptr_array_unref(search->mounts);
    if (search->all)
        g_hash_table_unref(search->all);
    if (search->lone)
        g_ptr_array_unref(search->lone);
    if (search->disks)
        g_hash_table_unref(search->disks);
    if (search->read)
        g_hash_table_unref(search->read);
}

bool
rl_image_search_begin(RlImageSearch *search, const char *image)
{
    RlFileName file;

    search->image = image;
    search->dir = g_path_get_dirname(image);
    search->base = g_path_get_basename(image);
    file = rl_file_name_parse(search->base);
    if (file.role != RL_FILE_DIRTY)
        return false;
    search->leaf = g_strdup(file.leaf);
    search->mounts = search->permits ? NULL : rl_mounts_read(NULL);
    return true;
}

bool
rl_image_search_has_let_go(const RlImageSearch *search, const char *name)
{
    return search->let_go && name && g_strv_contains(search->let_go, name);
}

static bool
is_same_file(const char *a, const char *b)
{
    struct stat left, right;

    return stat(a, &left) == 0 && stat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

/* Is @path the link in the pool's directory that leads to the clean image, as at rest
 * (common/image/volume-path.h)? It leads to the image as soon as that is there. */
static bool
is_its_link(const RlImageSearch *search, const char *path)
{
    g_autofree char *clean = rl_file_name(search->leaf, RL_FILE_CLEAN);
    g_autofree char *wanted = g_build_filename(RL_NAME_FOLDER, clean, NULL);
    g_autofree char *root = g_path_get_dirname(search->dir), *dir = g_path_get_dirname(path);
    g_autofree char *folder = g_path_get_basename(search->dir);

    if (strcmp(folder, RL_NAME_FOLDER) != 0 || (strcmp(dir, root) != 0 && !is_same_file(dir, root)))
        return false;
    g_autofree char *target = g_file_read_link(path, NULL);
    return g_strcmp0(target, wanted) == 0;
}

/* Only the image's own names are followed to a file: what others lead to may hang. */
static bool
has_its_name(const RlImageSearch *search, const char *path)
{
    g_autofree char *base = g_path_get_basename(path);
    size_t leaf = strlen(search->leaf);

    if (strcmp(path, search->image) == 0)
        return true;
    bool may_be = strcmp(base, search->base) == 0 ||
                  (g_str_has_prefix(base, search->leaf) &&
                   (base[leaf] == '\0' || strcmp(base + leaf, ".img") == 0));
    return may_be && (is_same_file(path, search->image) || is_its_link(search, path));
}

/* What has the path of a file that is not there, or not the same any more? */
typedef enum {
    SAME_FILE,   /* nothing of the image's */
    MOVED_POOL,  /* the image, if there is no such directory: a disk's file need not be there */
    MOVED_LAYER, /* the image: what an overlay lies on must be there */
} Before;

static bool
is_gone(const char *path)
{
    struct stat st;

    return lstat(path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

/* The pool was moved, or its name is another pool's now, and libvirt's files still lead to @target,
 * which is without links: its end is the image's. The place may be in use again. */
static bool
is_where_it_was(const RlImageSearch *search, const char *target, Before before)
{
    g_autofree char *folder = g_path_get_basename(search->dir);
    g_autofree char *end = g_build_filename("/", folder, search->base, NULL);
    g_autofree char *dir = g_path_get_dirname(target);

    return before != SAME_FILE && g_str_has_suffix(target, end) &&
           is_gone(before == MOVED_LAYER ? target : dir);
}

/* A domain may have its disk by a symbolic link of any name. */
static bool
leads_to_image(const RlImageSearch *search, const char *path, Before before)
{
    if (has_its_name(search, path) || search->permits)
        return has_its_name(search, path);
    g_autofree char *target = rl_local_links_follow(path, search->mounts);
    return target && ((strcmp(target, path) != 0 && has_its_name(search, target)) ||
                      is_where_it_was(search, target, before));
}

bool
rl_image_search_is_image(const RlImageSearch *search, const char *path)
{
    return leads_to_image(search, path, MOVED_POOL);
}

bool
rl_image_search_is_layer(const RlImageSearch *search, const char *path)
{
    return leads_to_image(search, path, MOVED_LAYER);
}

/* The pool was moved, and the overlay at @path in it, which is not there now, as well. */
static bool
was_beside(const RlImageSearch *search, const char *path)
{
    g_autofree char *target = search->permits ? NULL : rl_local_links_follow(path, search->mounts);
    g_autofree char *dir = g_path_get_dirname(target ? target : "/");
    g_autofree char *folder = g_path_get_basename(dir), *here = g_path_get_basename(search->dir);

    return target && strcmp(folder, here) == 0 && is_gone(target);
}

/* An overlay's name, if nobody gave it another one, is its base's with what follows the last dot
 * replaced by the snapshot's name. The base may have been named by the short path of its volume
 * (common/image/short-path.h). */
bool
rl_image_search_is_beside(const RlImageSearch *search, const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path), *base = g_path_get_basename(path);
    g_autofree char *stem = g_strndup(search->base, strlen(search->base) - strlen("img"));
    g_autofree char *short_stem = g_strconcat(search->leaf, ".", NULL);
    g_autofree char *root = g_path_get_dirname(search->dir);

    if (g_str_has_prefix(base, stem))
        return strcmp(base, search->base) != 0 &&
               (strcmp(dir, search->dir) == 0 || is_same_file(dir, search->dir) ||
                was_beside(search, path));
    return g_str_has_suffix(search->dir, "/" RL_NAME_FOLDER) &&
           g_str_has_prefix(base, short_stem) && strcmp(dir, root) == 0 &&
           strcmp(base + strlen(short_stem), "img") != 0;
}

bool
rl_image_search_is_roots_only(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && st.st_uid == 0 && st.st_nlink == 1 &&
           !(st.st_mode & (S_IWGRP | S_IWOTH));
}

char *
rl_image_search_read_text(const RlImageSearch *search, const char *dir_path, const char *file,
                          size_t *ret_length)
{
    g_autofree char *path = g_build_filename(search->top, dir_path, NULL);
    rl_autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rl_autofd int fd = dir < 0 ? -1 : rl_dirfd_open_file(dir, file, O_RDONLY, NULL);

    /* libvirt 11.3.0 gives its directory to the device models' user. */
    if (fd < 0 || (search->roots_only && !rl_image_search_is_roots_only(fd)))
        return NULL;
    return rl_dirfd_read_opened(fd, file, RL_DOMAIN_SIZE_MAX, ret_length, NULL);
}

/* Is the image called as that of the volume @name is in its pool? */
static bool
is_called(const RlImageSearch *search, const RlName *name)
{
    g_autofree char *dirty = rl_file_name(name->leaf, RL_FILE_DIRTY);
    g_autofree char *inside = g_build_filename("/", name->dir, dirty, NULL);

    return g_str_has_suffix(search->image, inside);
}

char *
rl_image_search_path_of_volume(const RlImageSearch *search, const char *pool, const char *volume)
{
    g_autoptr(RlName) name = rl_name_parse_volume(volume, NULL);
    g_autofree char *file = g_strconcat(pool, ".xml", NULL);

    if (!name || strchr(pool, '/'))
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(pool_dirs); i++) {
        size_t length;
        g_autofree char *text = rl_image_search_read_text(search, pool_dirs[i], file, &length);
        g_autofree char *root = text ? rl_xml_target_path(text, length, file, NULL) : NULL;
        if (!root)
            continue;
        g_autofree char *dirty = rl_file_name(name->leaf, RL_FILE_DIRTY);
        return g_build_filename(root, name->dir, dirty, NULL);
    }
    return !search->permits && is_called(search, name) ? g_strdup(search->image) : NULL;
}

bool
rl_image_search_is_volume(const RlImageSearch *search, const char *pool, const char *volume)
{
    g_autofree char *path = rl_image_search_path_of_volume(search, pool, volume);

    return path && leads_to_image(search, path, SAME_FILE);
}

bool
rl_image_search_is_layer_volume(const RlImageSearch *search, const char *pool, const char *volume)
{
    g_autofree char *path = rl_image_search_path_of_volume(search, pool, volume);

    return path && leads_to_image(search, path, MOVED_LAYER);
}

char *
rl_image_search_path_of_disk(const RlImageSearch *search, const RlDisk *disk)
{
    return disk->path || !disk->pool
               ? g_strdup(disk->path)
               : rl_image_search_path_of_volume(search, disk->pool, disk->volume);
}

bool
rl_image_search_is_disk(const RlImageSearch *search, const RlDisk *disk)
{
    return (disk->path && rl_image_search_is_image(search, disk->path)) ||
           (disk->pool && rl_image_search_is_volume(search, disk->pool, disk->volume));
}
