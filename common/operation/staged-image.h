/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume or revision in the making: a file without a name, which nobody sees until it is
 * complete. A crash, or a failure, leaves nothing of it. */
#pragma once

#include "common/format/asked-kind.h"
#include "common/format/state-id.h"
#include "common/fs/sparse-copy.h"
#include "common/fs/tmpfile.h"
#include "common/pool/volume.h"

typedef struct {
    RlPool *pool;      /* owned */
    RlName *name;      /* what it is to become: any form but RL_NAME_REVISION */
    int dir;           /* the directory it is to appear in; -1 before it is opened */
    int fd;            /* the content; -1 before it is opened, and once it is done */
    bool made_dir;     /* the directory may be ours to remove again */
    RlAskedKind asked; /* what a new or replaced volume is to be, instead of the rules' */
    RlGoOn go_on;      /* asked while data is copied, with go_on_data; NULL: it always goes on */
    void *go_on_data;
    char *copy_of; /* of NAME@LABEL: the id of the image at rest that it was filled from; or NULL */
    struct stat copied; /* and the status that this had */
    char *known[2]; /* of NAME@LABEL: the volume's images when it was begun (rl_inode_describe()),
                       or NULL */
    char *origin;   /* what it is made from, for the log: "'VOLUME'", "a stream"; or NULL */
    char *path;     /* of a new volume: the name of the link that is to be its path, or NULL */
    bool kept;      /* it has a temporary name, and stays when the draft ends unpublished */
    const RlStateId *received; /* of a new volume: what it was received as, borrowed; may be NULL */

    /* Of NAME@current: the clean image that is to be replaced, and the revision it was linked to.
     */
    struct stat replaced;
    char *replaced_id;
    int replaced_fd; /* open as long as the draft lives: no other image can get that inode number */
    uint64_t revision; /* 0: not chosen yet */
    bool linked;
} RlStagedImage;

/**
 * rl_staged_begin:
 * Begins what is to become @text in @pool, which it takes over (also on failure): sees whether it
 * can be, and makes nothing yet. Waits for no lock and no disk. Returns the draft, owned by the
 * caller; NULL with @error as rl_staged_new() has it.
 */
RlStagedImage *rl_staged_begin(RlPool *pool, const char *text, GError **error);

/**
 * rl_staged_open:
 * Makes the file of @draft, and its directory where that is missing; for NAME@current the clean
 * image is linked to the name of its next revision (begin-replacement.h). Waits for the volume's
 * lock and for the disk. False with @error as rl_staged_new() has it.
 */
bool rl_staged_open(RlStagedImage *draft, const RlAccess *access, GError **error);

/**
 * rl_staged_new:
 * Both: begins what is to become @text in @pool, which it takes over, and makes its file. For a
 * volume that must not exist yet, for a label that must not be taken; for NAME@current the volume
 * must be persistent and not running, and its clean image is linked to the name of its next
 * revision. Returns the draft, owned by the caller; NULL with @error: RL_ERROR_NAME,
 * RL_ERROR_EXISTS, RL_ERROR_NOT_FOUND, RL_ERROR_STATE, RL_ERROR_BUSY (somebody has the clean image
 * open for writing), or an errno.
 */
RlStagedImage *rl_staged_new(RlPool *pool, const char *text, const RlAccess *access,
                             GError **error);

/**
 * rl_staged_check_replaceable:
 * True if the clean image of @volume could be replaced now. Else false with RL_ERROR_UNSUPPORTED (a
 * kind that has none), RL_ERROR_STATE or RL_ERROR_NOT_FOUND.
 */
bool rl_staged_check_replaceable(const RlVolume *volume, GError **error);

/**
 * rl_staged_check_remains:
 * True if nothing is left of an earlier volume of the name of @volume, which does not exist, that
 * is data: revisions, or a precache. Else false with RL_ERROR_STATE, and what is there.
 */
bool rl_staged_check_remains(const RlVolume *volume, GError **error);

/**
 * rl_staged_check_unchanged:
 * True if @volume, looked at with its lock, is as it was when the replacement @draft was begun: the
 * clean image is the same file with the same id, date and size, and nobody has it open for writing.
 * No operation of ours gives a clean image that stays in its place another date. Else false with
 * RL_ERROR_NOT_FOUND, RL_ERROR_STATE or RL_ERROR_BUSY, and what has happened to it. Waits for
 * nothing.
 */
bool rl_staged_check_unchanged(const RlStagedImage *draft, const RlVolume *volume, GError **error);

/**
 * rl_staged_fill:
 * Makes the draft's content that of @from (a regular file or block device, readable): a reflink, or
 * where that cannot be and @may_copy is true a sparse copy; then at least @capacity bytes long, in
 * whole sectors (rl_capacity_round()). Takes as long as it takes; needs no lock. A copy that is
 * interrupted fails with ECANCELED; of what somebody writes to all the time with RL_ERROR_BUSY.
 */
bool rl_staged_fill(RlStagedImage *draft, int from, uint64_t capacity, bool may_copy,
                    GError **error);

/**
 * rl_staged_create:
 * Publishes a new volume: of @record's kind, or plainly persistent with at least @capacity bytes,
 * in whole sectors, if
 * @record is NULL. A record that an earlier volume of that name left is removed. Fails with
 * RL_ERROR_EXISTS if somebody else was faster, or as rl_staged_check_remains() does.
 */
bool rl_staged_create(RlStagedImage *draft, const RlRecord *record, uint64_t capacity,
                      GError **error);

/**
 * rl_staged_label:
 * Publishes the named revision. RL_ERROR_EXISTS if somebody else was faster; RL_ERROR_BUSY if the
 * name is another volume's than when the draft was begun: none of its images is one of that.
 */
bool rl_staged_label(RlStagedImage *draft, GError **error);

/**
 * rl_staged_replace:
 * Puts the draft in place of the volume's clean image, in one step; before that the volume gets the
 * kind that was asked for, persistent or direct. RL_ERROR_STATE if the clean image is
 * another one than when the draft was begun, or if the volume runs.
 */
bool rl_staged_replace(RlStagedImage *draft, GError **error);

/**
 * rl_staged_free:
 * Ends the draft; what was not published is gone, with what was made for it. Nothing for NULL.
 */
void rl_staged_free(RlStagedImage *draft);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlStagedImage, rl_staged_free)
