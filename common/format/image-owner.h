/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who runs on a dirty image. It is written on the image's own inode: it survives daemons and hosts,
 * cannot be forged by the guest, and goes with the inode. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The driver of a run that no domain of libvirt's has: a person began it, and ends it. */
#define RL_OWNER_BY_HAND "virt-reflink"

struct RlMemory;

/* The domain that a volume is started for. Borrowed strings. */
typedef struct {
    const char *driver; /* "libxl", "qemu", or who else starts volumes */
    const char *uuid;   /* decides whether two are the same */
    const char *name;   /* for people */
    gint64 until_us; /* when its run ended, by the boot's clock: a later run is none of it; or 0 */
    bool late; /* libvirt does not wait for its end any more, and may have put an overlay on its
                * disk since */
    const struct RlMemory *memory; /* what it was saved as, or is restored from (save.h); NULL if
                                    * neither, or if that is not known */
    const char *witness;           /* as in RlImageOwner; NULL where it is found by the uuid */
} RlDomainRef;

/* So far apart may the clock of the boot that a run was noted in and that of the next one be, or
 * the time that a relabelling at boot takes. */
#define RL_OWNER_CLOCK_US (5 * 60 * G_USEC_PER_SEC)

typedef struct {
    char *driver;
    char *uuid;
    char *name;
    bool written;    /* the time stamps cannot tell whether it was written to: say that it was */
    bool readonly;   /* the domain only reads it: nothing is ever committed */
    bool continued;  /* it was there before this run, and is not this run's to end if that fails */
    char *boot_id;   /* of the host's boot in which it was started */
    char *host;      /* which one (rl_boot_host()); NULL where it has no id, or none was noted */
    gint64 since_us; /* of that boot's clock, when it was started */
    uint64_t mounting; /* of the image's file system in that boot (mounting.h); 0 if not known */
    bool arriving;     /* it is to come by a migration, and is not known to have come whole */
    bool ended;  /* it is over, and what was to follow waits for space on the disk (ended-note.h) */
    char *inode; /* the image's, when it was noted; NULL where an earlier version noted it */
    bool copied; /* that is another inode than the image's, which came with a copy of the image; or
                  * the content was put back into the same inode */
    bool put_back; /* the latter */
    char *witness; /* who sees its writes from the beginning, where that is not its owner's
                    * process: it was another's run before, or a person began it
                    * (witness-key.h); else NULL */
} RlImageOwner;

/* So long may pass between a domain's `prepare` and the opening of its disks (a large guest's
 * memory is built in between); only after it is an image that nobody has open taken from its owner.
 */
#define RL_OWNER_GRACE_SECONDS 300

/* What is to be remembered of a run; as in RlImageOwner. */
typedef struct {
    bool written;
    bool readonly;
    bool continued;
    bool arriving;
} RlOwnerTraits;

/**
 * rl_image_owner_set:
 * Writes on the image @fd that @owner runs on it from now on.
 */
bool rl_image_owner_set(int fd, const RlDomainRef *owner, RlOwnerTraits traits, GError **error);

/**
 * rl_image_owner_put_back:
 * Writes on the image @fd what rl_image_owner_get() read from it before: also when that run began,
 * and on which inode that was noted. On a run of another boot, if that is no copy, it notes the
 * time, which explains the inode's change.
 */
bool rl_image_owner_put_back(int fd, const RlImageOwner *run, GError **error);

/**
 * rl_image_owner_take_along:
 * The image @fd, which takes the place of the one that a run was noted on, has that note by now
 * (rl_xattr_copy()): writes that it belongs to this inode, if it did to that one. Nothing where
 * there is no note. Durable with the next fsync(2) of @fd.
 */
bool rl_image_owner_take_along(int from, int fd, GError **error);

/**
 * rl_image_owner_get:
 * Reads who runs on the image @fd; *@ret_run is NULL where nobody does, owned by the caller. What
 * cannot be understood is a run of an unknown owner that was written to. Compares the inode with
 * that which the run was noted on: by its number and, where the file system tells, its time of
 * birth (statx(2)). A copy with attributes (cp -a, rsync -X) is another one; the same file after a
 * rollback of its file system is not. A copy that is written over the file itself (cp -a, rsync
 * --inplace; with attributes or without) keeps the inode. Of a run that a crash of the host has
 * left it is told by the inode's last change, which nothing but the kernel can set: after that boot
 * no domain writes before the run is noted anew, and we note before what we do. Not told is what
 * was put back in the boot of its run, in the first minutes of the next one (RL_OWNER_CLOCK_US),
 * before yet another one, or before the file system came from another host; nor is it asked of a
 * run that was begun by hand, or that only read.
 */
bool rl_image_owner_get(int fd, RlImageOwner **ret_run, GError **error);

/**
 * rl_image_owner_is_of_other_inode:
 * Says in *@ret_so whether a run is noted on the image @fd, and was noted on another inode.
 */
bool rl_image_owner_is_of_other_inode(int fd, bool *ret_so, GError **error);

/**
 * rl_boot_clock_us:
 * Microseconds since the host booted, suspended time included.
 */
gint64 rl_boot_clock_us(void);

/**
 * rl_boot_was_within:
 * True if @when_us of the boot @boot_id, as rl_boot_clock_us() says it, is in this boot of the
 * host and at most so many @seconds ago; where the boot cannot be told, it is taken for this one.
 * Any value may come from a damaged attribute.
 */
bool rl_boot_was_within(int seconds, const char *boot_id, gint64 when_us);

/**
 * rl_image_owner_is_fresh:
 * True if the run began in this boot of the host and so recently that its image may not be open
 * yet, and is not known to be over. A boot that cannot be told counts as this one.
 */
bool rl_image_owner_is_fresh(const RlImageOwner *run);

/**
 * rl_image_owner_began_us:
 * When @run began, in microseconds of the wall clock as that is set now; 0 if it was in another
 * boot of the host, or that cannot be told.
 */
gint64 rl_image_owner_began_us(const RlImageOwner *run);

/**
 * rl_image_owner_has_true_dates:
 * True if the file system of the file @fd, which is that of the image, has been mounted without a
 * break since @run began: then the size and times of the image are those of its last write. After a
 * reboot, or once it was mounted again, they may be older than the data: a guest's flush is
 * fdatasync(2), which does not make the time of an overwritten block durable. False where that
 * cannot be told.
 */
bool rl_image_owner_has_true_dates(const RlImageOwner *run, int fd);

/**
 * rl_image_owner_is_open:
 * True if somebody has the dirty image @fd (open for reading only) open as @run (may be NULL)
 * would: for writing, or at all if the run only reads.
 */
bool rl_image_owner_is_open(const RlImageOwner *run, int fd);

/**
 * rl_image_owner_is_held:
 * True if there is a @run and anybody has the dirty image @fd (open for reading only) open at all:
 * a domain on an external snapshot only reads it, and needs it as much. For whoever is not that
 * domain. A probe by somebody else is told apart by its being short.
 */
bool rl_image_owner_is_held(const RlImageOwner *run, int fd);

/**
 * rl_image_owner_is_of:
 * True if @run is of the domain @owner: same driver, same UUID, and begun before that run ended.
 */
bool rl_image_owner_is_of(const RlImageOwner *run, const RlDomainRef *owner);

/**
 * rl_image_owner_is_by_hand:
 * True if an administrator began @run (RL_OWNER_BY_HAND).
 */
bool rl_image_owner_is_by_hand(const RlImageOwner *run);

/**
 * rl_image_owner_leave:
 * The domain that @run names has left the image @fd, and others who only read it stay: writes on
 * the image that the last of them ends it, however soon that is.
 */
bool rl_image_owner_leave(int fd, RlImageOwner *run, GError **error);

/**
 * rl_image_owner_expect_change:
 * The image @fd, on which @run (or NULL) is noted, is about to be changed, or a mark on it, while
 * nobody runs on it: notes that where the run is of another boot, so that it is not taken for a
 * copy that was put back. False with an errno.
 */
bool rl_image_owner_expect_change(int fd, const RlImageOwner *run, GError **error);

/**
 * rl_image_owner_clear:
 * Writes on the image @fd that nobody runs on it.
 */
bool rl_image_owner_clear(int fd, GError **error);

/**
 * rl_image_owner_free:
 * Frees @run; nothing for NULL.
 */
void rl_image_owner_free(RlImageOwner *run);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlImageOwner, rl_image_owner_free)
