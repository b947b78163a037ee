/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is libvirt saving or restoring a domain while it calls us? Its libxl driver has the file open for
 * both then, its qemu driver only for a restore. */
#pragma once

#include <stdbool.h>

#include "common/format/image-save.h"

typedef enum {
    RL_SAVE_FILE_LIBXL,
    RL_SAVE_FILE_QEMU,
} RlSaveFileDriver;

/* What is more certain comes later. */
typedef enum {
    RL_SAVE_FILE_NONE,
    RL_SAVE_FILE_DOUBT,   /* (qemu) a file is open for reading that may have been it, and the device
                             models' user may have changed since; or that is another user's; or an
                             image of a pool or a block device, which is not read here; or several
                             hold the domain */
    RL_SAVE_FILE_UNKNOWN, /* whoever called us is gone, or not libvirt's daemon, or hides it */
    RL_SAVE_FILE_READ,    /* it is open for reading: a restore */
    RL_SAVE_FILE_WRITTEN, /* for writing: a save */
} RlSaveFile;

/**
 * rl_save_file_find:
 * Looks through the open files of the process that called us, and of those that read a file for it,
 * for one that begins as save files of @driver do and holds the domain @uuid. *@ret_memory is what
 * is in it, owned by the caller, where that is told, else NULL; its file is the path, or where it
 * was removed the one that it had.
 */
RlSaveFile rl_save_file_find(RlSaveFileDriver driver, const char *uuid, RlMemory **ret_memory);

/**
 * rl_save_file_find_alone:
 * What is in the file that the qemu driver restores the domain @uuid from, owned by the caller;
 * NULL where that is not sure: where it is not found, or beside it another file is open for reading
 * that may be the one. Who could write to that can have changed it when the daemon had read it.
 */
RlMemory *rl_save_file_find_alone(const char *uuid);

/**
 * rl_save_file_read:
 * Returns what is in the complete save file @path of @driver if that holds the domain @uuid, owned
 * by the caller; NULL where it does not, or cannot be read. What is no regular file, a symbolic
 * link for one, is not opened, and the log says so: the directory may be the device models' user's.
 * No more is read than the largest XML of a domain and what rl_memory_read() takes.
 */
RlMemory *rl_save_file_read(const char *path, RlSaveFileDriver driver, const char *uuid);

/**
 * rl_save_file_is_managed:
 * True if the real path @file lies where the libxl driver keeps managed save files.
 */
bool rl_save_file_is_managed(const char *file);
