/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/format/image-owner.h"
#include "common/fs/access-note.h"
#include "common/fs/dir-iter.h"
#include "common/fs/dirfd.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/readers.h"
#include "common/fs/tmpfile.h"
#include "common/fs/xattr.h"
#include "common/pool/volume.h"
#include "common/pool/writers.h"

/* Thousands of domains. */
#define LIST_SIZE_MAX (1 << 20)
#define PAUSE_MS 50

/* The readers of one image, as lines of "READER MICROSECONDS": since when it is about to open the
 * image, by the boot's clock; OPENED for one that has. */
#define OPENED 0
typedef struct {
    int dir; /* locked; only processes of root's reach it, and none keeps it for long */
    char file[RL_READERS_FILE_SIZE];
    GHashTable *readers; /* to their lines */
    guint starting;      /* how many are about to open it, read from the file */
} List;

static void
list_clear(List *list)
{
    rl_fd_close(&list->dir);
    g_clear_pointer(&list->readers, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(List, list_clear)

static int
lock_lists(GError **error)
{
    rl_autofd int dir = -1;

    if (g_mkdir_with_parents(RL_READERS_DIR, 0700) == 0)
        dir = open(RL_READERS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    while (dir >= 0 && flock(dir, LOCK_EX) < 0)
        if (errno != EINTR)
            rl_fd_close(&dir);
    if (dir < 0)
        rl_fail_errno(error, errno, "cannot lock '%s'", RL_READERS_DIR);
    return rl_fd_steal(&dir);
}

/* Sets what is known of @reader. */
static void
set_reader(List *list, const char *reader, gint64 since_us)
{
    g_hash_table_insert(list->readers, g_strdup(reader),
                        g_strdup_printf("%s %" G_GINT64_FORMAT, reader, since_us));
}

/* Of @self another line is about to be told. Who began long ago and was not heard of since is gone.
 */
static void
add_line(List *list, const char *line, const char *self)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", -1);
    gint64 since_us;

    if (g_strv_length(fields) != 2 || g_strcmp0(fields[0], self) == 0 ||
        !g_ascii_string_to_signed(fields[1], 10, 0, G_MAXINT64, &since_us, NULL))
        return;
    gint64 age_us = rl_boot_clock_us() - since_us;
    bool starting = since_us != OPENED;
    if (starting && (age_us < 0 || age_us > (gint64) RL_OWNER_GRACE_SECONDS * G_USEC_PER_SEC))
        return;
    list->starting += starting;
    set_reader(list, fields[0], since_us);
}

/* Locks and reads the list of the image @dev, @ino, without @self, which may be NULL. */
static bool
list_open(List *list, dev_t dev, ino_t ino, const char *self, GError **error)
{
    g_autoptr(GError) cause = NULL;
    size_t length;

    list->readers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    rl_readers_file(dev, ino, list->file);
    list->dir = lock_lists(error);
    if (list->dir < 0)
        return false;
    g_autofree char *text =
        rl_dirfd_read_file(list->dir, list->file, LIST_SIZE_MAX, &length, &cause);
    if (!text && !rl_error_is_errno(cause, ENOENT)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
    for (char **line = lines; line && *line; line++)
        add_line(list, *line, self);
    return true;
}

static bool
list_write(const List *list, GError **error)
{
    GHashTableIter iter;
    void *line;

    if (g_hash_table_size(list->readers) == 0)
        return unlinkat(list->dir, list->file, 0) == 0 || errno == ENOENT ||
               rl_fail_errno(error, errno, "cannot remove '%s/%s'", RL_READERS_DIR, list->file);
    g_autoptr(GString) text = g_string_new(NULL);
    g_hash_table_iter_init(&iter, list->readers);
    while (g_hash_table_iter_next(&iter, NULL, &line))
        g_string_append_printf(text, "%s\n", (char *) line);
    return rl_tmpfile_write(list->dir, list->file, text->str, 0600, error);
}

bool
rl_reader_begin(const RlPool *pool, RlReadImage *image, const char *reader, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlVolume) volume = rl_volume_open(pool, image->volume, error);
    g_autoptr(RlLock) lock = volume ? rl_volume_lock(volume, "note who reads it", error) : NULL;
    rl_autofd int fd = lock ? rl_volume_open_image(volume, image->file, error) : -1;
    g_auto(List) list = {.dir = -1};
    struct stat st;

    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0)
        return rl_fail_errno(error, errno, "cannot examine '%s'", image->file);
    if (!list_open(&list, st.st_dev, st.st_ino, reader, error))
        return false;
    bool at_rest = strcmp(image->file, volume->dirty_file) != 0;
    if (!rl_access_note_for_readers(fd, at_rest, &cause) && !rl_error_is_errno(cause, EROFS)) {
        g_propagate_prefixed_error(error, g_steal_pointer(&cause),
                                   "volume '%s': cannot record the owner of '%s': ", image->volume,
                                   image->file);
        return false;
    }
    set_reader(&list, reader, rl_boot_clock_us());
    if (!list_write(&list, error))
        return false;
    image->dev = st.st_dev;
    image->ino = st.st_ino;
    return true;
}

/* Returns a descriptor of @file if that is @image; -1 where it is another one or cannot be told. */
static int
open_if_same(const RlVolume *volume, const char *file, const RlReadImage *image, GError **error)
{
    rl_autofd int fd = rl_volume_open_image(volume, file, error);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) < 0 || st.st_dev != image->dev || st.st_ino != image->ino))
        rl_fd_close(&fd);
    return rl_fd_steal(&fd);
}

/* It was a clean image, and is a revision since; or it was a direct volume's, which runs or has
 * stopped since. */
static int
open_renamed(const RlVolume *volume, const RlReadImage *image, GError **error)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(volume->dir, error);
    const char *file;
    struct stat st;

    while (entries && (file = rl_dir_iter_next(entries))) {
        if (strcmp(rl_file_name_parse(file).leaf, volume->name->leaf) != 0 ||
            fstatat(volume->dir, file, &st, AT_SYMLINK_NOFOLLOW) < 0 || st.st_dev != image->dev ||
            st.st_ino != image->ino)
            continue;
        return open_if_same(volume, file, image, error);
    }
    if (entries)
        rl_dir_iter_are_all(entries, error);
    return -1;
}

/* -1 where it is gone, which is no error. */
static int
find_image(const RlVolume *volume, const RlReadImage *image, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (volume->dir < 0)
        return -1;
    rl_autofd int fd = open_if_same(volume, image->file, image, &cause);
    if (cause && !rl_error_is_errno(cause, ENOENT)) {
        g_propagate_error(error, g_steal_pointer(&cause));
        return -1;
    }
    return fd >= 0 ? rl_fd_steal(&fd) : open_renamed(volume, image, error);
}

/* Is the image @fd the dirty one of @volume now? */
static bool
is_dirty(const RlVolume *volume, int fd)
{
    struct stat st, dirty;

    return fstatat(volume->dir, volume->dirty_file, &dirty, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstat(fd, &st) == 0 && rl_stat_same(&st, &dirty);
}

/* Gives the image @fd back; with @last nobody reads it any more. A direct volume's run has the note
 * to its end; who writes there is its owner until then. On an image that is not @dirty what a
 * start has noted that was cut off, or is about to go on, is no run. */
static bool
give_back(int fd, bool dirty, bool last, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;

    if (!rl_image_owner_get(fd, &run, error))
        return false;
    return (dirty && run && !run->readonly) || rl_access_settle(fd, run || !last, error);
}

/* In the moment that it was the device model's it could have opened it. */
static void
look_for_writer(int fd, const RlReadImage *image)
{
    if (rl_lease_has_writer(fd))
        rl_log_warning(
            "volume '%s': a process has '%s' open for writing, although domains only read it",
            image->volume, image->file);
}

/* Gives @image back if nobody in @list is about to open it. */
static bool
find_and_give_back(const RlPool *pool, const RlReadImage *image, const List *list, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (list->starting > 0)
        return true;
    g_autoptr(RlVolume) volume = rl_volume_open(pool, image->volume, error);
    if (!volume)
        return false;
    rl_autofd int fd = find_image(volume, image, &cause);
    bool last = g_hash_table_size(list->readers) == 0;
    if (cause || (fd >= 0 && !give_back(fd, is_dirty(volume, fd), last, &cause))) {
        g_propagate_prefixed_error(
            error, g_steal_pointer(&cause),
            "volume '%s': cannot give '%s' back to its owner: ", image->volume, image->file);
        return false;
    }
    if (fd >= 0)
        look_for_writer(fd, image);
    return true;
}

bool
rl_reader_opened(const RlPool *pool, const RlReadImage *image, const char *reader, GError **error)
{
    g_auto(List) list = {.dir = -1};

    if (!list_open(&list, image->dev, image->ino, reader, error))
        return false;
    set_reader(&list, reader, OPENED);
    /* Whether there is space for the list or not. */
    return find_and_give_back(pool, image, &list, error) && list_write(&list, error);
}

bool
rl_reader_end(const RlPool *pool, const RlReadImage *image, const char *reader, GError **error)
{
    g_auto(List) list = {.dir = -1};

    return list_open(&list, image->dev, image->ino, reader, error) &&
           find_and_give_back(pool, image, &list, error) && list_write(&list, error);
}

int
rl_reader_open(const RlPool *pool, const RlReadImage *image, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, image->volume, error);

    return volume ? find_image(volume, image, error) : -1;
}

/* Does what can be done at once for the clean image @fd. */
static void
settle(int fd, const char *name, bool *ret_starting)
{
    g_autoptr(GError) error = NULL;
    g_auto(List) list = {.dir = -1};
    g_autofree char *noted = NULL;
    struct stat st;

    *ret_starting = false;

    /* Most have none, and need no lock. */
    if (!rl_xattr_get(fd, RL_ATTR_ACCESS, &noted, &error) || !noted || fstat(fd, &st) < 0) {
        if (error)
            rl_log_warning("volume '%s': %s", name, error->message);
        return;
    }
    if (!list_open(&list, st.st_dev, st.st_ino, NULL, &error) ||
        (list.starting == 0 && !give_back(fd, false, g_hash_table_size(list.readers) == 0, &error)))
        rl_log_warning("volume '%s': cannot give an image back to its owner: %s", name,
                       error->message);
    else
        *ret_starting = list.starting > 0;
}

bool
rl_reader_settle(int fd, const char *name, int patience_ms, GError **error)
{
    bool starting;

    for (int waited_ms = 0;; waited_ms += PAUSE_MS) {
        settle(fd, name, &starting);
        if (!starting)
            return true;
        if (waited_ms >= patience_ms)
            return rl_fail(
                error, RL_ERROR_BUSY,
                "volume '%s': a domain that reads its clean image or a revision of it is just "
                "starting. Try again",
                name);
        g_usleep(PAUSE_MS * 1000);
    }
}

bool
rl_reader_settle_at(const RlVolume *volume, const char *file, GError **error)
{
    g_autoptr(GError) cause = NULL;
    rl_autofd int fd = rl_volume_open_image(volume, file, &cause);

    if (fd >= 0)
        return rl_reader_settle(fd, volume->name->volume, RL_CLEAN_PATIENCE_MS, error);
    if (rl_error_is_errno(cause, ENOENT))
        return true;
    g_propagate_error(error, g_steal_pointer(&cause));
    return false;
}
