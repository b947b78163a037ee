/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk in memory: one file that this process serves by FUSE, and a loop device on that. What the
 * kernel does to it can be recorded; or it shows another state, and forgets what is done to that.
 * Everything here ends the test where it fails, but for disk_mount(). */
#pragma once

#include "record.h"

typedef struct Disk Disk;

/* Makes a disk of @size bytes, all zeros; @dir is a directory for its files. With @cached the
 * kernel may keep what it has read, until disk_mount(). */
Disk *disk_new(const char *dir, uint64_t size, bool cached);
void disk_free(Disk *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Disk, disk_free)

/* The path of the loop device. */
const char *disk_device(const Disk *disk);

/* From now on all that is done to the disk is also written to @file, which must stay open. NULL
 * ends that. */
void disk_record(Disk *disk, FILE *file);
/* Writes a mark into the recording, behind all that was done before. */
void disk_mark(Disk *disk, const char *text);

/* The bytes of the disk, to be changed by the caller while nobody has the device open. */
char *disk_bytes(Disk *disk);
/* From now on reads and writes go to a copy of these bytes, which begins as they are. Returns the
 * copy: it too may be changed while nobody has the device open. A second call begins it anew. */
char *disk_overlay(Disk *disk);

/* Mounts the disk's file system of the kind @fs at @at. False with errno. */
bool disk_mount(Disk *disk, const char *fs, const char *at);
void disk_unmount(const char *at);
