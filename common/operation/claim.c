/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "claim.h"

#include <string.h>

#include "common/base/boot.h"
#include "common/format/ended-note.h"
#include "common/format/image-domain.h"
#include "common/format/image-overlays.h"
#include "common/image/witness-key.h"
#include "common/pool/domains.h"
#include "common/pool/opened-image.h"

/* Who was just started may be about to open it, unless it runs already, without. */
static bool
is_awaited(const RlVolume *volume, const RlImageOwner *run)
{
    return rl_image_owner_is_fresh(run) && !rl_domains_has_let_go(volume, run);
}

/* Is @image nobody's, or an administrator's, so that @owner may have it? Or its own, but it was
 * started to read it only: then it was given the disk again, to write. */
static bool
is_free(const RlDirtyImage *image, const RlDomainRef *owner, bool overlaid)
{
    bool own = rl_dirty_image_is_of(image, owner);
    g_autofree char *below = rl_overlays_find_other(image->below, owner);
    const RlVolume *volume = image->volume;
    const RlImageOwner *run = image->run;
    /* What was kept on purpose would be dropped at the end. */
    bool kept = rl_mark_is_kept(image->mark) &&
                (volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE);

    if (image->fd < 0 || (own && (overlaid || !run->readonly)))
        return false;
    /* Below an overlay it is kept in any case. */
    if (((below || kept || image->mark == RL_MARK_FOREIGN) && !overlaid) ||
        image->mark == RL_MARK_SAVED || image->mark == RL_MARK_SUSPECT)
        return false;
    /* A run that only read and is over holds nothing back, a reader that is left does. */
    if (!own && run && !rl_image_owner_is_by_hand(run) &&
        (rl_image_owner_is_held(run, image->fd) || is_awaited(volume, run)))
        return false;
    /* The run may have been cut off before an overlay could be noted. */
    g_autofree char *defined = own || overlaid ? NULL : rl_dirty_image_find_defined(image, owner);
    return !defined;
}

/* As its run says of itself, but @owner's, who writes or has an overlay on it, and whose run has
 * not ended: what is noted of the end is the other's. Lost writes are still seen by who saw the
 * first.
 */
static bool
hand_over(const RlDirtyImage *image, const RlDomainRef *owner, GError **error)
{
    const RlVolume *volume = image->volume;
    const RlImageOwner *run = image->run;
    RlOwnerTraits traits = {.written = true, .continued = true};
    int fd = image->fd;

    if (!rl_image_domain_add(fd, owner, error))
        return false;
    if (!run)
        return rl_image_owner_set(fd, owner, traits, error);
    g_autofree char *witness = rl_witness_key_of(run, volume->pool, volume->name->volume);
    g_autofree char *boot = rl_boot_id(error);
    RlImageOwner theirs = *run;
    if (!boot)
        return false;
    /* Of what a crash has left it is a run of this boot now. */
    if (strcmp(boot, run->boot_id) != 0) {
        theirs.boot_id = boot;
        theirs.since_us = rl_boot_clock_us();
    }
    theirs.witness = witness;
    theirs.driver = (char *) owner->driver;
    theirs.uuid = (char *) owner->uuid;
    theirs.name = (char *) owner->name;
    theirs.ended = false;
    theirs.written |= theirs.readonly;
    theirs.readonly = false;
    rl_ended_forget(fd);
    return rl_image_owner_put_back(fd, &theirs, error);
}

static bool
give(const RlDirtyImage *image, const RlDomainRef *owner, bool overlaid, GError **error)
{
    return (!overlaid || rl_overlays_add(image->fd, owner, error)) &&
           hand_over(image, owner, error);
}

/* Looks at the image without the lock, as it is most often the domain's. */
static bool
look_ahead(const RlVolume *volume, const RlDomainRef *owner, bool overlaid, bool *ret_free,
           GError **error)
{
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!rl_dirty_image_open(volume, &image, error))
        return false;
    *ret_free = is_free(&image, owner, overlaid);
    return true;
}

bool
rl_volume_claim(const RlPool *pool, const char *name, const RlClaim *claim, bool *ret_done,
                GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};
    bool free;

    *ret_done = false;
    if (!volume || !look_ahead(volume, claim->to, claim->overlaid, &free, error))
        return false;
    if (!free)
        return true;
    volume->actor = claim->to->name;
    if (!rl_dirty_image_lock(volume, "make its domain the owner", &image, error))
        return false;
    if (!is_free(&image, claim->to, claim->overlaid))
        return true;
    if (!give(&image, claim->to, claim->overlaid, error))
        return false;
    rl_volume_log(volume, "the domain claimed %s, which it was not started on", volume->dirty_file);
    *ret_done = true;
    return true;
}

bool
rl_volume_pass_on(const RlPool *pool, const char *name, const RlClaim *claim, bool *ret_done,
                  GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_auto(RlDirtyImage) image = {.fd = -1};

    *ret_done = false;
    if (!volume)
        return false;
    volume->actor = claim->from->name;
    if (!rl_dirty_image_lock(volume, "make its domain the owner", &image, error))
        return false;
    /* What was only read is nobody's writes, and stays that for those who read it as well. */
    if (!rl_dirty_image_is_of(&image, claim->from) || image.run->readonly ||
        image.mark == RL_MARK_SAVED || image.mark == RL_MARK_SUSPECT)
        return true;
    if (!give(&image, claim->to, claim->overlaid, error))
        return false;
    rl_volume_log(volume, "%s became a disk of domain '%s'", volume->dirty_file, claim->to->name);
    *ret_done = true;
    return true;
}
