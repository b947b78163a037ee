/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest.h"

#include <fcntl.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/base/log.h"
#include "common/format/image-owner.h"
#include "common/pool/volume.h"

void
rl_guest_note_size(const RlPool *pool, const char *name, const char *path)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);
    g_autoptr(RlImageOwner) run = NULL;

    if (!volume || !volume->dirty.there)
        return;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
    if (fd < 0 || !rl_image_owner_get(fd, &run, NULL) || !run || strcmp(run->driver, "qemu") != 0)
        return;
    rl_log_warning("%s: the guest of domain '%s' sees its new size after: virsh blockresize %s %s "
                   "%" G_GUINT64_FORMAT "B",
                   name, run->name, run->name, path, (uint64_t) volume->dirty.st.st_size);
}
