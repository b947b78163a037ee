/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "adoption.h"
#include "common/fs/inode.h"

static void G_GNUC_PRINTF(2, 3) add(GPtrArray *lines, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(lines, g_strdup_vprintf(format, args));
    va_end(args);
}

/* Of which volume the clean image of @file is a hard link: of its clean image or of a revision;
 * borrowed, NULL where it is none's. */
static const RlAdoptFile *
find_linked(const RlAdoption *adoption, const RlAdoptFile *file)
{
    for (guint i = 0; file->st.st_nlink > 1 && i < adoption->files->len; i++) {
        const RlAdoptFile *other = g_ptr_array_index(adoption->files, i);
        bool is_image = other->what == RL_ADOPT_KEPT &&
                        (other->role == RL_FILE_CLEAN || other->role == RL_FILE_REVISION);
        if (is_image && strcmp(other->volume, file->volume) != 0 &&
            rl_stat_same(&other->st, &file->st))
            return other;
    }
    return NULL;
}

static bool
is_wished(const RlAdoption *adoption, const char *volume)
{
    for (guint i = 0; i < adoption->wishes->len; i++)
        if (strcmp(((const RlAdoptWish *) g_ptr_array_index(adoption->wishes, i))->volume,
                   volume) == 0)
            return true;
    return false;
}

/* The driver has no records, and at rest its snapshot and volatile volumes have no file at all. One
 * that ran when the host crashed has a dirty image: a snapshot volume beside a hard link. */
static void
look_at_dirty(RlAdoption *adoption, const RlAdoptFile *dirty)
{
    const char *name = dirty->volume;
    const RlAdoptFile *clean = rl_adopt_find(adoption->files, name, RL_FILE_CLEAN);
    const RlAdoptFile *source = clean ? find_linked(adoption, clean) : NULL;

    if (rl_adopt_find(adoption->files, name, RL_FILE_RECORD) || is_wished(adoption, name))
        return;
    if (source && source->role == RL_FILE_CLEAN &&
        rl_adopt_find(adoption->files, source->volume, RL_FILE_DIRTY))
        add(adoption->hints,
            "'%s' and '%s' have the same clean image, and both have a dirty image: it is "
            "unknown which of them was left as a running snapshot of the other.",
            name, source->volume);
    else if (source)
        add(adoption->hints,
            "'%s' was left as a running snapshot of '%s', of which its clean image is a hard link. "
            "--snapshot %s=%s drops what was written to it, and makes it a snapshot volume.",
            name, source->volume, name, source->volume);
    else if (clean)
        add(adoption->hints,
            "'%s' was left with a dirty image: 'virt-reflink continue' or 'discard' decides about "
            "it afterwards.",
            name);
    else
        add(adoption->hints,
            "'%s' has a dirty image only. --volatile %s says that it was volatile, --snapshot "
            "%s=SOURCE that it was a snapshot: then 'virt-reflink discard' drops the image "
            "afterwards. Without them 'virt-reflink check' says what to do.",
            name, name, name);
}

static void
look_at_snapshot(RlAdoption *adoption, const RlAdoptWish *wish)
{
    const RlAdoptFile *clean = rl_adopt_find(adoption->files, wish->volume, RL_FILE_CLEAN);
    const RlAdoptFile *dirty = rl_adopt_find(adoption->files, wish->volume, RL_FILE_DIRTY);
    const RlAdoptFile *source = clean ? find_linked(adoption, clean) : NULL;

    if (!rl_adopt_find(adoption->files, wish->source, RL_FILE_CLEAN))
        add(adoption->obstacles,
            "'%s' cannot become a snapshot of '%s': there is no such volume with a clean image",
            wish->volume, wish->source);
    else if (clean && !(dirty && source && strcmp(source->volume, wish->source) == 0))
        add(adoption->obstacles,
            "'%s' cannot become a snapshot of '%s': it has a clean image of its own. Delete or "
            "rename '%s' first",
            wish->volume, wish->source, clean->path);
}

static void
look_at_volatile(RlAdoption *adoption, const RlAdoptWish *wish)
{
    const RlAdoptFile *clean = rl_adopt_find(adoption->files, wish->volume, RL_FILE_CLEAN);

    if (clean)
        add(adoption->obstacles,
            "'%s' cannot become volatile: it has a clean image. Delete or rename '%s' first",
            wish->volume, clean->path);
    else if (wish->capacity == 0 && !rl_adopt_find(adoption->files, wish->volume, RL_FILE_DIRTY) &&
             !rl_adopt_find(adoption->files, wish->volume, RL_FILE_RECORD))
        add(adoption->obstacles,
            "no image tells the size of '%s'. Type its size as well: --volatile %s=SIZE",
            wish->volume, wish->volume);
}

void
rl_adoption_look_at_wishes(RlAdoption *adoption)
{
    for (guint i = 0; i < adoption->wishes->len; i++) {
        const RlAdoptWish *wish = g_ptr_array_index(adoption->wishes, i);
        g_autoptr(GError) cause = NULL;
        g_autoptr(RlName) name = rl_name_parse_volume(wish->volume, &cause);
        if (!name)
            add(adoption->obstacles, "there can be no volume '%s': %s", wish->volume,
                cause->message);
        else if (wish->source)
            look_at_snapshot(adoption, wish);
        else
            look_at_volatile(adoption, wish);
    }
    for (guint i = 0; !adoption->is_pool && i < adoption->files->len; i++) {
        const RlAdoptFile *file = g_ptr_array_index(adoption->files, i);
        if (file->what == RL_ADOPT_KEPT && file->role == RL_FILE_DIRTY)
            look_at_dirty(adoption, file);
    }
}
