/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files in a directory would be to a pool that is made of it, by their names, sizes and
 * links alone: no image is opened to read what a guest has written. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "common/format/file-name.h"

typedef enum {
    RL_ADOPT_KEPT,    /* it is a volume's file already, by its name */
    RL_ADOPT_MOVED,   /* a plain image: under another name it is the clean image of a volume */
    RL_ADOPT_FOREIGN, /* no volume's, and it stays as it is */
} RlAdoptWhat;

typedef struct {
    char *path; /* below the directory */
    struct stat st;
    RlAdoptWhat what;
    RlFileRole role; /* of RL_ADOPT_KEPT */
    char *volume;    /* the name of the volume; NULL for RL_ADOPT_FOREIGN */
    char *to;        /* of RL_ADOPT_MOVED: its path as the volume's clean image; else NULL */
    char *note;      /* why it is foreign, in words; NULL where there is nothing to say */
} RlAdoptFile;

/**
 * rl_adopt_plan:
 * Looks through the directory @root, as deep as volumes can lie. Returns its files (RlAdoptFile),
 * without what a pool has of its own (the marker), in the order of their paths, owned by the
 * caller. @raw are the paths, below it, of files that are raw images whatever their names say (NULL
 * at the end; may be NULL).
 *
 * A plain image is called NAME.img or NAME.raw, or lies in the directory itself, has no dot in its
 * name and a size of whole sectors. It becomes the volume NAME, or NAME.raw. One whose name no
 * volume can have is foreign, and so are two that would become the same volume, or whose volume is
 * there already, and hard links that would become images of different volumes.
 *
 * NULL with RL_ERROR_NOT_FOUND for one of @raw that is not there, RL_ERROR_INVALID for one that is
 * no regular file, or an errno where a directory cannot be read.
 */
GPtrArray *rl_adopt_plan(int root, const char *const *raw, GError **error);

/**
 * rl_adopt_refuse:
 * Makes the plain image @file foreign, for a reason that its name does not tell.
 */
void rl_adopt_refuse(RlAdoptFile *file, const char *format, ...) G_GNUC_PRINTF(2, 3);

/**
 * rl_adopt_find:
 * The first file of @plan that the volume @volume has or is to have, but for revisions, borrowed;
 * NULL where there is none. @role is that of the file; of a plain image RL_FILE_CLEAN.
 */
RlAdoptFile *rl_adopt_find(const GPtrArray *plan, const char *volume, RlFileRole role);
