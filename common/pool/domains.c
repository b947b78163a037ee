/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domains.h"

#include "common/base/error.h"
#include "common/format/image-overlays.h"

static char *
image_of(const RlVolume *volume)
{
    return g_build_filename(volume->pool->path, volume->name->dir, volume->dirty_file, NULL);
}

char *
rl_domains_find_overlay(const RlVolume *volume, const RlDomainRef *owner, const char *const *let_go)
{
    g_autofree char *image = image_of(volume);

    return volume->pool->documents->find_domain(image, false, owner ? owner->uuid : NULL, let_go);
}

bool
rl_domains_require_told(const RlVolume *volume, const char *what, const char *domain,
                        GError **error)
{
    g_autofree char *image = image_of(volume);
    g_autofree char *doubt = volume->pool->documents->find_doubt(image, domain);

    return !doubt || rl_fail(error, RL_ERROR_STATE,
                             "volume '%s' cannot be %s: %s. Correct that. Or, if the domain has no "
                             "overlay on the volume, type 'virt-reflink continue'",
                             volume->name->volume, what, doubt);
}

gint64
rl_domains_defined_us(const RlVolume *volume, const char *name)
{
    return volume->pool->documents->defined_us(name);
}

bool
rl_domains_has_let_go(const RlVolume *volume, const RlImageOwner *run)
{
    g_autofree char *image = image_of(volume);

    return volume->pool->documents->has_let_go(image, run->uuid);
}

char *
rl_domains_find_running_overlay(const RlVolume *volume, const RlDomainRef *owner)
{
    g_autofree char *image = image_of(volume);

    return volume->pool->documents->find_running_overlay(image, owner->uuid);
}

char *
rl_domains_find_user(const RlVolume *volume, const RlImageOwner *run)
{
    if (run && !rl_image_owner_is_by_hand(run))
        return g_strdup(run->name);
    g_autofree char *image = image_of(volume);
    return volume->pool->documents->find_running(image);
}
