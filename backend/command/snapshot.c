/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/image-path.h"
#include "backend/run/freeze.h"
#include "backend/run/volume-domain.h"
#include "common/base/error.h"
#include "common/operation/clone.h"
#include "xml/definitions.h"

/* How the guest is kept from writing meanwhile. */
typedef struct {
    bool wanted;
    RlFreeze *freeze; /* NULL for a volume that is stopped: no guest writes to it */
    int count;        /* of its file systems */
    bool failed;      /* they may be frozen still */
} Quiet;

/* The image may be another domain's disk than that of the one whose run is noted: no hook was
 * called since. Then the guest of the other one is to be frozen. */
static bool
find_and_freeze(const RlPool *pool, const char *name, const RlImageOwner *run, Quiet *quiet,
                GError **error)
{
    g_auto(RlVolumeDomain) domain = {0};
    g_autofree char *image = rl_image_path(pool, name, error);

    if (!image)
        return false;
    if (run && rl_xml_definitions_has_let_go(image, run->uuid))
        run = NULL;
    return rl_volume_domain_find(pool, name, run, &domain, error) &&
           (quiet->freeze = rl_freeze_begin(domain.uuid, domain.driver, &quiet->count, error));
}

/* What was asked for, or nothing: the revision would not be what it seems to be. */
static bool
quiesce(const RlPool *pool, const char *name, Quiet *quiet, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;
    g_autoptr(GError) cause = NULL;
    bool dirty;

    if (!rl_volume_domain_run(pool, name, &run, &dirty, error))
        return false;
    if (!dirty || find_and_freeze(pool, name, run, quiet, &cause))
        return true;
    return rl_fail(error, RL_ERROR_STATE,
                   "no revision of volume '%s' was made, since its guest's file systems cannot be "
                   "frozen: %s. Without --quiesce the revision has the content that the disk would "
                   "have after a power failure of the guest",
                   name, cause->message);
}

static void
thaw(const RlCall *call, Quiet *quiet)
{
    g_autoptr(GError) error = NULL;

    if (!quiet->freeze || rl_freeze_end(quiet->freeze, &error))
        return;
    quiet->failed = true;
    rl_call_warn(
        call,
        "%s. A process tries again for a minute, and logs the result. If it fails too, type "
        "'virsh domfsthaw DOMAIN'",
        error->message);
}

/* The named revision @to of @from. Takes the pool of @call over. */
static RlStagedImage *
make(RlCall *call, const char *to, const char *from, Quiet *quiet, GError **error)
{
    RlPool *pool = g_steal_pointer(&call->pool);

    if (quiet->wanted && !quiesce(pool, from, quiet, error)) {
        rl_pool_close(pool);
        return NULL;
    }
    RlStagedImage *draft = rl_clone_make(pool, to, from, error);
    thaw(call, quiet);
    return draft;
}

static void
say(const RlCall *call, const char *to, const Quiet *quiet)
{
    g_autofree char *frozen = quiet->freeze
                                  ? g_strdup_printf(", with %d file system%s of the guest frozen",
                                                    quiet->count, quiet->count == 1 ? "" : "s")
                                  : g_strdup("");

    rl_call_say(call, "%s is made%s. No pruning removes it; 'virt-reflink delete' does.", to,
                frozen);
}

/* "frozen": without a guest that writes there is nothing to freeze. */
static void
note(RlJson *json, const RlStagedImage *draft, const Quiet *quiet)
{
    const RlName *name = draft->name;
    g_autoptr(RlVolume) volume = rl_volume_find(draft->pool, name->volume, NULL);
    g_autoptr(GPtrArray) revisions =
        volume ? rl_revisions_list(volume->dir, name->leaf, NULL) : NULL;
    const RlRevision *made = revisions ? rl_revisions_find(revisions, 0, name->label) : NULL;

    rl_json_string(json, "revision", name->text);
    rl_json_string(json, "label", name->label);
    if (made) {
        g_autofree char *path = g_build_filename(draft->pool->path, name->dir, made->file, NULL);
        rl_json_string(json, "path", path);
    }
    rl_json_bool(json, "frozen", quiet->freeze != NULL);
    if (quiet->freeze)
        rl_json_number(json, "frozen_filesystems", (guint64) MAX(quiet->count, 0));
}

RlExit
rl_command_snapshot(RlCall *call, GError **error)
{
    gboolean wanted = FALSE;
    const GOptionEntry options[] = {
        {"quiesce", 0, 0, G_OPTION_ARG_NONE, &wanted,
         "Freeze the file systems of the guest meanwhile; fails if its agent does not answer",
         NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;

    const char *from = rl_call_name(call, 0);
    g_autoptr(RlName) source = rl_name_parse(from, error);
    if (!source)
        return RL_EXIT_FAILED;
    g_autofree char *to = g_strdup_printf("%s@%s", source->volume, rl_call_name(call, 1));
    g_autoptr(RlName) label = rl_name_parse(to, error);
    if (!label)
        return RL_EXIT_FAILED;
    if (label->form != RL_NAME_LABEL)
        return rl_call_misused(call, "snapshot: a label is neither a number nor 'current'");
    if (wanted && source->form != RL_NAME_HEAD)
        return rl_call_misused(call, "snapshot: no domain writes to a revision: --quiesce is for "
                                     "volumes");
    Quiet quiet = {.wanted = wanted};
    g_autoptr(RlStagedImage) draft = make(call, to, from, &quiet, error);
    if (!draft)
        return RL_EXIT_FAILED;
    call->document->changed = true;
    note(call->document->json, draft, &quiet);
    say(call, to, &quiet);
    return rl_call_done(rl_after_change(draft->pool, label->volume, false, error) && !quiet.failed);
}
