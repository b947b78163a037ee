/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "clone-source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "module.h"
#include "rights.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/image/content.h"
#include "common/operation/clone.h"
#include "xml/documents.h"

bool
rl_clone_source_pool(const virStorageVolDef *vol, RlPool **ret_pool, GError **error)
{
    g_autofree char *root = NULL, *inside = NULL, *file = NULL;

    *ret_pool = NULL;
    /* The key of a volume is the path of its dirty image, whatever its path is. */
    if (vol->type != VIR_STORAGE_VOL_FILE || !vol->target.path || !vol->key)
        return true;
    /* Cheap to say no to what has none of our file names, before any directory is looked at. */
    file = g_path_get_basename(vol->key);
    RlFileRole role = rl_file_name_parse(file).role;
    if (role != RL_FILE_DIRTY && role != RL_FILE_REVISION && role != RL_FILE_LABEL)
        return true;
    if (vol->key[0] != '/')
        return true;
    if (!rl_pool_find(vol->key, &root, &inside, error))
        return false;
    if (!root)
        return true;
    *ret_pool = rl_pool_open_to_look(root, rl_xml_documents(), error);
    return *ret_pool != NULL;
}

static int
open_foreign(const virStorageVolDef *input, GError **error)
{
    struct stat st;

    if (input->target.format != VIR_STORAGE_FILE_RAW &&
        input->target.format != VIR_STORAGE_FILE_NONE) {
        rl_fail(error, RL_ERROR_UNSUPPORTED,
                "volume '%s' has the format '%s': a reflink pool accepts raw volumes only",
                input->name, NULLSTR(virStorageFileFormatTypeToString(input->target.format)));
        return -1;
    }
    if (!input->target.path) {
        rl_fail(error, RL_ERROR_UNSUPPORTED, "volume '%s' is not on this machine", input->name);
        return -1;
    }
    rl_autofd int fd = open(input->target.path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0) {
        rl_fail_errno(error, errno, "cannot open volume '%s' (%s)", input->name,
                      input->target.path);
        return -1;
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        rl_fail(error, RL_ERROR_UNSUPPORTED, "volume '%s' is neither a file nor a block device",
                input->name);
        return -1;
    }
    return rl_fd_steal(&fd);
}

int
rl_clone_source_open(RlStagedImage *draft, const virStorageVolDef *input, bool *ret_same_pool,
                     GError **error)
{
    g_autoptr(RlPool) pool = NULL;

    if (!rl_clone_source_pool(input, &pool, error))
        return -1;
    *ret_same_pool = pool && pool->dev == draft->pool->dev && pool->ino == draft->pool->ino;
    if (!rl_clone_require_fit(draft, *ret_same_pool ? input->name : NULL, error))
        return -1;
    return pool ? rl_clone_open(draft, pool, input->name, error) : open_foreign(input, error);
}

/* What the stock function is to open, owned by the caller. It follows links and waits for fifos, so
 * it gets the image that is open as @fd. qemu-img, which it runs to make another format, could not
 * open that. */
static char *
path_for_stock(const RlPool *pool, const virStorageVolDef *vol, const virStorageVolDef *input,
               int fd, GError **error)
{
    if ((vol->type != VIR_STORAGE_VOL_FILE || vol->target.format == VIR_STORAGE_FILE_RAW ||
         vol->target.format == VIR_STORAGE_FILE_NONE) &&
        !vol->target.encryption)
        return g_strdup_printf("/proc/self/fd/%d", fd);

    g_autofree char *file = rl_content_path(pool, input->name, false, error);
    return file ? g_build_filename(pool->path, file, NULL) : NULL;
}

int
rl_clone_source_build_stock(virStorageBackendBuildVolFrom build, virStoragePoolObj *obj,
                            virStorageVolDef *vol, virStorageVolDef *input, unsigned int flags)
{
    g_autoptr(RlPool) pool = NULL;
    GError *error = NULL;

    if (!rl_clone_source_pool(input, &pool, &error))
        return rl_report(error);
    if (!pool)
        return build(obj, vol, input, flags);
    if (rl_rights_require_source(obj, input) < 0)
        return -1;

    rl_autofd int fd = rl_content_require_whole(pool, input->name, &error)
                           ? rl_content_open(pool, input->name, false, &error)
                           : -1;
    g_autofree char *path = fd < 0 ? NULL : path_for_stock(pool, vol, input, fd, &error);
    if (!path)
        return rl_report(error);
    virStorageVolDef clean = *input;
    clean.target.path = path;
    clean.target.backingStore = NULL;
    return build(obj, vol, &clean, flags);
}
