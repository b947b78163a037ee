/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The volumes and revisions of a pool, told from the names in its directories alone: no file is
 * opened. common/pool/scan.h has them in full. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char *name;              /* as libvirt knows it: "vm/disk", "vm/disk@3" */
    char *file;              /* its path below the pool */
    unsigned long long size; /* bytes: of its image, 0 where it has none */
    int rank;                /* which of the files of one name counts: the lowest */
} RlEntry;

typedef struct {
    RlEntry *entries;
    size_t n, room;
    bool complete; /* false: a directory could not be read, or there is no memory */
} RlListing;

/**
 * rl_listing:
 * Walks over the pool @path: over its volumes, or, with @flat, over the files of the directory
 * itself. Each name once, in order. To be freed with rl_listing_free().
 */
RlListing rl_listing(const char *path, bool flat);

/**
 * rl_listing_free:
 * Frees what @listing has.
 */
void rl_listing_free(RlListing *listing);
