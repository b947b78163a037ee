/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "autofd.h"
#include "error.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

char *
rl_boot_id(GError **error)
{
    char id[64];
    rl_autofd int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, id, sizeof(id));

    if (length > 0)
        return g_strchomp(g_strndup(id, (gsize) length));
    rl_fail_errno(error, length < 0 ? errno : EIO,
                  "cannot read the boot id of the host from '" BOOT_ID "'");
    return NULL;
}
