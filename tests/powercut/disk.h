/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk in memory: one file that a process of its own serves by FUSE, and a loop device on that.
 * It records what the kernel does to it; or it shows states of such a recording, and forgets what
 * is done to them. Everything here ends the test where it fails, but for disk_mount(). */
#pragma once

#include "states.h"

typedef struct Disk Disk;

/* Makes a disk of @size bytes, all zeros; @dir is a directory for its files. All that is done to it
 * is written to @file, opened with O_APPEND, if that is not -1. @recording is NULL, or what
 * disk_show() shows. */
Disk *disk_new(const char *dir, uint64_t size, int file, const Recording *recording);
void disk_free(Disk *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Disk, disk_free)

/* The path of the loop device. */
const char *disk_device(const Disk *disk);

/* Writes a mark into the recording, behind all that was done before. */
void disk_mark(Disk *disk, const char *text);

/* From now on the disk is in @state of its recording, while nobody has the device open. Later calls
 * are for the same or later epochs. */
void disk_show(Disk *disk, const State *state);

/* Mounts the disk's file system of the kind @fs at @at. False with errno. */
bool disk_mount(Disk *disk, const char *fs, const char *at);
void disk_unmount(const char *at);
