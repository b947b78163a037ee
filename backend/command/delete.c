/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "common/operation/delete.h"

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/question.h"
#include "common/base/error.h"
#include "common/format/file-name.h"
#include "common/pool/snapshot-volumes.h"

/* What goes with the volume, for the question: "2 revisions, 1 of them named", owned by the caller.
 */
static char *
describe(const RlCall *call, const RlVolume *volume, GError **error)
{
    g_autoptr(GPtrArray) revisions = rl_revisions_list(volume->dir, volume->name->leaf, error);
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    guint named = 0;

    if (!revisions)
        return NULL;
    for (guint i = 0; i < revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(revisions, i);
        named += revision->label != NULL;
        g_ptr_array_add(names, rl_revision_name(revision, volume->name->volume));
    }
    rl_document_strings(call->document->json, "revisions", names);
    return g_strdup_printf("%u revision%s, %u of them named", revisions->len,
                           revisions->len == 1 ? "" : "s", named);
}

/* Snapshot volumes do not start without it. */
static bool
warn_of_users(const RlCall *call, const char *name, GError **error)
{
    g_autoptr(GPtrArray) users = rl_snapshot_volumes_list(call->pool, name, error);

    if (!users || users->len == 0)
        return users != NULL;
    g_autofree char *names = rl_snapshot_volumes_describe(users);
    rl_document_strings(call->document->json, "users", users);
    rl_call_warn(call,
                 "volume '%s' is the source of the snapshot volume%s %s, which cannot start "
                 "without it",
                 name, users->len == 1 ? "" : "s", names);
    return true;
}

static bool
delete_volume(const RlCall *call, const RlName *name, guint flags, bool yes, bool dry_run,
              GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_find(call->pool, name->volume, error);
    g_autofree char *with = volume ? describe(call, volume, error) : NULL;

    if (!with || !warn_of_users(call, name->volume, error))
        return false;
    if (dry_run) {
        rl_call_say(call, "Volume %s would be deleted, with %s.", name->volume, with);
        return true;
    }
    if (!rl_ask(call, yes, error, "Delete volume %s, with %s?", name->volume, with) ||
        !rl_volume_delete(call->pool, name->volume, flags, error))
        return false;
    rl_call_say(call, "Volume %s is deleted.", name->volume);
    return true;
}

static bool
require_revision(const RlPool *pool, const RlName *name, GError **error)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name->volume, error);
    g_autoptr(GPtrArray) revisions = volume && volume->dir >= 0
                                         ? rl_revisions_list(volume->dir, name->leaf, error)
                                         : rl_revisions_new();

    const RlRevision *revision;

    if (!volume || !revisions || !rl_revisions_find_named(revisions, name, &revision, error))
        return false;
    return revision || rl_fail(error, RL_ERROR_NOT_FOUND, "there is no revision '%s' in pool '%s'",
                               name->text, pool->path);
}

static bool
delete_revision(const RlCall *call, const RlName *name, bool yes, bool dry_run, GError **error)
{
    if (!require_revision(call->pool, name, error))
        return false;
    rl_json_begin_array(call->document->json, "revisions");
    rl_json_string(call->document->json, NULL, name->text);
    rl_json_end(call->document->json);
    if (dry_run) {
        rl_call_say(call, "Revision %s would be deleted.", name->text);
        return true;
    }
    if (!rl_ask(call, yes, error, "Delete revision %s?", name->text) ||
        !rl_revision_delete(call->pool, name, error))
        return false;
    rl_call_say(call, "Revision %s is deleted.", name->text);
    return true;
}

/* The path of an image stands for its volume, as the one that vol-path prints does. Who names the
 * precache, for the space that it takes, does not mean the volume. */
static bool
require_no_precache(const RlCall *call, GError **error)
{
    for (int i = 0; i < call->argc; i++) {
        g_autofree char *base = g_path_get_basename(call->argv[i]);
        if (rl_file_name_parse(base).role == RL_FILE_PRECACHE)
            return rl_fail(error, RL_ERROR_INVALID,
                           "'%s' is a precache, and 'delete' would delete its whole volume. To "
                           "delete the volume, name the volume. To delete the precache alone, "
                           "remove the file while the volume is stopped",
                           call->argv[i]);
    }
    return true;
}

RlExit
rl_command_delete(RlCall *call, GError **error)
{
    gboolean with_named = FALSE, with_users = FALSE, yes = FALSE, dry_run = FALSE;
    const GOptionEntry options[] = {
        {"with-named", 0, 0, G_OPTION_ARG_NONE, &with_named,
         "Delete a volume together with its named revisions", NULL},
        {"with-users", 0, 0, G_OPTION_ARG_NONE, &with_users,
         "Delete a volume although it is the source of snapshot volumes", NULL},
        {"dry-run", 'n', 0, G_OPTION_ARG_NONE, &dry_run, "Say what would be deleted", NULL},
        {"yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Ask no question", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    g_autoptr(RlName) name = rl_name_parse(rl_call_name(call, 0), error);
    if (!name || !require_no_precache(call, error))
        return RL_EXIT_FAILED;
    guint flags = (with_named ? RL_DELETE_NAMED : 0) | (with_users ? RL_DELETE_USED : 0);
    bool done = name->form == RL_NAME_HEAD ? delete_volume(call, name, flags, yes, dry_run, error)
                                           : delete_revision(call, name, yes, dry_run, error);
    call->document->planned = dry_run;
    call->document->changed = done && !dry_run;
    if (done && !dry_run)
        rl_after_space(call);
    return rl_call_done(done);
}
