/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a person does to a volume: start, stop, continue, discard. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/image/short-path.h"
#include "common/image/write-witness.h"
#include "common/operation/maintenance.h"
#include "common/operation/save.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "common/pool/writers.h"

/* The same for every call: whoever starts a volume by hand may start it again, and no domain of
 * libvirt's has it. */
static const RlDomainRef by_hand = {
    .driver = RL_OWNER_BY_HAND,
    .uuid = "00000000-0000-0000-0000-000000000000",
    .name = "started by hand",
};

static char *
dirty_path(const RlPool *pool, const char *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    return volume ? g_build_filename(pool->path, volume->name->dir, volume->dirty_file, NULL)
                  : NULL;
}

/* Before anybody writes to the image. */
static void
call_witness(const RlPool *pool, const char *name)
{
    g_autofree char *key = rl_witness_key_by_hand(pool, name);
    g_autoptr(GArray) images = rl_witness_new();

    rl_witness_add(images, pool, name);
    rl_witness_begin(key, &by_hand, images);
}

/* The key of the domain whose run is on the volume, owned by the caller; NULL where it is none's.
 */
static char *
domain_key(const RlPool *pool, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, NULL);
    rl_autofd int fd = volume ? rl_volume_open_image(volume, volume->dirty_file, NULL) : -1;
    g_autoptr(RlImageOwner) run = NULL;

    if (fd >= 0 && rl_image_owner_get(fd, &run, NULL) && run &&
        strcmp(run->driver, RL_OWNER_BY_HAND) != 0)
        return g_strdup(run->uuid);
    return NULL;
}

static bool
ask(const char *key, const RlPool *pool, const char *name, GError **error)
{
    return rl_witness_ask(key, NULL, error) && rl_witness_pass_on(key, NULL, pool, name, error);
}

/* Who saw the run on the volume from its beginning: a domain that has the volume now may have been
 * given what an administrator started. */
static bool
ask_all(const char *by_hand_key, const char *domain, const RlPool *pool, const char *name,
        GError **error)
{
    return ask(by_hand_key, pool, name, error) && (!domain || ask(domain, pool, name, error));
}

bool
rl_command_start(const RlPool *pool, const char *name, GError **error)
{
    g_autofree char *key = rl_witness_key_by_hand(pool, name), *domain = domain_key(pool, name);

    /* Of a run that nobody ended. */
    if (!ask_all(key, domain, pool, name, error))
        return false;
    g_autoptr(RlStarted) started = rl_volume_start(pool, name, &by_hand, 0, error);
    g_autofree char *path = started ? dirty_path(pool, name, error) : NULL;

    if (!path)
        return false;
    call_witness(pool, name);
    printf("%s is started%s: %s\nStop it with 'virt-reflink stop'.\n", name,
           started->continued ? ", and continues with its leftover dirty image" : "", path);
    return true;
}

bool
rl_command_stop(const RlPool *pool, const char *name, GError **error)
{
    static const char *const outcomes[] = {
        [RL_STOP_NOTHING] = "has no dirty image: nothing to do",
        [RL_STOP_NOT_OWNED] = "was not stopped: another domain owns its dirty image",
        [RL_STOP_HELD] =
            "is left unchanged because it is saved or suspect; use 'continue' or 'discard'",
        [RL_STOP_COMMITTED] = "is committed, and the former clean image is a revision",
        [RL_STOP_UNWRITTEN] = "is stopped; nothing was written, so there is no new revision",
        [RL_STOP_DROPPED] = "is stopped; its dirty image is dropped",
        [RL_STOP_RETURNED] = "is stopped; its image is renamed to the clean image",
    };
    g_autofree char *key = rl_witness_key_by_hand(pool, name), *domain = domain_key(pool, name);
    RlStop stop;

    if (!ask_all(key, domain, pool, name, error) ||
        !rl_volume_stop(pool, name, NULL, &stop, error)) {
        rl_clean_name_writer(pool, name, error);
        return false;
    }
    rl_witness_dismiss(key, false);
    if (domain)
        rl_witness_dismiss(domain, false);
    if (stop == RL_STOP_HELD)
        return rl_fail(error, RL_ERROR_STATE, "volume '%s' %s", name, outcomes[stop]);
    rl_short_path_tidy(pool, name);
    printf("%s %s.\n", name, outcomes[stop]);
    fflush(stdout); /* what follows may take a while */
    return rl_volume_maintain(pool, name, stop == RL_STOP_COMMITTED, error);
}

bool
rl_command_continue(const RlPool *pool, const char *name, GError **error)
{
    if (!rl_volume_continue(pool, name, error))
        return false;
    printf("%s keeps its dirty image. The next start continues with it, without saved memory.\n",
           name);
    return true;
}

bool
rl_command_discard(const RlPool *pool, const char *name, GError **error)
{
    if (!rl_volume_discard(pool, name, error))
        return false;
    rl_short_path_tidy(pool, name);
    printf("The dirty image of %s is dropped. Its clean image and revisions are unchanged.\n",
           name);
    return rl_volume_maintain(pool, name, false, error);
}
