/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qubes-adopt.h"

#include "common/fs/tmpfile.h"
#include "temporary-files.h"
#include "volume-path.h"

static bool
write_record(const RlVolume *volume, RlKind kind, const char *source, uint64_t capacity,
             GError **error)
{
    g_autoptr(RlRecord) record = rl_record_new(kind, source, capacity);
    g_autofree char *text = volume->pool->documents->record_format(record, volume->name->volume);

    if (!rl_tmpfile_write(volume->dir, volume->record_file, text, 0600, error))
        return false;
    rl_volume_log(volume, "made %s", volume->record_file);
    return true;
}

bool
rl_peer_make_snapshot(const RlVolume *volume, const char *source, GError **error)
{
    rl_volume_path_remove(volume);
    return write_record(volume, RL_KIND_SNAPSHOT, source, 0, error) &&
           rl_file_drop(volume, volume->clean_file, error) && rl_volume_sync(volume, error) &&
           rl_dirty_drop(volume, error);
}

bool
rl_peer_make_direct(RlVolume *volume, GError **error)
{
    const char *name = volume->name->volume;

    if (volume->record || volume->clean.there || !volume->dirty.there ||
        rl_options_kind(volume->pool->options, name) != RL_KIND_DIRECT)
        return true;
    return write_record(volume, RL_KIND_DIRECT, NULL, (uint64_t) volume->dirty.st.st_size, error) &&
           rl_volume_refresh(volume, error);
}
