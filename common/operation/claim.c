/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "claim.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/ended-note.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/pool/domains.h"

/* What is to be given, and to whom. */
typedef struct {
    const RlDomainRef *owner;
    bool overlaid;
    RlImageOwner *run; /* who is noted on the image, or NULL */
    bool is_free;      /* it is nobody's, or an administrator's */
} Claim;

static void
claim_clear(Claim *claim)
{
    rl_image_owner_free(claim->run);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Claim, claim_clear)

/* Who was just started may be about to open it, unless it runs already, without. */
static bool
is_awaited(const RlVolume *volume, const RlImageOwner *run)
{
    return rl_image_owner_is_fresh(run) && !rl_domains_has_let_go(volume, run);
}

/* Whose is the image @fd? */
static bool
look(Claim *claim, const RlVolume *volume, int fd, GError **error)
{
    g_autofree char *below = NULL;
    RlMark hold;

    g_clear_pointer(&claim->run, rl_image_owner_free);
    claim->is_free = false;
    if (!rl_image_owner_get(fd, &claim->run, error))
        return false;
    const RlImageOwner *run = claim->run;
    if (run && rl_image_owner_is_of(run, claim->owner))
        return true;
    if (!rl_mark_get(fd, &hold, error) || !rl_overlays_other(fd, claim->owner, &below, error))
        return false;
    /* What was kept on purpose would be dropped at the end. */
    bool kept = rl_mark_is_kept(hold) &&
                (volume->kind == RL_KIND_SNAPSHOT || volume->kind == RL_KIND_VOLATILE);
    /* Below an overlay it is kept in any case. */
    if (((below || kept || hold == RL_MARK_FOREIGN) && !claim->overlaid) || hold == RL_MARK_SAVED ||
        hold == RL_MARK_SUSPECT)
        return true;
    /* A run that only read and is over holds nothing back, a reader that is left does. */
    claim->is_free = !run || rl_image_owner_is_by_hand(run) ||
                     !(rl_image_owner_is_held(run, fd) || is_awaited(volume, run));
    return true;
}

/* As @run says of itself, but @owner's, who writes or has an overlay on it, and whose run has not
 * ended: what is noted of the end is the other's. */
static bool
hand_over(int fd, const RlImageOwner *run, const RlDomainRef *owner, GError **error)
{
    RlOwnerTraits traits = {.written = true, .continued = true};

    if (!run)
        return rl_image_owner_set(fd, owner, traits, error);
    RlImageOwner theirs = *run;
    theirs.driver = (char *) owner->driver;
    theirs.uuid = (char *) owner->uuid;
    theirs.name = (char *) owner->name;
    theirs.ended = false;
    theirs.written |= theirs.readonly;
    theirs.readonly = false;
    rl_ended_forget(fd);
    return rl_image_owner_put_back(fd, &theirs, error);
}

/* The dirty image; -1 without an error where there is none, or none any more. */
static int
open_dirty(const RlVolume *volume, GError **error)
{
    g_autoptr(GError) cause = NULL;
    int fd = volume->dirty.there ? rl_volume_open_image(volume, volume->dirty_file, &cause) : -1;

    if (cause && !rl_error_is_errno(cause, ENOENT))
        g_propagate_error(error, g_steal_pointer(&cause));
    return fd;
}

/* Locks the volume for @actor. Returns the dirty image as open_dirty() does, -1 with @error also
 * where the lock cannot be had; *@ret_lock is the caller's. */
static int
lock_dirty(RlVolume *volume, const char *actor, RlLock **ret_lock, GError **error)
{
    volume->actor = actor;
    *ret_lock = rl_volume_lock(volume, "give it to its domain", error);
    return *ret_lock ? open_dirty(volume, error) : -1;
}

/* Looks at the image without the lock, as it is most often the domain's. */
static bool
look_ahead(Claim *claim, const RlVolume *volume, GError **error)
{
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = open_dirty(volume, &cause);

    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    return fd < 0 || look(claim, volume, fd, error);
}

bool
rl_volume_claim(const RlPool *pool, const char *name, const RlDomainRef *owner, bool overlaid,
                bool *ret_done, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, error);
    g_auto(Claim) claim = {.owner = owner, .overlaid = overlaid};
    g_autoptr(RlLock) lock = NULL;
    g_autoptr(GError) cause = NULL;

    *ret_done = false;
    if (!volume || !look_ahead(&claim, volume, error))
        return false;
    if (!claim.is_free)
        return true;
    rl_autofd int fd = lock_dirty(volume, owner->name, &lock, &cause);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (fd < 0)
        return true;
    if (!look(&claim, volume, fd, error))
        return false;
    if (!claim.is_free)
        return true;
    if ((overlaid && !rl_overlays_add(fd, owner, error)) || !hand_over(fd, claim.run, owner, error))
        return false;
    rl_volume_log(volume, "%s is the domain's, which was not started on it", volume->dirty_file);
    *ret_done = true;
    return true;
}

bool
rl_volume_pass_on(const RlPool *pool, const char *name, const RlDomainRef *from,
                  const RlDomainRef *to, bool overlaid, bool *ret_done, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    g_autoptr(RlImageOwner) run = NULL;
    g_autoptr(RlLock) lock = NULL;
    g_autoptr(GError) cause = NULL;
    RlMark mark;

    *ret_done = false;
    if (!volume)
        return false;
    rl_autofd int fd = lock_dirty(volume, from->name, &lock, &cause);
    if (cause) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    if (fd < 0)
        return true;
    if (!rl_image_owner_get(fd, &run, error) || !rl_mark_get(fd, &mark, error))
        return false;
    /* What was only read is nobody's writes, and stays that for those who read it as well. */
    if (!run || !rl_image_owner_is_of(run, from) || run->readonly || mark == RL_MARK_SAVED ||
        mark == RL_MARK_SUSPECT)
        return true;
    if ((overlaid && !rl_overlays_add(fd, to, error)) || !hand_over(fd, run, to, error))
        return false;
    rl_volume_log(volume, "%s is a disk of domain '%s' now", volume->dirty_file, to->name);
    *ret_done = true;
    return true;
}
