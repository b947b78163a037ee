/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "at-rest.h"

#include <errno.h>
#include <string.h>

#include "backend/launcher/note-names.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/format/image-owner.h"
#include "common/image/dirty-image.h"
#include "common/image/reader.h"
#include "common/pool/volume.h"
#include "disk-place.h"
#include "name-age.h"
#include "note.h"
#include "owner.h"
#include "revision-source.h"
#include "run-record.h"
#include "xml/documents.h"

/* A thousand disks with many layers. */
#define NOTE_SIZE_MAX (8 << 20)

/* A line for each image: its pool's path, its volume's name, its own, its numbers, and those that
 * libvirt gave to it as the source of disks (RlDisk.index), each with a comma behind it, with a tab
 * in between; the first three are escaped. Earlier versions of this program have not noted the
 * last; nor is it known at `prepare`, nor for a layer. */
typedef struct {
    char *root, *volume, *file;
    guint64 dev, ino;
    char *sources;
} Image;

static void
image_free(void *data)
{
    Image *image = data;

    g_free(image->root);
    g_free(image->volume);
    g_free(image->file);
    g_free(image->sources);
    g_free(image);
}

/* The word in Image.sources, owned by the caller. */
static char *
source_word(guint64 index)
{
    return index ? g_strdup_printf("%" G_GUINT64_FORMAT ",", index) : g_strdup("");
}

/* Takes over the strings. @index is 0 for a layer, and where it is not known. */
static void
add(GPtrArray *images, char *root, char *volume, char *file, guint64 index)
{
    Image image = {.root = root, .volume = volume, .file = file, .sources = source_word(index)};

    g_ptr_array_add(images, g_memdup2(&image, sizeof(image)));
}

static char *
note_name(const char *uuid)
{
    return g_strdup_printf(RL_NOTE_READING "-%s", uuid);
}

static bool
is_at_rest(RlFileRole role)
{
    return role == RL_FILE_CLEAN || role == RL_FILE_REVISION || role == RL_FILE_LABEL;
}

static bool
find_path(GPtrArray *images, const RlDisk *disk, const char *path, guint64 index, GError **error)
{
    g_autofree char *what = g_strdup_printf("disk '%s'", disk->target ? disk->target : "?");
    g_auto(RlDiskPlace) place = {0};

    if (!path)
        return true;
    if (!rl_disk_place_find(path, &place, error) ||
        !rl_disk_place_require_file(&place, what, path, error))
        return false;
    if (place.name && place.file && is_at_rest(place.role))
        add(images, g_steal_pointer(&place.root), g_steal_pointer(&place.name),
            g_steal_pointer(&place.file), index);
    return true;
}

/* A volume itself is a run of the domain's; a revision is at rest. One that is missing is a matter
 * of libvirt's. */
static bool
find_revision(GPtrArray *images, const char *pool_name, const char *text, guint64 index,
              GError **error)
{
    g_auto(RlRevisionSource) revision = {0};

    if (!rl_revision_source_find(pool_name, text, &revision, error))
        return false;
    if (revision.file)
        add(images, g_strdup(revision.pool->path), g_strdup(revision.volume->name->volume),
            g_steal_pointer(&revision.file), index);
    return true;
}

static bool
find_layers(GPtrArray *images, const RlDisk *disk, GError **error)
{
    for (guint i = 0; i < disk->backing->len; i++)
        if (!find_path(images, disk, g_ptr_array_index(disk->backing, i), 0, error))
            return false;
    for (guint i = 0; i < disk->backing_volumes->len; i++) {
        const RlVolumeRef *ref = g_ptr_array_index(disk->backing_volumes, i);
        if (!find_revision(images, ref->pool, ref->volume, 0, error))
            return false;
    }
    return true;
}

static bool
find_images(const RlDomain *domain, GPtrArray *images, GError **error)
{
    for (guint i = 0; i < domain->disks->len; i++) {
        const RlDisk *disk = g_ptr_array_index(domain->disks, i);
        if (disk->readonly &&
            (!find_path(images, disk, disk->path, disk->index, error) ||
             !find_revision(images, disk->pool, disk->volume, disk->index, error) ||
             !find_path(images, disk, disk->data_path, 0, error) ||
             !find_revision(images, disk->data_pool, disk->data_volume, 0, error)))
            return false;
        if (!find_layers(images, disk, error))
            return false;
    }
    return true;
}

static bool
parse_line(const char *line, GPtrArray *images)
{
    g_auto(GStrv) fields = g_strsplit(line, "\t", -1);
    guint count = g_strv_length(fields);
    guint64 dev, ino;

    if ((count != 5 && count != 6) ||
        !g_ascii_string_to_unsigned(fields[3], 10, 0, G_MAXUINT64, &dev, NULL) ||
        !g_ascii_string_to_unsigned(fields[4], 10, 0, G_MAXUINT64, &ino, NULL))
        return false;
    add(images, g_strcompress(fields[0]), g_strcompress(fields[1]), g_strcompress(fields[2]), 0);
    Image *image = g_ptr_array_index(images, images->len - 1);
    if (count == 6) {
        g_free(image->sources);
        image->sources = g_strdup(fields[5]);
    }
    image->dev = dev;
    image->ino = ino;
    return true;
}

/* Adds what is noted to @images. */
static void
read_note(const char *uuid, GPtrArray *images)
{
    g_autofree char *name = note_name(uuid);
    g_autoptr(GError) error = NULL;
    size_t length;
    g_autofree char *text = rl_note_read(name, NOTE_SIZE_MAX, &length, &error);

    if (!text) {
        if (!rl_error_is_errno(error, ENOENT))
            rl_log_warning("domain %s: cannot read the list of images that it only reads: %s", uuid,
                           error->message);
        return;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line && !parse_line(*line, images))
            rl_log_warning("domain %s: its record '%s/%s' has a line that names no image", uuid,
                           RL_LOCK_DIR, name);
}

static bool
write_note(const char *uuid, const GPtrArray *images, GError **error)
{
    g_autofree char *name = note_name(uuid);
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < images->len; i++) {
        const Image *image = g_ptr_array_index(images, i);
        g_autofree char *root = g_strescape(image->root, NULL);
        g_autofree char *volume = g_strescape(image->volume, NULL);
        g_autofree char *file = g_strescape(image->file, NULL);
        g_string_append_printf(text,
                               "%s\t%s\t%s\t%" G_GUINT64_FORMAT "\t%" G_GUINT64_FORMAT "\t%s\n",
                               root, volume, file, image->dev, image->ino, image->sources);
    }
    return rl_note_write(name, text->str, error);
}

/* What is not there is nobody's: the domain runs without it, or not at all. Before libvirt gives
 * the images away it looks again: what appears only after that is not to be the device model's. */
static bool
begin_one(Image *image, const char *uuid, bool *ret_there, GError **error)
{
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlPool) pool = rl_pool_open(image->root, rl_xml_documents(), error);
    RlReadImage read = {.volume = image->volume, .file = image->file};

    *ret_there = false;
    if (!pool)
        return false;
    if (!rl_reader_begin(pool, &read, uuid, &cause)) {
        if (rl_error_is_errno(cause, ENOENT))
            return true;
        g_propagate_error(error, g_steal_pointer(&cause));
        return false;
    }
    image->dev = read.dev;
    image->ino = read.ino;
    *ret_there = true;
    return true;
}

static bool
has_source(const Image *image, const char *word)
{
    g_autofree char *all = g_strdup_printf(",%s", image->sources),
                    *wanted = g_strdup_printf(",%s", word);

    return strstr(all, wanted) != NULL;
}

/* Adds to the image in @images that is @found what else it is the source of. False where none is.
 */
static bool
merge(const GPtrArray *images, const Image *found)
{
    for (guint i = 0; i < images->len; i++) {
        Image *image = g_ptr_array_index(images, i);
        if (image->dev != found->dev || image->ino != found->ino)
            continue;
        if (!has_source(image, found->sources)) {
            char *sources = g_strconcat(image->sources, found->sources, NULL);
            g_free(image->sources);
            image->sources = sources;
        }
        return true;
    }
    return false;
}

static bool
refuse_missing(const Image *image, GError **error)
{
    return rl_fail(error, RL_ERROR_NOT_FOUND,
                   "volume '%s': the domain needs the image '%s', which does not exist. Restore "
                   "that image, then start the domain again",
                   image->volume, image->file);
}

/* Those that were begun are in the note also where one fails. @needed: all are to be there. */
static bool
begin_all(const RlDomain *domain, GPtrArray *images, bool needed, GError **error)
{
    g_autoptr(GPtrArray) begun = g_ptr_array_new_with_free_func(image_free);
    bool all = true, there;

    if (images->len == 0)
        return true;
    read_note(domain->uuid, begun);
    while (all && images->len > 0) {
        Image *image = g_ptr_array_steal_index(images, 0);
        all = begin_one(image, domain->uuid, &there, error) &&
              (there || !needed || refuse_missing(image, error));
        if (all && there && !merge(begun, image))
            g_ptr_array_add(begun, image);
        else
            image_free(image);
    }
    return (begun->len == 0 || write_note(domain->uuid, begun, all ? error : NULL)) && all;
}

/* The notes are of the qemu driver's domains, by UUID; one of the libxl driver may have the same.
 */
static bool
is_concerned(const RlDomain *domain)
{
    return strcmp(rl_domain_ref_of(domain).driver, "qemu") == 0;
}

bool
rl_at_rest_begin(const RlDomain *domain, bool needed, GError **error)
{
    g_autoptr(GPtrArray) images = g_ptr_array_new_with_free_func(image_free);

    if (!is_concerned(domain))
        return true;
    return find_images(domain, images, error) && begin_all(domain, images, needed, error);
}

bool
rl_at_rest_add_started(const RlDomain *domain, const GPtrArray *uses, GError **error)
{
    g_autoptr(GPtrArray) images = g_ptr_array_new_with_free_func(image_free);

    if (!is_concerned(domain))
        return true;
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        RlPool *pool = use->readonly ? rl_domain_volume_pool(use, NULL) : NULL;
        g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, use->name, NULL) : NULL;
        if (volume && volume->dirty.there)
            add(images, g_strdup(use->root), g_strdup(use->name), g_strdup(volume->dirty_file), 0);
    }
    return begin_all(domain, images, false, error);
}

/* The image is to be its owner's at rest again before that is noted. */
static bool
take_back(const RlDomainVolume *use, GError **error)
{
    RlPool *pool = rl_domain_volume_pool(use, error);
    g_autoptr(RlVolume) volume = pool ? rl_volume_open(pool, use->name, error) : NULL;
    g_autoptr(RlImageOwner) run = NULL;

    if (!volume)
        return false;
    if (!volume->dirty.there)
        return true;
    g_autoptr(RlLock) lock = rl_volume_lock(volume, "give it back to its owner", error);
    if (!lock)
        return false;
    if (!volume->dirty.there)
        return true;
    rl_autofd int fd = rl_volume_open_image(volume, volume->dirty_file, error);
    if (fd < 0 || !rl_image_owner_get(fd, &run, error))
        return false;
    /* Whoever writes to it is its owner to the end of the run. */
    return !run || !run->readonly || rl_dirty_give_access(volume, fd, error);
}

void
rl_at_rest_add_plugged(const RlDomain *domain, const GPtrArray *uses)
{
    g_autoptr(GError) cause = NULL;

    if (!is_concerned(domain))
        return;
    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        g_autoptr(GError) error = NULL;
        if (use->readonly && !take_back(use, &error))
            rl_log_warning("domain %s: cannot give volume '%s' back to its owner: %s", domain->name,
                           use->name, error->message);
    }
    if (!rl_at_rest_add_started(domain, uses, &cause))
        rl_log_warning("domain %s: %s", domain->name, cause->message);
}

typedef bool Step(const RlPool *pool, const RlReadImage *image, const char *reader, GError **error);

/* Does @step for each of @images. Returns those it failed for, which are borrowed. */
static GPtrArray *
for_all(const RlDomain *domain, const GPtrArray *images, Step *step)
{
    GPtrArray *failed = g_ptr_array_new();

    for (guint i = 0; i < images->len; i++) {
        Image *image = g_ptr_array_index(images, i);
        g_autoptr(GError) error = NULL;
        RlReadImage read = {image->volume, image->file, (dev_t) image->dev, (ino_t) image->ino};
        g_autoptr(RlPool) pool = rl_pool_open(image->root, rl_xml_documents(), &error);
        if (pool && step(pool, &read, domain->uuid, &error))
            continue;
        rl_log_warning("domain %s: %s", domain->name, error->message);
        g_ptr_array_add(failed, image);
    }
    return failed;
}

void
rl_at_rest_opened(const RlDomain *domain)
{
    g_autoptr(GPtrArray) images = g_ptr_array_new_with_free_func(image_free);

    if (!is_concerned(domain))
        return;
    read_note(domain->uuid, images);
    g_ptr_array_unref(for_all(domain, images, rl_reader_opened));
}

void
rl_at_rest_end(const RlDomain *domain)
{
    g_autoptr(GPtrArray) images = g_ptr_array_new_with_free_func(image_free);
    g_autofree char *name = note_name(domain->uuid);
    g_autoptr(GError) error = NULL;

    if (!is_concerned(domain))
        return;
    read_note(domain->uuid, images);
    if (images->len == 0)
        return;
    g_autoptr(GPtrArray) left = for_all(domain, images, rl_reader_end);
    if (left->len == 0)
        rl_note_remove(name);
    else if (!write_note(domain->uuid, left, &error))
        rl_log_warning("domain %s: %s", domain->name, error->message);
}

/* Not noted at the domain's start: it was given that while it ran (libvirt calls no hook for a
 * medium), or its driver's domains have no notes. */
static int
open_unlisted(const RlDomain *domain, const RlReadDisk *read, bool *ret_gone)
{
    RlDomainRef owner = rl_domain_ref_of(domain);
    rl_autofd int fd = rl_volume_open_image(read->volume, read->file, NULL);
    RlRunRecord run;

    /* Without the beginning of its run nothing says that the name is that of what it had. */
    *ret_gone = fd >= 0 && (!rl_run_record_read(&owner, &run) || run.began_ms <= 0 ||
                            rl_name_age_may_differ(fd, read, &run));
    return *ret_gone ? -1 : rl_fd_steal(&fd);
}

/* Had the disk @read the image at the start already? Else it was given that name's image since,
 * which may be another one. */
static bool
is_source(const Image *image, const RlReadDisk *read)
{
    g_autofree char *word = source_word(read->index);

    return !*word || !*image->sources || has_source(image, word);
}

int
rl_at_rest_open(const RlDomain *domain, const RlReadDisk *read, bool *ret_gone)
{
    g_autoptr(GPtrArray) images = g_ptr_array_new_with_free_func(image_free);
    g_autoptr(GError) error = NULL;

    *ret_gone = false;
    if (is_concerned(domain))
        read_note(domain->uuid, images);
    for (guint i = 0; i < images->len; i++) {
        const Image *image = g_ptr_array_index(images, i);
        const RlReadImage had = {image->volume, image->file, (dev_t) image->dev,
                                 (ino_t) image->ino};
        if (strcmp(image->root, read->pool->path) != 0 ||
            strcmp(image->volume, read->volume->name->volume) != 0 ||
            strcmp(image->file, read->file) != 0 || !is_source(image, read))
            continue;
        int fd = rl_reader_open(read->pool, &had, &error);
        *ret_gone = fd < 0 && !error;
        return fd;
    }
    return open_unlisted(domain, read, ret_gone);
}
