/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "torn-copy.h"

#include "common/base/error.h"
#include "common/format/image-owner.h"
#include "common/fs/xattr.h"

bool
rl_torn_require_none(const char *volume, const char *file, int fd, GError **error)
{
    bool other;

    if (!rl_image_owner_is_of_other_inode(fd, &other, error))
        return false;
    return !other ||
           rl_fail(
               error, RL_ERROR_STATE,
               "volume '%s' cannot be used: '%s' is a copy that was made while a domain ran on "
               "the image, and may be torn (parts of it from different moments). Replace it "
               "with a copy of another moment ('virsh vol-clone' of a revision to '%s@current' "
               "does), or, if you know that it is whole, accept it: 'setfattr -x " RL_ATTR_PREFIX
                   RL_ATTR_RUN "' on the file",
               volume, file, volume);
}
