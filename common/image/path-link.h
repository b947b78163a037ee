/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One link in a pool's directory to an image of a volume in the folder of short names. What else
 * lies under its name, a file or a link to something else, is never followed, replaced or removed.
 *
 * No link is state: what it has to be follows from the images that are there (volume-path.h). So
 * none is made durable. */
#pragma once

#include "common/pool/pool.h"

typedef enum {
    RL_LINK_NONE,    /* nothing is there */
    RL_LINK_CLEAN,   /* a link to the volume's clean image */
    RL_LINK_DIRTY,   /* a link to its dirty image */
    RL_LINK_FOREIGN, /* something else, or it cannot be told */
} RlLink;

/**
 * rl_path_link_look:
 * Says what the entry @inside of the directory of @pool is to the volume @leaf.
 */
RlLink rl_path_link_look(const RlPool *pool, const char *inside, const char *leaf);

/**
 * rl_path_link_turn:
 * Makes the entry @inside a link to the image of @leaf that @to says, RL_LINK_CLEAN or
 * RL_LINK_DIRTY, in one step; fine if it is that. False with RL_ERROR_NAME where something else is
 * there, or with an errno; then the entry is as it was. The caller has the volume's lock.
 *
 * Steps where it leads to the other image: a link under a temporary name; exchange the two names;
 * remove what has the temporary one. A crash leaves the old or the new link, and may leave a
 * temporary, which the repair of the pool removes (repair-paths.h).
 */
bool rl_path_link_turn(const RlPool *pool, const char *inside, const char *leaf, RlLink to,
                       GError **error);

/**
 * rl_path_link_remove:
 * Removes the entry @inside if it is a link to an image of @leaf. False with an errno.
 */
bool rl_path_link_remove(const RlPool *pool, const char *inside, const char *leaf, GError **error);

/**
 * rl_path_link_is_temporary:
 * True if the entry @inside is a link that a turning was cut off with, of the volume *@ret_leaf,
 * which is owned by the caller.
 */
bool rl_path_link_is_temporary(const RlPool *pool, const char *inside, char **ret_leaf);
