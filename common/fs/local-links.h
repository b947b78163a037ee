/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where does a path lead that is somebody else's business? It may lie on a network file system
 * whose server is away, and each look there would wait for that. */
#pragma once

#include <glib.h>

/**
 * rl_local_links_follow:
 * Returns the absolute path @path without symbolic links, owned by the caller; what is not there is
 * left as it is. NULL where it is not absolute, has more links than the kernel follows, or leads
 * onto a mount (@mounts: rl_mounts_read(), or NULL) of a file system that is not known to be local.
 * Links are read, and nothing is opened. What changes meanwhile makes the answer an old one.
 */
char *rl_local_links_follow(const char *path, const GPtrArray *mounts);
