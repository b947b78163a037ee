/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-layer.h"

#include "common/fs/xattr.h"

bool
rl_image_is_layer(int fd, bool *ret_is, GError **error)
{
    g_autofree char *value = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_LAYER, &value, error))
        return false;
    *ret_is = value != NULL;
    return true;
}
