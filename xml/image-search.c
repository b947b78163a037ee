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

/* path_resolution(7). */
#define LINKS_MAX 40
/* How the name of a dirty image goes on behind that of its volume. */
#define DIRTY "-dirty."

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
    if (search->told)
        g_hash_table_unref(search->told);
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

/* Is one of the links that @path leads through an own name of the image? One to the volume's link
 * ends at the clean image at rest. @path is known to lead onto local file systems only. */
static bool
leads_through_its_name(const RlImageSearch *search, const char *path)
{
    g_autofree char *at = g_strdup(path);

    for (int i = 0; i < LINKS_MAX; i++) {
        g_autofree char *dir = g_path_get_dirname(at), *base = g_path_get_basename(at);
        g_autofree char *place = rl_local_links_follow(dir, search->mounts);
        /* GCOV_EXCL_START: it fails only where links have changed since. */
        g_autofree char *way = place ? g_build_filename(place, base, NULL) : NULL;
        if (!way || has_its_name(search, way))
            return way != NULL;
        /* GCOV_EXCL_STOP */
        g_autofree char *target = g_file_read_link(way, NULL);
        if (!target)
            return false;
        g_free(at);
        at = g_path_is_absolute(target) ? g_steal_pointer(&target)
                                        : g_build_filename(place, target, NULL);
    }
    return false; /* GCOV_EXCL_LINE: only where links have changed since */
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

/* Is @target called as the short path of the image's volume is, or as the path that is a link
 * (common/image/short-path.h), in some directory? */
static bool
is_called_shortly(const RlImageSearch *search, const char *target)
{
    g_autofree char *folder = g_path_get_basename(search->dir);
    g_autofree char *base = g_path_get_basename(target);
    g_autofree char *with_suffix = g_strconcat(search->leaf, ".img", NULL);

    return strcmp(folder, RL_NAME_FOLDER) == 0 &&
           (strcmp(base, search->leaf) == 0 || strcmp(base, with_suffix) == 0);
}

/* The pool was moved, or its name is another pool's now, and libvirt's files still lead to @target,
 * which is without links: its end is the image's. The place may be in use again. A short path may
 * have gone alone, too, and says little: it counts for what an overlay lies on. */
static bool
is_where_it_was(const RlImageSearch *search, const char *target, Before before)
{
    g_autofree char *folder = g_path_get_basename(search->dir);
    g_autofree char *end = g_build_filename("/", folder, search->base, NULL);
    g_autofree char *dir = g_path_get_dirname(target);

    if (before == MOVED_LAYER)
        return (g_str_has_suffix(target, end) || is_called_shortly(search, target)) &&
               is_gone(target);
    return before == MOVED_POOL && g_str_has_suffix(target, end) && is_gone(dir);
}

/* A domain may have its disk by a symbolic link of any name. */
static bool
leads_to_image(const RlImageSearch *search, const char *path, Before before)
{
    if (has_its_name(search, path) || search->permits)
        return has_its_name(search, path);
    g_autofree char *target = rl_local_links_follow(path, search->mounts);
    return target && ((strcmp(target, path) != 0 && leads_through_its_name(search, path)) ||
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

/* Is @path, in a pool's directory, the short path of a volume (common/image/short-path.h)? */
static bool
is_short_path(const char *path)
{
    g_autofree char *target = g_file_read_link(path, NULL);
    g_autofree char *base = g_path_get_basename(path);
    const char *file = target && g_str_has_prefix(target, RL_NAME_FOLDER "/")
                           ? target + strlen(RL_NAME_FOLDER "/")
                           : "";
    RlFileName name = rl_file_name_parse(file);
    size_t leaf = strlen(name.leaf);

    return (name.role == RL_FILE_DIRTY || name.role == RL_FILE_CLEAN) &&
           strncmp(base, name.leaf, leaf) == 0 &&
           (base[leaf] == '\0' || strcmp(base + leaf, ".img") == 0);
}

/* The base may have been named by a short path of its volume, LEAF or LEAF.img. So the overlay on
 * "a.b" may be called as one on "a". */
static bool
is_beside_short_path(const RlImageSearch *search, const char *path, const char *dir,
                     const char *base)
{
    g_autofree char *root = g_path_get_dirname(search->dir);
    const char *dot = strrchr(search->leaf, '.');
    size_t whole = strlen(search->leaf), cut = dot ? (size_t) (dot - search->leaf) : whole;

    if (!g_str_has_suffix(search->dir, "/" RL_NAME_FOLDER) || strcmp(dir, root) != 0 ||
        strncmp(base, search->leaf, cut) != 0 || base[cut] != '.' || is_short_path(path))
        return false;
    return strncmp(base, search->leaf, whole) != 0 ||
           (base[whole] != '\0' && strcmp(base + whole, ".img") != 0);
}

/* An overlay's name, if nobody gave it another one, is its base's with what follows the last dot
 * replaced by the snapshot's name. What permits something must mean no other volume. */
bool
rl_image_search_is_beside(const RlImageSearch *search, const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path), *base = g_path_get_basename(path);
    g_autofree char *stem = g_strndup(search->base, strlen(search->base) - strlen("img"));

    if (!g_str_has_prefix(base, stem))
        return !search->permits && is_beside_short_path(search, path, dir, base);
    if (search->permits && strstr(base + strlen(stem), DIRTY))
        return false;
    return strcmp(base, search->base) != 0 &&
           (strcmp(dir, search->dir) == 0 || is_same_file(dir, search->dir) ||
            was_beside(search, path));
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
