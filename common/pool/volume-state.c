/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-state.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-mark.h"
#include "common/format/image-overlays.h"
#include "common/format/volume-name.h"
#include "common/fs/lease.h"
#include "domains.h"
#include "pool-mark.h"
#include "qubes-leftover.h"
#include "writers.h"

static RlState
decide(const RlDirtyImage *image, const char *below)
{
    const RlImageOwner *run = image->run;
    const RlVolume *volume = image->volume;

    if (rl_dirty_image_is_saved(image))
        return RL_STATE_SAVED;
    if (image->mark == RL_MARK_SUSPECT)
        return RL_STATE_SUSPECT;
    /* Who was saved has ended, and is about to open nothing. */
    bool starting = run && image->mark != RL_MARK_SAVED && rl_image_owner_is_fresh(run);
    if (starting || (run && rl_image_owner_is_held(run, image->fd)))
        return RL_STATE_RUNNING;
    if (volume->kind == RL_KIND_PERSISTENT && !volume->clean.there)
        return RL_STATE_ORPHAN;
    if (image->mark == RL_MARK_FOREIGN)
        return RL_STATE_FOREIGN;
    if (rl_state_is_half(volume, run))
        return RL_STATE_SUSPECT;
    return below ? RL_STATE_BELOW : RL_STATE_LEFT;
}

/* A run that ended without a hook, or that an administrator began, has noted nothing of an overlay;
 * nor has a snapshot of a domain that is off. */
static void
look_for_overlay(const RlDirtyImage *image, RlState *state, char **below)
{
    const RlImageOwner *run = image->run;
    bool idle = *state == RL_STATE_LEFT ||
                (*state == RL_STATE_RUNNING && run && rl_image_owner_is_by_hand(run) &&
                 !rl_image_owner_is_held(run, image->fd));

    if (!idle)
        return;
    *below = rl_dirty_image_find_defined(image, NULL);
    if (*below)
        *state = RL_STATE_BELOW;
}

/* Without the lock the image may be gone since that look: then the volume is stopped. */
static bool
state_of_image(const RlVolume *volume, RlState *ret_state, RlImageOwner **ret_run, char **ret_below,
               GError **error)
{
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!rl_dirty_image_open(volume, &image, error))
        return false;
    *ret_state = RL_STATE_STOPPED;
    if (image.fd < 0)
        return true;
    if (rl_lease_has_writer(image.fd)) {
        /* Who writes to it has no overlay on it any more. */
        *ret_state = RL_STATE_RUNNING;
    } else {
        *ret_below = rl_overlays_find_other(image.below, NULL);
        *ret_state = decide(&image, *ret_below);
        look_for_overlay(&image, ret_state, ret_below);
    }
    *ret_run = g_steal_pointer(&image.run);
    return true;
}

bool
rl_state_get_below(const RlVolume *volume, RlState *ret_state, RlImageOwner **ret_run,
                   char **ret_below, GError **error)
{
    g_autofree char *below = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    RlState state = RL_STATE_STOPPED;

    if (!state_of_image(volume, &state, &run, &below, error))
        return false;
    *ret_state = state;
    *ret_run = g_steal_pointer(&run);
    *ret_below = g_steal_pointer(&below);
    return true;
}

bool
rl_state_get(const RlVolume *volume, RlState *ret_state, RlImageOwner **ret_run, GError **error)
{
    g_autofree char *below = NULL;
    g_autoptr(RlImageOwner) run = NULL;

    if (!rl_state_get_below(volume, ret_state, &run, &below, error))
        return false;
    if (ret_run)
        *ret_run = g_steal_pointer(&run);
    return true;
}

const char *
rl_state_to_string(RlState state)
{
    static const char *const words[] = {
        [RL_STATE_STOPPED] = "stopped", [RL_STATE_RUNNING] = "running",
        [RL_STATE_LEFT] = "leftover",   [RL_STATE_SAVED] = "saved",
        [RL_STATE_SUSPECT] = "suspect", [RL_STATE_ORPHAN] = "orphan",
        [RL_STATE_BELOW] = "overlaid",  [RL_STATE_FOREIGN] = "foreign",
    };

    return words[state];
}

bool
rl_state_require_clean(const RlVolume *volume, GError **error)
{
    if (volume->kind != RL_KIND_PERSISTENT || volume->clean.there)
        return true;
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' has a dirty image but no clean image. Delete it, or make a named revision of "
        "it (vol-clone %s %s@LABEL) and clone that. If Qubes OS's driver left it running without "
        "snapshots, add a rule with kind='direct' to the pool and type 'virt-reflink continue'",
        volume->name->volume, volume->name->volume, volume->name->volume);
}

/* A direct volume has no other image. */
static const char *
or_discard(const RlVolume *volume)
{
    return volume->kind == RL_KIND_DIRECT ? "" : " or 'virt-reflink discard'";
}

bool
rl_state_refuse_left(const RlVolume *volume, const char *what, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' has a leftover dirty image%s: run and stop its domain, or type "
                   "'virt-reflink stop'%s",
                   volume->name->volume, what, or_discard(volume));
}

bool
rl_state_refuse_foreign(const RlVolume *volume, const char *what, GError **error)
{
    g_autofree char *source = NULL;

    /* Is it rather that nothing can be seen, or that it is no image of its own? */
    if (!rl_pool_mark_check(volume->pool, error) || !rl_state_require_unlinked(volume, error) ||
        !rl_peer_source(volume, &source, error))
        return false;
    if (source)
        return rl_peer_refuse(volume, source, what, error);
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be %s: its dirty image has no attributes of the pool. It "
                   "comes from a copy without extended attributes (and may belong to a saved "
                   "domain) or from Qubes OS's driver. Decide with 'virt-reflink continue'%s",
                   volume->name->volume, what, or_discard(volume));
}

bool
rl_state_is_half(const RlVolume *volume, const RlImageOwner *run)
{
    return run && run->arriving &&
           (volume->kind == RL_KIND_PERSISTENT || volume->kind == RL_KIND_DIRECT);
}

bool
rl_state_refuse_half(const RlVolume *volume, const char *what, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be %s: a migration that copied its content to this host was "
                   "aborted, and it is unknown how much arrived. Migrate its domain to this host "
                   "again, or decide with 'virt-reflink continue'%s",
                   volume->name->volume, what, or_discard(volume));
}

static bool
refuse_copied(const RlVolume *volume, const RlImageOwner *run, const char *what, GError **error)
{
    g_autofree char *when = rl_image_owner_is_by_hand(run)
                                ? g_strdup("the volume was started with 'virt-reflink start'")
                                : g_strdup_printf("domain '%s' ran on the original", run->name);

    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' cannot be %s: its dirty image may be torn (parts of it from different "
        "moments). It is a copy that was made while %s, or its content was replaced or changed "
        "after a crash of the host, as from a backup. Decide with 'virt-reflink continue', which "
        "keeps it as it is%s",
        volume->name->volume, what, when,
        volume->kind == RL_KIND_DIRECT
            ? ""
            : ", or 'virt-reflink discard', which goes back to the clean image");
}

bool
rl_state_refuse_written(const RlVolume *volume, const char *what, GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be %s: a process wrote to its dirty image, although its "
                   "domain only reads it. Decide with 'virt-reflink continue', which keeps what "
                   "was written, or 'virt-reflink discard', which drops it",
                   volume->name->volume, what);
}

bool
rl_state_refuse_below(const RlVolume *volume, const char *what, const char *domain, GError **error)
{
    if (!rl_domains_require_told(volume, what, domain, error))
        return false;
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' cannot be %s: it is the backing image of an external snapshot of domain '%s', "
        "whose disk would be destroyed. Merge the snapshot ('virsh blockcommit --active --pivot' "
        "while the domain runs), or give up the overlay with 'virt-reflink continue'",
        volume->name->volume, what, domain);
}

bool
rl_state_require_not_below(const RlDirtyImage *image, const char *what, GError **error)
{
    g_autofree char *domain = rl_dirty_image_find_overlay(image);

    return !domain || rl_state_refuse_below(image->volume, what, domain, error);
}

/* What ends the run that rl_state_refuse_running() is about. */
static const char *
how_to_end(bool by_hand, bool domain, bool process)
{
    if (domain)
        return "Shut that domain down first";
    if (process)
        return by_hand ? "End that process first, then type 'virt-reflink stop'"
                       : "End that process first";
    return by_hand ? "Type 'virt-reflink stop' first" : "Stop it first";
}

/* Is its path there at rest? Also in a pool whose links were copied, or left by a 'pool-build' with
 * other options. */
static bool
has_path_at_rest(const RlVolume *volume)
{
    const char *leaf = volume->name->leaf;
    g_autofree char *with_suffix = g_strconcat(leaf, ".img", NULL);
    g_autofree char *target = g_build_filename(RL_NAME_FOLDER, volume->clean_file, NULL);
    const char *const names[] = {leaf, with_suffix};
    char found[PATH_MAX];

    if (strcmp(volume->name->dir, RL_NAME_FOLDER) != 0)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(names) && !volume->pool->options->path_links; i++) {
        ssize_t length = readlinkat(volume->pool->root, names[i], found, sizeof(found));
        if (length >= 0 && (size_t) length == strlen(target) &&
            memcmp(found, target, (size_t) length) == 0)
            return true;
    }
    return volume->pool->options->path_links;
}

static bool
require_no_overlay(const RlVolume *volume, const char *what, GError **error)
{
    g_autofree char *domain = rl_domains_find_overlay(volume, NULL, NULL);
    if (!domain)
        return true;
    return rl_domains_require_told(volume, what, domain, error) &&
           rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be %s: it is the backing image of an external snapshot of "
                   "domain '%s', whose disk would be destroyed. Start that domain and merge the "
                   "snapshot ('virsh blockcommit --active --pivot'), or remove the snapshot from "
                   "the domain's definition and records ('virsh edit', 'virsh snapshot-delete "
                   "--metadata')",
                   volume->name->volume, what, domain);
}

bool
rl_state_require_no_base(const RlVolume *volume, const char *what, GError **error)
{
    return volume->dirty.there || !volume->clean.there || !has_path_at_rest(volume) ||
           require_no_overlay(volume, what, error);
}

static bool
require_no_running_overlay(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    g_autofree char *domain = rl_domains_find_running_overlay(volume, owner);
    return !domain ||
           rl_fail(
               error, RL_ERROR_STATE,
               "volume '%s' cannot be started: domain '%s' runs with an external snapshot on "
               "its clean image, and after a commit the merge would write to another image. Merge "
               "the snapshot first ('virsh blockcommit --active --pivot'), or shut that domain "
               "down",
               volume->name->volume, domain);
}

bool
rl_state_require_no_merge(const RlVolume *volume, const RlDomainRef *owner, GError **error)
{
    return volume->dirty.there || !volume->clean.there || !has_path_at_rest(volume) ||
           require_no_running_overlay(volume, owner, error);
}

bool
rl_state_require_none_since(const RlVolume *volume, const RlDomainRef *owner, bool overlaid,
                            GError **error)
{
    if (!rl_pool_has_links(volume->pool, volume->name->dir) ||
        (volume->kind != RL_KIND_DIRECT &&
         !rl_lease_has_opener_at(volume->dir, volume->clean_file)))
        return true;
    return overlaid ? require_no_running_overlay(volume, owner, error)
                    : require_no_overlay(volume, "started", error);
}

bool
rl_state_refuse_running(const RlVolume *volume, const RlImageOwner *run, const char *what,
                        GError **error)
{
    bool by_hand = run && rl_image_owner_is_by_hand(run);
    g_autofree char *domain = rl_domains_find_user(volume, run);
    g_autofree char *process = rl_clean_find_writer(volume, volume->dirty_file);
    g_autoptr(GString) why = g_string_new("it is running");

    if (by_hand)
        g_string_append(why, ", since it was started by hand with 'virt-reflink start'");
    if (domain)
        g_string_append_printf(
            why, by_hand ? ", and domain '%s' has it as a disk" : " for domain '%s'", domain);
    if (process)
        g_string_append_printf(why, ", and its dirty image is open for writing in %s", process);
    return rl_fail(error, RL_ERROR_STATE, "volume '%s' cannot be %s: %s. %s", volume->name->volume,
                   what, why->str, how_to_end(by_hand, domain, process));
}

bool
rl_state_require_unlinked(const RlVolume *volume, GError **error)
{
    if (volume->dirty.st.st_nlink <= 1)
        return true;
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s': its dirty image has %lu names (hard links), so a write would change another "
        "file as well. Remove the other names, or type 'virt-reflink discard'",
        volume->name->volume, (unsigned long) volume->dirty.st.st_nlink);
}

bool
rl_state_require_not_starting(const RlVolume *volume, const RlImageOwner *run, GError **error)
{
    if (!run || rl_image_owner_is_by_hand(run) || !rl_image_owner_is_fresh(run))
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' was started for domain '%s' less than %d minutes ago, and the "
                   "domain may be about to open it. Try again after that time",
                   volume->name->volume, run->name, RL_OWNER_GRACE_SECONDS / 60);
}

bool
rl_state_refuse_saved(const RlVolume *volume, const RlImageOwner *run, const char *what,
                      GError **error)
{
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be %s: domain '%s' is saved on it. Restore the domain, or "
                   "decide with 'virt-reflink continue'%s",
                   volume->name->volume, what, run ? run->name : "unknown", or_discard(volume));
}

static bool
refuse_of_job(const RlVolume *volume, const char *what, GError **error)
{
    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s' cannot be %s: its dirty image is suspect, since a block job or snapshot of "
        "its domain was interrupted, or a process wrote to the image after the domain had left it. "
        "The log names the disk. Compare the image with the disk's other files, then decide with "
        "'virt-reflink continue'%s",
        volume->name->volume, what, or_discard(volume));
}

bool
rl_state_refuse_suspect(const RlVolume *volume, const RlImageOwner *run, const char *what,
                        GError **error)
{
    if (run && run->copied)
        return refuse_copied(volume, run, what, error);
    if (rl_state_is_half(volume, run))
        return rl_state_refuse_half(volume, what, error);
    if (run && run->readonly && volume->kind == RL_KIND_PERSISTENT)
        return rl_state_refuse_written(volume, what, error);
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, NULL);
    if (fd >= 0 && rl_mark_is_suspect_of_job(fd))
        return refuse_of_job(volume, what, error);
    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' cannot be %s: its dirty image is suspect, since its disk reported "
                   "an error. Decide with 'virt-reflink continue'%s",
                   volume->name->volume, what, or_discard(volume));
}

bool
rl_state_require_idle(const RlVolume *volume, const char *what, GError **error)
{
    g_autofree char *below = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    RlState state;

    if (!rl_state_get_below(volume, &state, &run, &below, error))
        return false;
    switch (state) {
    case RL_STATE_STOPPED:
        return rl_state_require_no_base(volume, what, error);
    case RL_STATE_LEFT:
    case RL_STATE_ORPHAN:
        return true;
    case RL_STATE_BELOW:
        return rl_state_refuse_below(volume, what, below, error);
    case RL_STATE_FOREIGN:
        return rl_state_refuse_foreign(volume, what, error);
    case RL_STATE_RUNNING:
        return rl_state_refuse_running(volume, run, what, error);
    case RL_STATE_SAVED:
        return rl_state_refuse_saved(volume, run, what, error);
    case RL_STATE_SUSPECT:
        return rl_state_refuse_suspect(volume, run, what, error);
    }
    g_assert_not_reached();
}
