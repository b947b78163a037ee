/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which save of a domain is it? Each save has an identity that is noted on every image of the
 * domain, with what the image was like, so that a restore can tell whether memory and disks belong
 * together. The note outlives the mark that the image is saved (image-mark.h): it is about the
 * past. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "image-owner.h"

/* A domain's memory in a file, as far as it can be told from another. */
typedef struct RlMemory {
    char *file;     /* its path, for people; NULL if not known */
    char *digest;   /* of a bounded part of the memory in it; NULL if not known */
    gint64 date_us; /* when it was written last, by the host's wall clock; 0 if not known */
    bool by_root;   /* of a restore: the file is root's, and no other user may write to it */
    bool unfound; /* of a restore: libvirt has read the file already, and which one is not known */
    char *save;   /* of a save: its id. Of a restore: that of the domain's last save that all its
                   * images had, if there was one in this boot of the host; or NULL */
    gint64 save_us;  /* of a restore: when that was, by the boot's clock */
    gint64 noted_us; /* of a restore: when one of the domain's images noted its save, by the wall
                      * clock; 0 if none says. The file's date is a later one once it was edited */
    char **reads;    /* what its read-only disks had (read-state.h); NULL if not known */
} RlMemory;

/* What an image says of the save that it was part of. */
typedef struct {
    char *id; /* the same on all images of the domain; NULL where it was kept, for it may
               * have been saved */
    gint64
        begun_us; /* when the run began that was saved, and when it was noted, by the wall clock */
    gint64 ended_us;      /* at that time; 0 if not known */
    gint64 since_us;      /* the same run's RlImageOwner.since_us; 0 if not known */
    struct timespec date; /* the image's modification time and size then */
    off_t size;
    char *memory;   /* the digest of the saved memory; NULL if not known */
    char *tried;    /* of the memory that was last tried on it, and may not have run */
    bool confirmed; /* memory is not known from the save: it was tried, and its start confirmed */
    bool waiting;   /* the image was still marked as saved when a start went on with it */
    char **earlier; /* of those that its domain was saved in before, the last ones; never NULL */
    char **reads;   /* what the domain's read-only disks had; NULL if not known */
} RlSave;

/**
 * rl_memory_free:
 * Frees @memory; nothing for NULL.
 */
void rl_memory_free(RlMemory *memory);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlMemory, rl_memory_free)

/**
 * rl_save_free:
 * Frees @save; nothing for NULL.
 */
void rl_save_free(RlSave *save);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlSave, rl_save_free)

/**
 * rl_save_get:
 * Reads what the image @fd says of its save; *@ret_save (owned by the caller) is NULL where it says
 * nothing. RL_ERROR_STATE where that cannot be understood.
 */
bool rl_save_get(int fd, RlSave **ret_save, GError **error);

/**
 * rl_save_note:
 * Notes on the image @fd, on which nobody writes any more, that the run of its domain, @run, was
 * saved as @memory; NULL where only the run's end is known. Durable with the next fsync(2) of @fd.
 */
bool rl_save_note(int fd, const RlImageOwner *run, const RlMemory *memory, GError **error);

/**
 * rl_save_is_of_run:
 * False if the run that was saved is known to be another one than @run, which is noted on the
 * image. A program that copies images (rsync -X) may read the mark of a saved one, and its other
 * attributes and its content later, when the domain has been restored and runs on it.
 */
bool rl_save_is_of_run(int fd, const RlImageOwner *run);

/**
 * rl_save_note_cut_off:
 * As rl_save_note(), of a @run that was not saved as far as is known: it was cut off, and the image
 * is to go on. Where it was another boot of the host that cut it off, or nothing is noted of the
 * run any more (NULL), no memory that there is by now fits.
 */
bool rl_save_note_cut_off(int fd, const RlImageOwner *run, GError **error);

/**
 * rl_save_try:
 * Notes on the image @fd that @memory (may be NULL) is about to be restored on it.
 */
bool rl_save_try(int fd, const RlMemory *memory, GError **error);

/**
 * rl_save_note_waiting:
 * Notes on the image @fd, on which a run is about to begin, whether it is @waiting for a restore
 * until then (RlSave). Fine where nothing is noted of a save, or nothing that can be understood.
 */
bool rl_save_note_waiting(int fd, bool waiting, GError **error);

/**
 * rl_save_keep_for:
 * The image @fd is as it was at its save: @run, which began on it, has not run. Fine where nothing
 * is noted of a save.
 */
bool rl_save_keep_for(int fd, const RlImageOwner *run, GError **error);

/**
 * rl_save_confirm:
 * The domain runs: what was tried is the memory that was saved with the image @fd.
 */
bool rl_save_confirm(int fd, GError **error);

/**
 * rl_save_clear:
 * Takes away what the image @fd says of a save; fine where that is nothing.
 */
bool rl_save_clear(int fd, GError **error);

/**
 * rl_save_has_same_image:
 * True if the image with the status @st was not written to since @save was noted on it, as far as
 * size and modification time tell.
 */
bool rl_save_has_same_image(const RlSave *save, const struct stat *st);

/**
 * rl_save_is_earlier:
 * True if the memory with @digest (may be NULL) is known to be of an earlier save than @save.
 */
bool rl_save_is_earlier(const RlSave *save, const char *digest);
