/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "models-user.h"

#include <sys/stat.h>

#include "common/fs/path-writers.h"

#define MODELS_DIR "/var/lib/libvirt/qemu"

bool
rl_models_user_can_change(const char *path)
{
    g_auto(RlWriter) writer = {0};
    struct stat st;

    if (stat(MODELS_DIR, &st) < 0 || st.st_uid == 0)
        return false;
    rl_writer_set_user(&writer, st.st_uid);
    return rl_path_can_be_changed(path, &writer);
}
