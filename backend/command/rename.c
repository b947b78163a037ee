/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/rename.h"

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "common/image/short-path.h"

/* A domain that has the volume as a disk names its path. */
static void
warn_of_domain(const RlCall *call, const char *name)
{
    const RlPool *pool = call->pool;
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);

    if (!volume)
        return;
    g_autofree char *path =
        g_build_filename(pool->path, volume->name->dir, volume->dirty_file, NULL);
    g_autofree char *domain = pool->documents->find_domain(path, true, NULL, NULL);
    if (!domain)
        return;
    rl_json_string(call->document->json, "used_by", domain);
    rl_call_warn(call,
                 "domain '%s' has volume '%s' as a disk: change its definition ('virsh edit %s')",
                 domain, name, domain);
}

RlExit
rl_command_rename(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;

    const char *from = rl_call_name(call, 0);
    g_autofree char *to = rl_short_path_strip(rl_call_name(call, 1)); /* as libvirt's clients do */
    rl_json_string(call->document->json, "new", to);
    if (!rl_volume_rename_to(call->pool, from, to, error))
        return RL_EXIT_FAILED;
    call->document->changed = true;
    rl_document_path(call->document, call->pool, to);
    rl_call_say(call, "%s is called %s now.", from, to);
    warn_of_domain(call, from);
    return rl_call_done(rl_after_new(call->pool, to, error));
}
