/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "common/base/error.h"
#include "common/operation/clone.h"

/* "VOLUME@REVISION", from that or from VOLUME and REVISION, owned by the caller; NULL for neither.
 */
static char *
join(const char *volume, const char *revision)
{
    if (!revision)
        return strchr(volume, '@') ? g_strdup(volume) : NULL;
    if (strchr(volume, '@'))
        return NULL;
    return strchr(revision, '@') ? g_strdup(revision) : g_strdup_printf("%s@%s", volume, revision);
}

/* @from is what @volume goes back to: its own, as another volume's content is none of its states.
 */
static bool
require_own(const RlName *from, const char *volume, GError **error)
{
    if (strcmp(from->volume, volume) != 0)
        return rl_fail(error, RL_ERROR_INVALID, "'%s' is not a revision of volume '%s'", from->text,
                       volume);
    return true;
}

RlExit
rl_command_revert(RlCall *call, GError **error)
{
    if (!rl_call_begin(call, NULL, error))
        return call->exit;

    const char *first = rl_call_name(call, 0);
    g_autofree char *from = join(first, rl_call_name(call, 1));
    if (!from)
        return rl_call_misused(
            call, "revert: the revision is missing: type VOLUME REVISION or VOLUME@REVISION");
    g_autoptr(RlName) name = rl_name_parse(from, error);
    if (!name || (rl_call_name(call, 1) && !require_own(name, first, error)))
        return RL_EXIT_FAILED;
    g_autofree char *to = g_strconcat(name->volume, "@current", NULL);
    g_autoptr(RlStagedImage) draft = rl_clone_make(g_steal_pointer(&call->pool), to, from, error);
    if (!draft)
        return RL_EXIT_FAILED;
    call->document->changed = true;
    rl_json_string(call->document->json, "from", from);
    rl_json_number(call->document->json, "revision", draft->revision);
    rl_call_say(call,
                "%s has the content of %s. Its former content is revision %" G_GUINT64_FORMAT ".",
                name->volume, from, draft->revision);
    return rl_call_done(rl_after_change(draft->pool, name->volume, false, error));
}
