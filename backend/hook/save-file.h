/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Is libvirt's libxl driver saving or restoring a domain while it calls us? It has the file open
 * then. */
#pragma once

typedef enum {
    RL_SAVE_FILE_NONE,
    RL_SAVE_FILE_WRITTEN, /* it is open for writing: a save */
    RL_SAVE_FILE_READ,    /* for reading: a restore */
    RL_SAVE_FILE_UNKNOWN, /* whoever called us is gone, or not libvirt's daemon */
} RlSaveFile;

/**
 * rl_save_file_find:
 * Looks through the open files of the process that called us for one that begins as libvirt's libxl
 * save files do and holds the domain @uuid. *@ret_file is its path, owned by the caller.
 */
RlSaveFile rl_save_file_find(const char *uuid, char **ret_file);
