/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "operations.h"

#include "common/base/autofd.h"
#include "common/image/content.h"
#include "common/operation/maintenance.h"
#include "common/operation/pool-build.h"
#include "common/operation/staged-image.h"
#include "xml/documents.h"

#include <fcntl.h>
#include <time.h>

RlPool *
pool_of(const char *work, GError **error)
{
    g_autofree char *path = g_build_filename(work, "pool", NULL);

    fault_pause();
    RlPool *pool = rl_model_pool(path, error);
    fault_resume();
    return pool;
}

char *
file_of(const char *work, const char *name, RlFileRole role)
{
    g_autoptr(RlName) parsed = rl_name_parse(name, NULL);
    g_autofree char *file = rl_file_name(parsed->leaf, role);

    return g_build_filename(work, "pool", parsed->dir, file, NULL);
}

bool
pools_copy(void)
{
    return g_strcmp0(g_getenv("FS"), "ext4") == 0;
}

bool
build_at(const char *path, GError **error)
{
    g_autoptr(RlOptions) options = rl_options_new();
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};

    options->keep = 3;
    options->fallback_copy = pools_copy();
    return rl_pool_build(path, options, &access, rl_xml_documents(), error);
}

bool
build(const char *work, GError **error)
{
    g_autofree char *path = g_build_filename(work, "pool", NULL);
    g_autofree char *outside = g_build_filename(work, "outside", NULL);

    return build_at(path, error) && g_mkdir_with_parents(outside, 0755) == 0;
}

bool
make(const char *work, const char *name, RlKind kind, GError **error)
{
    g_autofree char *path = g_build_filename(work, "pool", NULL);

    return rl_model_create(path, name, kind, kind == RL_KIND_SNAPSHOT ? V : NULL, 1, SIZE, error);
}

bool
start_for(const char *work, const char *name, const RlDomainRef *owner, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    g_autoptr(RlStarted) started = pool ? rl_volume_start(pool, name, owner, 0, error) : NULL;

    return started != NULL;
}

bool
fill(const char *work, const char *name, uint64_t tag, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_model_fill(pool, name, tag, error);
}

bool
stop_for(const char *work, const char *name, const RlDomainRef *owner, RlStop wanted,
         GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    RlStop stop;

    if (!pool || !rl_volume_stop(pool, name, owner, &stop, error))
        return false;
    return stop == wanted ||
           rl_fail(error, RL_ERROR_STATE, "the stop came to %d, not %d", stop, wanted);
}

bool
maintain(const char *work, const char *name, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);

    return pool && rl_volume_maintain(pool, name, true, error);
}

static bool
run_once(const char *work, const char *name, uint64_t tag, GError **error)
{
    return start_for(work, name, &alice, error) && fill(work, name, tag, error) &&
           stop_for(work, name, &alice, RL_STOP_COMMITTED, error);
}

static bool
label(const char *work, const char *name, GError **error)
{
    g_autoptr(RlPool) pool = pool_of(work, error);
    RlPool *own = pool_of(work, error);
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) draft = rl_staged_new(own, name, &access, error);
    rl_autofd int from = draft ? rl_content_open(pool, draft->name->volume, true, error) : -1;

    return from >= 0 && rl_staged_fill(draft, from, 0, own->options->fallback_copy, error) &&
           rl_staged_label(draft, error);
}

bool
make_private(const char *work, GError **error)
{
    g_autofree char *clean = file_of(work, V, RL_FILE_CLEAN);

    if (!build(work, error) || !make(work, V, RL_KIND_PERSISTENT, error) ||
        !run_once(work, V, 2, error) || !run_once(work, V, 3, error) ||
        !label(work, V "@named", error))
        return false;
    set_mtime(clean, time(NULL) - 60, 123456789);
    return true;
}

bool
make_old(const char *work, const char *name, GError **error)
{
    g_autofree char *path = file_of(work, name, RL_FILE_DIRTY);
    g_autoptr(RlImageOwner) run = NULL;
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || !rl_image_owner_get(fd, &run, error) || !run)
        return rl_fail(error, RL_ERROR_INVALID, "'%s' has no run", path);
    g_free(run->boot_id);
    run->boot_id = g_strdup("an earlier one");
    return rl_image_owner_put_back(fd, run, error);
}
