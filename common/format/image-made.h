/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* When and how an image was made from its clean image: does the date of the clean image still tell
 * whether that was edited since? A program that edits it in place and calls fdatasync(2) has the
 * data on the disk before the date, so that a power cut can leave new data with the old date.
 *
 * While the file system stays mounted dates are true. Where the images share their blocks they are
 * true after a power cut as well, on XFS and btrfs: a shared block is written elsewhere, and the
 * change of the extents brings the inode, with its date, into the same or a later commit, without
 * which fdatasync(2) does not return (xfs_file_fsync(), btrfs_sync_file()). Of a block that both
 * have for themselves, as a copy has, only btrfs does so. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_image_made_set:
 * Notes on the image @fd that it was made now from the clean image @clean, and whether it @shares
 * all blocks with that. Durable with the next fsync(2) of @fd.
 */
bool rl_image_made_set(int fd, int clean, bool shares, GError **error);

/**
 * rl_image_made_dates_tell:
 * True if the clean image @clean has changed since the image @fd was made from it only if its date
 * or size has: both are the same inodes as then, which a copy of either (cp -a, rsync -X) is not,
 * and @fd was made in this boot of the host and this mounting of the file system (where the file
 * system does not tell that, the boot decides), or shares the blocks, on XFS and btrfs. False where
 * nothing is noted, as by the version before this note, or that cannot be read. Where the file
 * system does not name inodes (rl_inode_describe()), and in what an earlier version has copied, no
 * inodes are compared.
 *
 * *@ret_if_shared says that it is so only if they still share them: on XFS a program gives a file
 * blocks of its own, and leaves inode, size and dates (xfs_fsr(8)), or a backup is put back over
 * both files.
 */
bool rl_image_made_dates_tell(int fd, int clean, bool *ret_if_shared);

/**
 * rl_image_made_is_own:
 * True if the note is of the image @fd itself, and that is no copy (cp -a, rsync -X): it names this
 * inode. Where it names none, it has to be of this boot of the host and this mounting of the file
 * system.
 */
bool rl_image_made_is_own(int fd);

/**
 * rl_image_made_is_of:
 * True if the note says that the image @fd shared all blocks with the file @clean, which is that
 * inode still, whatever has been written to it since. False where they shared none, or that cannot
 * be read.
 */
bool rl_image_made_is_of(int fd, int clean);

/**
 * rl_image_made_clear:
 * Takes the note off the image @fd.
 */
bool rl_image_made_clear(int fd, GError **error);
