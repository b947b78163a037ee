/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Content as a stream. */
#include "module.h"

#include <fcntl.h>

#include "virerror.h"
#include "virfdstream.h"

#include "common/base/autofd.h"
#include "common/image/content.h"
#include "common/operation/upload.h"
#include "upload-stream.h"

#define VIR_FROM_THIS VIR_FROM_STORAGE

int
rl_vol_upload_cb(virStoragePoolObj *obj, virStorageVolDef *vol, virStreamPtr stream,
                 unsigned long long offset, unsigned long long length, unsigned int flags)
{
    GError *error = NULL;

    int ours = rl_is_reflink(obj);
    if (ours <= 0)
        return ours < 0 ? -1 : rl_stock()->uploadVol(obj, vol, stream, offset, length, flags);
    virCheckFlags(VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM, -1);

    RlPool *pool = rl_open_pool(obj);
    RlStagedImage *draft = pool ? rl_upload_begin(pool, vol->name, &error) : NULL;
    if (!draft)
        return error ? rl_report_about(error, vol->name) : -1;
    return rl_upload_stream_start(stream, draft, offset, length);
}

/* The last committed state: the stream has the image open, so a commit that renames it away changes
 * nothing. */
int
rl_vol_download_cb(virStoragePoolObj *obj, virStorageVolDef *vol, virStreamPtr stream,
                   unsigned long long offset, unsigned long long length, unsigned int flags)
{
    g_autoptr(RlPool) pool = NULL;
    GError *error = NULL;

    int ours = rl_is_reflink(obj);
    if (ours <= 0)
        return ours < 0 ? -1 : rl_stock()->downloadVol(obj, vol, stream, offset, length, flags);
    virCheckFlags(VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM, -1);

    pool = rl_open_pool_to_look(obj);
    if (!pool)
        return -1;
    rl_autofd int fd = rl_content_open(pool, vol->name, false, &error);
    if (fd < 0)
        return rl_report(error);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    return virFDStreamOpenBlockDevice(stream, path, offset, length,
                                      flags & VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM, O_RDONLY);
}
