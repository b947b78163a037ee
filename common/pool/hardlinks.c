/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "hardlinks.h"

#include <string.h>
#include <time.h>

#include "census.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-id.h"
#include "common/fs/inode.h"
#include "common/fs/xattr.h"
#include "qubes-leftover.h"
#include "scan.h"

/* So long it takes to note something, which changes the image's date as well. Where it takes longer
 * the next start notes it again. */
#define NOTING_US (100 * 1000)

static uint64_t
microseconds(struct timespec time)
{
    return (uint64_t) time.tv_sec * G_USEC_PER_SEC + (uint64_t) time.tv_nsec / 1000;
}

/* How many links the clean image and the volume's own revisions account for. */
static nlink_t
own_links(const RlVolume *volume, const GPtrArray *revisions)
{
    nlink_t links = 1;

    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        links += rl_stat_same(&revision->st, &volume->clean.st);
    }
    return links;
}

/* A backup's links stay for long, and no start is to look through the pool again for them. As many
 * links may be others by now; but whoever made one has changed the image's date (st_ctim), which
 * nothing else does often. */
static bool
is_known(const RlVolume *volume)
{
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, NULL);
    uint64_t links, noted_us;

    return fd >= 0 && rl_xattr_get_number(fd, RL_ATTR_LINKS, &links, NULL) &&
           rl_xattr_get_number(fd, RL_ATTR_LINKS_AT, &noted_us, NULL) &&
           links == volume->clean.st.st_nlink &&
           microseconds(volume->clean.st.st_ctim) - noted_us < NOTING_US;
}

static void
note(const RlVolume *volume)
{
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, NULL);
    g_autofree char *id = NULL;
    struct timespec now;

    /* The id that a start would give it would change the date once more. */
    if (fd < 0 || !rl_image_id_ensure(fd, &id, NULL))
        return;
    /* The clock that files are dated by. */
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    rl_xattr_set_number(fd, RL_ATTR_LINKS, volume->clean.st.st_nlink, NULL);
    rl_xattr_set_number(fd, RL_ATTR_LINKS_AT, microseconds(now), NULL);
}

bool
rl_volume_require_unshared(const RlVolume *volume, GError **error)
{
    g_autoptr(GPtrArray) revisions = NULL, listed = NULL;
    g_autofree char *source = NULL;

    if (!volume->clean.there || volume->clean.st.st_nlink == 1)
        return true;
    if (is_known(volume))
        return true;
    if (rl_census_is_unshared(volume)) {
        note(volume);
        return true;
    }
    revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    if (!revisions)
        return false;
    if (own_links(volume, revisions) >= volume->clean.st.st_nlink)
        return true;

    if (!rl_peer_source(volume, &source, error))
        return false;
    if (source)
        return rl_peer_refuse(volume, source, "started", error);
    bool left_running = rl_peer_left_running(volume->pool, volume->name->volume);
    listed = rl_scan(volume->pool, error);
    if (!listed)
        return false;
    /* Others have links from the same backup: they need not look again. */
    rl_census_note(volume->pool, listed);
    for (guint i = 0; i < listed->len; i++) {
        const RlListed *other = g_ptr_array_index(listed, i);
        if (other->clean.there && rl_stat_same(&other->clean.st, &volume->clean.st) &&
            strcmp(other->name, volume->name->volume) != 0 &&
            /* Qubes OS's snapshot of it, which is no reason not to start what it is one of. */
            (left_running || !rl_peer_left_running(volume->pool, other->name)))
            return rl_fail(error, RL_ERROR_STATE,
                           "volumes '%s' and '%s' share one file as their clean image: clone one "
                           "of them and delete the original. If a power failure interrupted a "
                           "renaming, type the same 'virt-reflink rename' again",
                           volume->name->volume, other->name);
    }
    note(volume);
    return true;
}
