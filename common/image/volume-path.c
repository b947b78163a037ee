/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume-path.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/file-name.h"
#include "common/format/volume-name.h"

#define IMAGE_SUFFIX ".img"

/* The two names that a volume can have in the pool's directory. */
typedef struct {
    char *inside[2];
    RlLink found[2];
} Links;

static void
links_clear(Links *links)
{
    g_free(links->inside[0]);
    g_free(links->inside[1]);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Links, links_clear)

static Links
look(const RlPool *pool, const char *leaf)
{
    Links links = {.inside = {g_strdup(leaf), g_strconcat(leaf, IMAGE_SUFFIX, NULL)}};

    for (int i = 0; i < 2; i++)
        links.found[i] = rl_path_link_look(pool, links.inside[i], leaf);
    return links;
}

static bool
is_ours(RlLink link)
{
    return link == RL_LINK_CLEAN || link == RL_LINK_DIRTY;
}

static bool
has_links(const RlVolume *volume)
{
    return rl_pool_has_links(volume->pool, volume->name->dir);
}

/* libvirt takes an empty file for one that is not there, and would make an overlay of it that is to
 * get that name: of a snapshot of another volume (short-path.h). */
static bool
may_lead_to(const RlImage *image)
{
    return image->there && image->st.st_size > 0;
}

static RlLink
wanted(const RlVolume *volume)
{
    if (volume->dirty.there)
        return may_lead_to(&volume->dirty) ? RL_LINK_DIRTY : RL_LINK_NONE;
    return may_lead_to(&volume->clean) ? RL_LINK_CLEAN : RL_LINK_NONE;
}

char *
rl_volume_path_inside(const RlPool *pool, const char *dir, const char *leaf)
{
    if (!rl_pool_has_links(pool, dir))
        return NULL;
    g_auto(Links) links = look(pool, leaf);
    for (int i = 0; i < 2; i++)
        if (is_ours(links.found[i]))
            return g_steal_pointer(&links.inside[i]);
    return links.found[0] == RL_LINK_NONE ? g_steal_pointer(&links.inside[0]) : NULL;
}

char *
rl_volume_path(const RlPool *pool, const char *dir, const char *leaf)
{
    g_autofree char *inside = rl_volume_path_inside(pool, dir, leaf);
    g_autofree char *file = rl_file_name(leaf, RL_FILE_DIRTY);

    return inside ? g_build_filename(pool->path, inside, NULL)
                  : g_build_filename(pool->path, dir, file, NULL);
}

bool
rl_volume_path_is_settled(const RlVolume *volume)
{
    if (!has_links(volume))
        return true;
    RlLink to = wanted(volume);
    g_auto(Links) links = look(volume->pool, volume->name->leaf);
    bool any = is_ours(links.found[0]) || is_ours(links.found[1]);
    for (int i = 0; i < 2; i++)
        if (is_ours(links.found[i]) && links.found[i] != to)
            return false;
    return any || to == RL_LINK_NONE || links.found[0] == RL_LINK_FOREIGN;
}

/* Of each link that is there, or, for a volume that has none, of the first. */
static bool
settle(const RlVolume *volume, const Links *links, RlLink to, GError **error)
{
    const char *leaf = volume->name->leaf;
    bool any = false;

    for (int i = 0; i < 2; i++) {
        if (!is_ours(links->found[i]))
            continue;
        any = true;
        if (!(to == RL_LINK_NONE
                  ? rl_path_link_remove(volume->pool, links->inside[i], leaf, error)
                  : rl_path_link_turn(volume->pool, links->inside[i], leaf, to, error)))
            return false;
    }
    return any || to == RL_LINK_NONE ||
           rl_path_link_turn(volume->pool, links->inside[0], leaf, to, error);
}

bool
rl_volume_path_settle(const RlVolume *volume, GError **error)
{
    if (!has_links(volume))
        return true;
    g_auto(Links) links = look(volume->pool, volume->name->leaf);
    return settle(volume, &links, wanted(volume), error);
}

static void
warn(const RlVolume *volume, const GError *cause)
{
    rl_log_warning(
        "%s. Until this is corrected, the path of the volume in pool '%s' does not lead to "
        "the volume",
        cause->message, volume->pool->path);
}

void
rl_volume_path_settle_anew(const RlPool *pool, const char *name)
{
    g_autoptr(RlVolume) volume =
        pool->options->path_links ? rl_volume_open(pool, name, NULL) : NULL;
    g_autoptr(GError) cause = NULL;

    if (volume && !rl_volume_path_settle(volume, &cause))
        warn(volume, cause);
}

void
rl_volume_path_begin(const RlVolume *volume, const char *inside)
{
    const char *leaf = volume->name->leaf;
    RlImage clean = {0};
    g_autoptr(GError) cause = NULL;

    if (!has_links(volume))
        return;
    clean.there = fstatat(volume->dir, volume->clean_file, &clean.st, AT_SYMLINK_NOFOLLOW) == 0;
    if (may_lead_to(&clean) &&
        !rl_path_link_turn(volume->pool, inside ? inside : leaf, leaf, RL_LINK_CLEAN, &cause))
        warn(volume, cause);
}

/* A link that cannot be turned, for want of space, goes: it is not to dangle. */
static void
let_go(const RlVolume *volume, const char *inside, bool to_clean)
{
    const char *leaf = volume->name->leaf;
    g_autoptr(GError) cause = NULL;

    if (to_clean && rl_path_link_turn(volume->pool, inside, leaf, RL_LINK_CLEAN, NULL))
        return;
    if (!rl_path_link_remove(volume->pool, inside, leaf, &cause))
        warn(volume, cause);
}

void
rl_volume_path_let_go(const RlVolume *volume)
{
    if (!has_links(volume))
        return;
    g_auto(Links) links = look(volume->pool, volume->name->leaf);
    for (int i = 0; i < 2; i++)
        if (links.found[i] == RL_LINK_DIRTY)
            let_go(volume, links.inside[i], may_lead_to(&volume->clean));
}

void
rl_volume_path_remove(const RlVolume *volume)
{
    if (!has_links(volume))
        return;
    g_auto(Links) links = look(volume->pool, volume->name->leaf);
    for (int i = 0; i < 2; i++)
        if (is_ours(links.found[i]))
            let_go(volume, links.inside[i], false);
}
