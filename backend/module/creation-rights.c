/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "creation-rights.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/fs/file-error.h"
#include "common/pool/census.h"
#include "module.h"

int
rl_rights_require_name(const virStoragePoolDef *pool, const char *text, const char *asked)
{
    g_autoptr(RlName) name = rl_name_parse(text, NULL);

    if (!name)
        return 0;
    if (name->form == RL_NAME_CURRENT)
        return rl_rights_require(pool, name->volume, RL_RIGHT_WRITE);
    return strcmp(text, asked) == 0 ? 0 : rl_rights_require(pool, text, RL_RIGHT_CREATE);
}

static bool
changes_kind(const RlStagedImage *draft, bool *ret_changes, GError **error)
{
    *ret_changes = false;
    if (!draft->asked.given)
        return true;
    g_autoptr(RlVolume) volume = rl_volume_find(draft->pool, draft->name->volume, error);
    if (!volume)
        return false;
    *ret_changes = volume->kind != draft->asked.kind;
    return true;
}

static bool
find_changes(const RlStagedImage *draft, bool *ret_size, bool *ret_kind, GError **error)
{
    struct stat st;

    if (fstat(draft->fd, &st) < 0)
        return rl_fail_file(error, errno, draft->fd, "cannot examine");
    *ret_size = st.st_size != draft->replaced.st_size;
    return changes_kind(draft, ret_kind, error);
}

int
rl_rights_require_replacement(const virStoragePoolDef *pool, const RlStagedImage *draft)
{
    const char *volume = draft->name->volume;
    bool size = false, kind = false;
    GError *error = NULL;

    if (draft->name->form != RL_NAME_CURRENT)
        return 0;
    if (!find_changes(draft, &size, &kind, &error))
        return rl_report_about(error, draft->name->text);
    if (size && rl_rights_require(pool, volume, RL_RIGHT_RESIZE) < 0)
        return -1;
    if (kind && (rl_rights_require(pool, volume, RL_RIGHT_DELETE) < 0 ||
                 rl_rights_require(pool, volume, RL_RIGHT_CREATE) < 0))
        return -1;
    return 0;
}

/* What was noted of snapshots may have changed since. Who cannot be looked at may be one. */
static bool
may_use(const RlPool *pool, const char *name, const char *source)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_find(pool, name, &error);

    if (!volume)
        return !g_error_matches(error, RL_ERROR, RL_ERROR_NOT_FOUND);
    return volume->record && g_strcmp0(volume->record->source, source) == 0;
}

int
rl_rights_require_users(const virStoragePoolDef *pool, const RlStagedImage *draft)
{
    const char *name = draft->name->volume;

    if (draft->name->form != RL_NAME_HEAD)
        return 0;
    g_autoptr(GPtrArray) users = rl_census_snapshots(draft->pool, name);
    for (guint i = 0; i < users->len; i++) {
        const char *user = g_ptr_array_index(users, i);
        if (may_use(draft->pool, user, name) && rl_rights_require(pool, user, RL_RIGHT_WRITE) < 0)
            return -1;
    }
    return 0;
}
