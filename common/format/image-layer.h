/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An image at rest that a domain has below an overlay of an administrator's. The hook notes that
 * when the domain starts; nothing says when the overlay is gone. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/**
 * rl_image_is_layer:
 * Says in *@ret_is whether the image @fd is noted to be a layer (RL_ATTR_LAYER): it is neither
 * pruned nor written to, nor put out of the way without a name. Fails with an errno.
 */
bool rl_image_is_layer(int fd, bool *ret_is, GError **error);
