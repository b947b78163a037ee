/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One search for an image in what libvirt has written: by which paths and volumes' names the image
 * is meant, and how libvirt's files are read for it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "domain-disks.h"

typedef struct {
    const char *top;   /* libvirt's directories are below it */
    const char *image; /* the absolute path of a dirty image */
    char *dir, *base;  /* of that path */
    char *leaf;        /* of the volume's name */
    bool directly;     /* a disk counts as well, not only what lies below one */
    const char *except;
    const char *const *let_go; /* names of domains that are passed over as well, or NULL */
    bool permits;      /* what is found permits something: only what root has written counts */
    bool roots_only;   /* of the domains that run, only what root alone can have written */
    GPtrArray *mounts; /* or NULL */
    GHashTable *all;   /* layer-graph.h, of all snapshots that were read; NULL: it is not kept */
    GPtrArray *lone;   /* see lone-overlays.h, as the next; or NULL */
    GHashTable *told;  /* overlays of which root's record says what they lie on; or NULL */
    GHashTable *disks;
    GHashTable *read; /* names of the domains whose snapshots were read; or NULL */
    guint files;      /* snapshots read so far, and their bytes */
    size_t bytes;
    gint64 until_us;      /* by the monotonic clock; 0 before the first */
    const char *doubt_of; /* a domain, or NULL: the log has been told, and this one is asked for */
    char *doubt;          /* why its snapshots cannot be read */
} RlImageSearch;

/**
 * rl_image_search_clear:
 * Frees what @search owns.
 */
void rl_image_search_clear(RlImageSearch *search);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RlImageSearch, rl_image_search_clear)

/**
 * rl_image_search_begin:
 * Looks for @image, an absolute path, with @search, whose other fields the caller has set. False
 * where that is no dirty image's name. @image must outlive @search.
 */
bool rl_image_search_begin(RlImageSearch *search, const char *image);

/**
 * rl_image_search_has_let_go:
 * True if @search passes over the domain called @name.
 */
bool rl_image_search_has_let_go(const RlImageSearch *search, const char *name);

/**
 * rl_image_search_is_image:
 * True if @path leads to the image: by the image's own names, or by a symbolic link of any name
 * unless the search permits something. Nor then does it count that @path may have led to the image
 * before its pool was moved: it ends like the image's, below a directory that is not there.
 */
bool rl_image_search_is_image(const RlImageSearch *search, const char *path);

/**
 * rl_image_search_is_layer:
 * The same of a @path that an overlay lies on. A file must be there, so also where that directory
 * is there, as where another pool was built in it, but no such file.
 */
bool rl_image_search_is_layer(const RlImageSearch *search, const char *path);

/**
 * rl_image_search_is_disk:
 * True if the image is @disk's own, by its path or its volume's name, and no layer below it.
 */
bool rl_image_search_is_disk(const RlImageSearch *search, const RlDisk *disk);

/**
 * rl_image_search_is_beside:
 * True if @path is called what libvirt calls an overlay on the image, in the image's directory, or,
 * unless the search permits something, beside a short path of the volume (then it may be that of
 * another volume, too), or in a directory of that name in which it is not any more.
 */
bool rl_image_search_is_beside(const RlImageSearch *search, const char *path);

/**
 * rl_image_search_is_roots_only:
 * True if only root can write to the open file @fd, and it has one name.
 */
bool rl_image_search_is_roots_only(int fd);

/**
 * rl_image_search_read_text:
 * Returns the text of @file in the directory @dir_path below the search's top, owned by the caller,
 * with its length in *@ret_length; NULL where it cannot be read or does not count.
 */
char *rl_image_search_read_text(const RlImageSearch *search, const char *dir_path, const char *file,
                                size_t *ret_length);

/**
 * rl_image_search_path_of_volume:
 * Returns the path of the dirty image of @volume in the pool of libvirt's that is called @pool,
 * owned by the caller; NULL where libvirt has no such pool. It may have another name now: what
 * keeps the image is believed then.
 */
char *rl_image_search_path_of_volume(const RlImageSearch *search, const char *pool,
                                     const char *volume);

/**
 * rl_image_search_is_volume:
 * True if the image is that of @volume in @pool.
 */
bool rl_image_search_is_volume(const RlImageSearch *search, const char *pool, const char *volume);

/**
 * rl_image_search_is_layer_volume:
 * The same of a volume that an overlay lies on, where the pool that has the name now may be another
 * one: if that has no such file, a volume of the image's name counts.
 */
bool rl_image_search_is_layer_volume(const RlImageSearch *search, const char *pool,
                                     const char *volume);

/**
 * rl_image_search_path_of_disk:
 * Returns the path of @disk, or rl_image_search_path_of_volume() of its volume, owned by the
 * caller; NULL where it has neither.
 */
char *rl_image_search_path_of_disk(const RlImageSearch *search, const RlDisk *disk);
