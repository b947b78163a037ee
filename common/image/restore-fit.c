/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "restore-fit.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/error.h"
#include "common/format/image-save.h"
#include "common/fs/xattr.h"
#include "dirty-image.h"

/* File systems date by the tick, and some by two seconds. */
#define TOLERANCE_US (2 * G_USEC_PER_SEC)

/* A date that has a part of a second is exact to a tick; clocks of two hosts differ by more. */
#define TICK_US (50 * 1000)

/* What is compared. */
typedef struct {
    const RlVolume *volume;
    const RlDomainRef *owner;
    const RlImageOwner *run;
    const RlMemory *memory; /* nothing in it is known, where the file is not */
    RlSave *save;           /* or NULL */
    gint64 written_us;      /* the image's modification time */
} Pair;

static char *
date_to_string(gint64 us)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(us / G_USEC_PER_SEC);

    return date ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("an unknown time");
}

/* "volume ... does not fit ...: @why", and the way out. */
static bool
refuse(const Pair *pair, const char *why, GError **error)
{
    const RlMemory *memory = pair->memory;
    g_autofree char *date = memory->date_us ? date_to_string(memory->date_us) : NULL;
    g_autofree char *noted =
        pair->save ? date_to_string(pair->save->ended_us) : g_strdup("at no known time");

    return rl_fail(error, RL_ERROR_STATE,
                   "volume '%s' (last saved %s) does not fit the saved memory of domain "
                   "'%s'%s%s%s%s%s%s: %s. Restore the memory that was saved with it, or start the "
                   "domain without memory: 'virt-reflink continue' for each volume that is saved, "
                   "then 'virsh start' (after a managed save first 'virsh managedsave-remove')",
                   pair->volume->name->volume, noted, pair->owner->name,
                   memory->file ? " in '" : "", memory->file ? memory->file : "",
                   memory->file ? "'" : "", date ? " (written " : "", date ? date : "",
                   date ? ")" : "", why);
}

/* Was the domain's last save, as far as the host remembers, another one than the image's? */
static bool
was_put_back(const Pair *pair)
{
    return pair->memory->save && pair->save->id && strcmp(pair->memory->save, pair->save->id) != 0;
}

/* Did the guest write to the image after the memory was? A save is written when the guest has
 * stopped, and there may be more memory than one of a run: a snapshot's (virsh snapshot-create-as
 * --memspec) is older than what the guest wrote since. @until_us: the image was at rest by then,
 * and a date after that is none of a write. */
static bool
was_written_after(const Pair *pair, gint64 until_us)
{
    return pair->memory->date_us != 0 && pair->written_us <= until_us &&
           pair->memory->date_us < pair->written_us - TOLERANCE_US;
}

/* Was the memory written before @began_us, when a run began? By the hook's clock that run's own
 * memory is younger, but for how exactly its file's date tells. */
static bool
is_older(const RlMemory *memory, gint64 began_us)
{
    gint64 tolerance_us = memory->date_us % G_USEC_PER_SEC == 0 ? TOLERANCE_US : TICK_US;

    return began_us != 0 && memory->date_us != 0 && memory->date_us < began_us - tolerance_us;
}

/* The image is as it was at its save: is that the memory's, too? */
static bool
compare_saves(const Pair *pair, GError **error)
{
    const RlMemory *memory = pair->memory;
    const RlSave *save = pair->save;

    if (memory->digest && save->memory)
        return strcmp(memory->digest, save->memory) == 0 ||
               refuse(pair, "the memory is of another save", error);
    if (rl_save_is_earlier(save, memory->digest))
        return refuse(pair, "the memory is of an earlier save", error);
    if (memory->date_us == 0)
        return true;
    if (is_older(memory, save->begun_us))
        return refuse(pair, "the memory was written before the run that was saved", error);
    if (was_written_after(pair, save->ended_us))
        return refuse(pair, "the domain wrote to the volume after the memory was written", error);
    /* One that is younger is a copy, or was edited, or is of a later save. */
    if (save->begun_us != 0 && memory->date_us <= save->ended_us + TOLERANCE_US)
        return true;
    return !was_put_back(pair) ||
           refuse(
               pair,
               "the domain was saved again later, and the volume was put back to an earlier state",
               error);
}

/* The image is not known to be as it was at a save that is noted on it, and nobody has marked it as
 * saved: after a power cut it can have the date of before its last writes. So its domain has run
 * on; or it was saved, and whoever was to mark it was killed: then only that run can have been
 * saved, and in this boot of the host, for nothing has made its writes durable. */
static bool
compare_run(const Pair *pair, GError **error)
{
    const RlMemory *memory = pair->memory;
    const RlSave *save = pair->save;
    gint64 began_us = rl_image_owner_began_us(pair->run);
    bool known =
        save && memory->digest &&
        (g_strcmp0(memory->digest, save->memory) == 0 ||
         g_strcmp0(memory->digest, save->tried) == 0 || rl_save_is_earlier(save, memory->digest));

    if (known)
        return refuse(pair, "the domain has run on with that memory", error);
    if (began_us == 0)
        return refuse(pair, "its domain was running when the host went down", error);
    if (is_older(memory, began_us))
        return refuse(pair, "the memory was written before the domain's last run began", error);
    if (was_written_after(pair, g_get_real_time()))
        return refuse(pair, "the domain wrote to the volume after the memory was written", error);
    if (memory->save && memory->save_us > pair->run->since_us)
        return refuse(pair,
                      "the domain was saved later, and the volume was put back to an earlier state",
                      error);
    return memory->digest || memory->date_us || !save ||
           refuse(pair, "the volume was written to since it was saved", error);
}

/* Nothing but the digest tells whether the memory is that of the image. */
static bool
require_known(const Pair *pair, GError **error)
{
    const char *digest = pair->memory->digest;
    const RlSave *save = pair->save;

    if (save && digest &&
        (g_strcmp0(digest, save->memory) == 0 || g_strcmp0(digest, save->tried) == 0))
        return true;
    if (save && rl_save_is_earlier(save, digest))
        return refuse(pair, "the memory is of an earlier save", error);
    return refuse(pair,
                  "the save file is so short that libvirt has already read and closed it, so which "
                  "save it is cannot be determined",
                  error);
}

bool
rl_fits_require(const RlDirtyImage *image, const RlDomainRef *owner, GError **error)
{
    static const RlMemory nothing = {0};
    const RlMemory *memory = owner->memory ? owner->memory : &nothing;
    g_autoptr(RlSave) save = NULL;
    Pair pair = {image->volume, owner, image->run, memory, NULL, 0};
    /* What is to be marked yet has not noted its save: it may say an earlier one. */
    RlMark hold = image->unmarked ? RL_MARK_NONE : image->mark;
    bool marked = hold == RL_MARK_SAVED || rl_mark_is_kept(hold);
    struct stat st;

    if (!rl_save_get(image->fd, &save, error)) {
        g_prefix_error(error, "volume '%s': ", image->volume->name->volume);
        return false;
    }
    if (fstat(image->fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine the dirty image of volume '%s'",
                             image->volume->name->volume);
    pair.save = save;
    pair.written_us = (gint64) st.st_mtim.tv_sec * G_USEC_PER_SEC + st.st_mtim.tv_nsec / 1000;
    bool same = save && rl_save_has_same_image(save, &st);
    /* What is only read is the same for all memories. */
    if (same && rl_mark_only_read(hold, image->run))
        return true;
    if (memory->unfound && !require_known(&pair, error))
        return false;
    /* What was marked was made durable with its date. */
    if (same && (marked || !image->run || rl_image_owner_has_true_dates(image->run, image->fd)))
        return compare_saves(&pair, error);
    if (save && marked)
        return refuse(&pair, "its dirty image was changed since it was saved", error);
    /* Saved or restored by a version that noted no saves. */
    if (marked || (hold == RL_MARK_RESTORED && !save))
        return true;
    /* Its end was cut off before the image had another name. */
    if (!image->run)
        return refuse(&pair, "its last run has ended", error);
    return compare_run(&pair, error);
}

/* When the memory was saved, by the wall clock; 0 if that is not known. */
static gint64
saved_us(const RlDomainRef *owner)
{
    const RlMemory *memory = owner->memory;

    if (!memory)
        return 0;
    if (memory->noted_us != 0 && (memory->date_us == 0 || memory->noted_us < memory->date_us))
        return memory->noted_us;
    if (memory->date_us != 0)
        return memory->date_us;
    return memory->save ? g_get_real_time() - (rl_boot_clock_us() - memory->save_us) : 0;
}

static gint64
to_us(gint64 seconds, gint64 nanoseconds)
{
    return seconds * G_USEC_PER_SEC + nanoseconds / 1000;
}

bool
rl_fits_refuse_changed(const RlVolume *volume, const char *file, const RlDomainRef *owner,
                       GError **error)
{
    g_autofree char *date = date_to_string(saved_us(owner));

    return rl_fail(
        error, RL_ERROR_STATE,
        "volume '%s', which domain '%s' only reads, may have another content than when the domain "
        "was saved (%s): its image '%s' was changed after the save, or got this name after it. "
        "Restore the domain without this disk, or with a disk that has the content of that time: "
        "a revision or, if the revision is refused as well, a copy of the revision outside of "
        "pools ('virsh save-image-edit' or 'virsh managedsave-edit'). Or start the domain without "
        "the saved memory ('virsh start'; after a managed save first 'virsh managedsave-remove')",
        volume->name->volume, owner->name, date, file);
}

/* When the file was made; G_MAXINT64 if that cannot be told. */
static gint64
born_us(int fd)
{
    struct statx now;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &now) < 0 || !(now.stx_mask & STATX_BTIME))
        return G_MAXINT64;
    return to_us(now.stx_btime.tv_sec, now.stx_btime.tv_nsec);
}

/* The same, or when it was made of an older image (remake-precache.h). */
static gint64
made_us(int fd)
{
    gint64 born = born_us(fd);
    uint64_t since;

    if (!rl_xattr_get_number(fd, RL_ATTR_CLEAN_SINCE, &since, NULL))
        return G_MAXINT64;
    return MAX(born, (gint64) MIN(since, (uint64_t) G_MAXINT64));
}

bool
rl_fits_require_shared(const RlDirtyImage *image, const RlDomainRef *owner, GError **error)
{
    const RlVolume *volume = image->volume;
    gint64 saved = saved_us(owner), began = rl_image_owner_began_us(image->run);

    if (saved == 0 || (began != 0 && began <= saved))
        return true;
    /* A direct volume's image is the clean one, and others wrote to it before. */
    if (volume->kind == RL_KIND_DIRECT)
        return rl_fits_refuse_changed(volume, volume->clean_file, owner, error);
    if (made_us(image->fd) <= saved)
        return true;
    g_autoptr(RlBase) base = rl_base_open(volume, NULL);
    return base ? rl_fits_require_clean(volume, &base->st, owner, error)
                : rl_fits_refuse_changed(volume, volume->clean_file, owner, error);
}

bool
rl_fits_require_clean(const RlVolume *volume, const struct stat *clean, const RlDomainRef *owner,
                      GError **error)
{
    gint64 saved = saved_us(owner);

    return saved == 0 || to_us(clean->st_ctim.tv_sec, clean->st_ctim.tv_nsec) <= saved ||
           rl_fits_refuse_changed(volume, volume->clean_file, owner, error);
}

bool
rl_fits_require_at_rest(const RlVolume *volume, const char *file, int fd, const RlDomainRef *owner,
                        GError **error)
{
    gint64 saved = saved_us(owner), born = born_us(fd);
    uint64_t since;
    struct stat st;

    if (saved == 0)
        return true;
    if (fstat(fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine image '%s' of volume '%s'", file,
                             volume->name->volume);
    if (!rl_xattr_get_number(fd, RL_ATTR_CLEAN_SINCE, &since, error))
        return false;
    if (since <= (uint64_t) saved && (born <= saved || born == G_MAXINT64) &&
        to_us(st.st_mtim.tv_sec, st.st_mtim.tv_nsec) <= saved)
        return true;
    return rl_fits_refuse_changed(volume, file, owner, error);
}
