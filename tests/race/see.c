/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lies on the disk, seen without the engine but for its names and attributes. */
#include "common/base/autofd.h"
#include "common/format/file-name.h"
#include "common/format/image-mark.h"
#include "common/fs/dir-iter.h"
#include "common/fs/xattr.h"
#include "harness/model.h"
#include "race.h"
#include "xml/documents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void
content_write(int fd, Content content)
{
    GError *error = NULL;

    if (!rl_model_write_block(fd, RL_MODEL_BLOCK, content, 0, &error))
        g_error("%s", error->message);
}

/* A guest writes without the lock, and btrfs shows a block while it is written: what is torn is
 * looked at again. */
Content
content_read(int fd)
{
    Content content;

    for (int tries = 5;; tries--) {
        g_autoptr(GError) error = NULL;
        if (rl_model_read(fd, &content, &error))
            return content;
        if (tries == 0)
            g_error("%s", error->message);
        g_usleep(2000);
    }
}

/* With its owner and mark where it is the dirty one. */
static Image
look_at(int dir, const char *file, Seen *dirty)
{
    rl_autofd int fd = openat(dir, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    g_autoptr(RlImageOwner) run = NULL;
    struct stat st;

    /* A temporary may go at any time; all else waits for the lock. */
    if (fd < 0 || fstat(fd, &st) < 0)
        g_error("cannot look at %s, whose lock we have: %s", file, g_strerror(errno));
    if (dirty) {
        if (!rl_image_owner_get(fd, &run, NULL) || !rl_mark_get(fd, &dirty->hold, NULL))
            g_error("cannot read the attributes of %s", file);
        dirty->owner = owner_find(run);
        dirty->fresh = run && rl_image_owner_is_fresh(run);
        dirty->arriving = run && run->arriving;
        dirty->continued = run && run->continued;
        dirty->ended = run && run->ended;
    }
    return (Image){true, st.st_ino, st.st_size, content_read(fd)};
}

static void
add_revision(Seen *seen, int dir, const char *file, const RlFileName *name)
{
    Image image = look_at(dir, file, NULL);
    int at = seen->n_revisions++;

    if (seen->n_revisions > REVISIONS)
        g_error("there are more than %d revisions beside %s", REVISIONS, file);
    Revision revision = {.ino = image.ino, .content = image.content};
    if (name->role == RL_FILE_REVISION)
        revision.number = name->number;
    else
        revision.label = label_find(name->label);
    for (; at > 0; at--) {
        const Revision *other = &seen->revisions[at - 1];
        if (revision.label ? !other->label || other->label < revision.label
                           : !other->label && other->number < revision.number)
            break;
        seen->revisions[at] = *other;
    }
    seen->revisions[at] = revision;
}

static off_t
recorded_capacity(int dir, const char *file)
{
    GError *error = NULL;
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d/%s", dir, file), *text = NULL;
    g_autoptr(RlRecord) record = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, &error) ||
        !(record = rl_xml_documents()->record_parse(text, length, file, &error)))
        g_error("%s", error->message);
    return (off_t) record->capacity;
}

static void
add_file(Seen *seen, int dir, const char *file, const char *leaf)
{
    RlFileName name = rl_file_name_parse(file);

    if (name.role == RL_FILE_OTHER || strcmp(name.leaf, leaf) != 0)
        return;
    switch (name.role) {
    case RL_FILE_CLEAN:
        seen->clean = look_at(dir, file, NULL);
        break;
    case RL_FILE_DIRTY:
        seen->dirty = look_at(dir, file, seen);
        break;
    case RL_FILE_PRECACHE:
        seen->precache = look_at(dir, file, NULL);
        break;
    case RL_FILE_RECORD:
        seen->record = true;
        seen->capacity = recorded_capacity(dir, file);
        break;
    case RL_FILE_TEMP:
        seen->temps++;
        break;
    case RL_FILE_REVISION:
    case RL_FILE_LABEL:
        add_revision(seen, dir, file, &name);
        break;
    default:
        break;
    }
}

Image
foreign_look(int volume)
{
    g_autofree char *path = g_build_filename(pool_path, volume_names[volume], NULL);
    rl_autofd int fd =
        has_link(volume) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    Content content = 0;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return (Image){0};
    if (read(fd, &content, sizeof(content)) != sizeof(content))
        content = 0;
    return (Image){true, st.st_ino, st.st_size, content};
}

static RlLink
link_of(int volume)
{
    g_autofree char *path = g_build_filename(pool_path, volume_names[volume], NULL);
    g_autofree char *clean = g_strdup_printf("volumes/%s.img", volume_names[volume]);
    g_autofree char *dirty = g_strdup_printf("volumes/%s-dirty.img", volume_names[volume]);

    if (!has_link(volume))
        return RL_LINK_NONE;
    g_autofree char *target = g_file_read_link(path, NULL);
    if (!target)
        return access(path, F_OK) == 0 ? RL_LINK_FOREIGN : RL_LINK_NONE;
    return strcmp(target, clean) == 0   ? RL_LINK_CLEAN
           : strcmp(target, dirty) == 0 ? RL_LINK_DIRTY
                                        : RL_LINK_FOREIGN;
}

RlLink
link_wanted(const Seen *seen, int volume)
{
    if (!has_link(volume))
        return RL_LINK_NONE;
    return seen->dirty.there ? RL_LINK_DIRTY : seen->clean.there ? RL_LINK_CLEAN : RL_LINK_NONE;
}

void
see(int volume, Seen *seen)
{
    g_autofree char *whole = g_strdup_printf(
        "%s/%s%s", pool_path, has_link(volume) ? "volumes/" : "", volume_names[volume]);
    g_autofree char *path = g_path_get_dirname(whole), *leaf = g_path_get_basename(whole);
    rl_autofd int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_autoptr(RlDirIter) entries = dir < 0 ? NULL : rl_dir_iter_open(dir, NULL);
    const char *file;

    memset(seen, 0, sizeof(*seen));
    while (entries && (file = rl_dir_iter_next(entries)))
        add_file(seen, dir, file, leaf);
    /* Another program's file comes and goes without the lock. */
    for (int tries = 0; tries < 5; tries++) {
        seen->link = link_of(volume);
        if (seen->link != RL_LINK_FOREIGN || (seen->foreign = foreign_look(volume)).there)
            break;
    }
}

bool
keeps_content(int volume)
{
    return volume_kinds[volume] == RL_KIND_PERSISTENT || volume_kinds[volume] == RL_KIND_DIRECT;
}

RlKind
seen_kind(const Seen *seen, int volume)
{
    if (!keeps_content(volume))
        return volume_kinds[volume];
    return seen->record ? RL_KIND_DIRECT : RL_KIND_PERSISTENT;
}

bool
seen_exists(const Seen *seen, int volume)
{
    return seen->clean.there || seen->dirty.there || (seen->record && !keeps_content(volume));
}
