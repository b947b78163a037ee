/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who else has the blocks of a file? For a while after a file was removed XFS still says: that one.
 */
#pragma once

/**
 * rl_settle_frees:
 * Waits until the file system of @fd, a file or directory, has freed the blocks of all files that
 * were removed before, and are open nowhere. XFS does that behind the back of who removes them
 * (xfs_inodegc_worker(), from Linux 5.14 on), a second for some 50,000 extents, and calls them
 * shared until then. btrfs frees them at once. Where it cannot be waited for it does nothing: what
 * is read then says too much to be shared.
 */
void rl_settle_frees(int fd);
