/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "witness-key.h"

#include "common/base/autofd.h"
#include "common/pool/volume.h"

char *
rl_witness_key_by_hand(const RlPool *pool, const char *volume)
{
    g_autofree char *text =
        g_strdup_printf("%ju-%ju-%s", (uintmax_t) pool->dev, (uintmax_t) pool->ino, volume);

    return g_compute_checksum_for_string(G_CHECKSUM_SHA1, text, -1);
}

char *
rl_witness_key_of(const RlImageOwner *run, const RlPool *pool, const char *volume)
{
    if (run->witness)
        return g_strdup(run->witness);
    return rl_image_owner_is_by_hand(run) ? rl_witness_key_by_hand(pool, volume)
                                          : g_strdup(run->uuid);
}

char *
rl_witness_key_noted(const RlPool *pool, const char *name, const RlDomainRef *owner)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, NULL);
    rl_autofd int fd =
        volume && volume->dirty.there ? rl_volume_open_image(volume, volume->dirty_file, NULL) : -1;
    g_autoptr(RlImageOwner) run = NULL;

    if (fd < 0 || !rl_image_owner_get(fd, &run, NULL) || !run ||
        (owner && !rl_image_owner_is_of(run, owner)))
        return NULL;
    return rl_witness_key_of(run, pool, volume->name->volume);
}
