/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "model.h"

#include "common/base/autofd.h"
#include "common/fs/dirfd.h"
#include "common/operation/pool-build.h"
#include "common/operation/staged-image.h"
#include "common/pool/volume.h"
#include "xml/documents.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

RlPool *
rl_model_pool(const char *path, GError **error)
{
    return rl_pool_open(path, rl_xml_documents(), error);
}

bool
rl_model_build(const char *path, int keep, GError **error)
{
    g_autoptr(RlOptions) options = rl_options_new();
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};

    options->keep.newest = keep;
    return rl_pool_build(path, options, &access, rl_xml_documents(), error);
}

static bool
date_back(const RlPool *pool, const char *name, GError **error)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {time(NULL) - 60, 123456789}};
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);

    if (!volume)
        return false;
    /* Durably: a clean image that has another date after a power cut is one that was edited. */
    rl_autofd int fd = rl_volume_open_image(volume, volume->clean_file, error);
    return fd >= 0 && ((futimens(fd, times) == 0 && fsync(fd) == 0) ||
                       rl_fail_errno(error, errno, "cannot date '%s'", name));
}

bool
rl_model_create(const char *pool_path, const char *name, RlKind kind, const char *source,
                uint64_t tag, uint64_t size, GError **error)
{
    g_autoptr(RlPool) pool = rl_model_pool(pool_path, error);
    RlPool *drafts = pool ? rl_model_pool(pool_path, error) : NULL;
    RlAccess access = RL_ACCESS_DEFAULT;
    g_autoptr(RlStagedImage) draft = drafts ? rl_staged_new(drafts, name, &access, error) : NULL;
    g_autoptr(RlRecord) record =
        kind == RL_KIND_PERSISTENT ? NULL : rl_record_new(kind, source, size);
    bool has_content = kind == RL_KIND_PERSISTENT || kind == RL_KIND_DIRECT;

    return draft && (!has_content || rl_model_write(draft->fd, size, tag, error)) &&
           rl_staged_create(draft, record, size, error) &&
           (!has_content || date_back(pool, name, error));
}

bool
rl_model_fill(const RlPool *pool, const char *name, uint64_t tag, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, error);
    rl_autofd int fd =
        volume ? rl_dirfd_open_file(volume->dir, volume->dirty_file, O_RDWR, error) : -1;

    return fd >= 0 && rl_model_write(fd, (uint64_t) volume->dirty.st.st_size, tag, error);
}
