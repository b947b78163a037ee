/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A root directory with files of libvirt's in it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define UUID_A "00000000-0000-4000-8000-00000000000a"
#define UUID_B "00000000-0000-4000-8000-00000000000b"
#define IMAGE "/pool/a/b-dirty.img"
#define BACKING(path) "<backingStore type='file'><source file='" path "'/></backingStore>"

typedef struct {
    char *top;
} Host;

typedef struct {
    const char *path;
    void (*test)(Host *, gconstpointer);
} HostTest;

/* Each with a root directory of its own. */
void host_add_tests(const HostTest *tests, size_t count);

/* @file: its path below the root directory. */
void host_put(const Host *host, const char *file, const char *text);

/* The XML of a domain; @disk: what is in its only <disk>. */
char *host_domain(const char *name, const char *uuid, const char *disk);

/* host_put() of a domain "anna". */
void host_put_domain(const Host *host, const char *file, const char *disk);

/* A record of a snapshot, whose overlay is @overlay: of a domain with the disk @disk, or on
 * @before, as the domain was. */
void host_put_snapshot_of(const Host *host, const char *file, const char *overlay,
                          const char *disk);
void host_put_snapshot(const Host *host, const char *file, const char *overlay, const char *before);

/* What lies at @path, with all that it has; not what a link in it leads to, nor a mount. */
void host_remove_tree(const char *path);

/* The domain that has @image as a disk or below one is @wanted, which may be NULL. */
void host_finds(const Host *host, const char *image, bool directly, const char *wanted);
