/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backend/cli/after-change.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/progress-bar.h"
#include "common/base/error.h"
#include "common/image/short-path.h"
#include "common/operation/clone.h"
#include "common/pool/capacity.h"
#include "import-source.h"
#include "qemu-img.h"

static bool
convert(RlStagedImage *draft, const RlImportSource *source, const RlCall *call, GError **error)
{
    RlProgressBar bar;

    if (ftruncate(draft->fd, 0) < 0 ||
        ftruncate(draft->fd, (off_t) rl_capacity_round_for(draft->name->text, source->size)) < 0)
        return rl_fail_errno(error, errno, "cannot set the size of volume '%s'", draft->name->text);
    RlProgress progress = rl_progress_bar_begin(&bar, call);
    bool done =
        rl_qemu_img_convert(source->fd, source->format, draft->fd, source->size, progress, error);
    rl_progress_bar_end(&bar);
    return done;
}

static bool
fill(RlStagedImage *draft, const RlImportSource *source, const RlCall *call, GError **error)
{
    if (strcmp(source->format, "raw") == 0)
        return rl_staged_fill(draft, source->fd, 0, true, error);
    return convert(draft, source, call, error);
}

static void
note(RlDocument *document, const RlStagedImage *draft, const RlImportSource *source)
{
    bool created = draft->name->form == RL_NAME_HEAD;
    g_autoptr(RlVolume) volume = rl_volume_find(draft->pool, draft->name->volume, NULL);
    uint64_t size;

    document->changed = true;
    rl_json_string(document->json, "format", source->format);
    rl_json_bool(document->json, "created", created);
    if (volume && rl_volume_capacity(volume, &size, NULL))
        rl_json_number(document->json, "size", size);
    if (draft->revision > 0)
        rl_json_number(document->json, "revision", draft->revision);
    rl_document_path(document, draft->pool, draft->name->volume);
}

static bool
import(RlCall *call, const RlImportSource *source, GError **error)
{
    g_autofree char *to = rl_short_path_strip(rl_call_name(call, 0)); /* as libvirt's clients do */
    g_autoptr(RlStagedImage) draft = rl_clone_begin(g_steal_pointer(&call->pool), to, error);

    if (!draft)
        return false;
    draft->origin = g_strdup_printf("the file '%s'", call->file);
    if (!rl_clone_require_fit(draft, NULL, error) ||
        !rl_staged_open(draft, &RL_ACCESS_DEFAULT, error) || !fill(draft, source, call, error) ||
        !rl_import_source_require_same(source, error) || !rl_clone_publish(draft, 0, error))
        return false;
    const char *name = draft->name->volume;
    note(call->document, draft, source);
    if (draft->name->form == RL_NAME_HEAD) {
        rl_call_say(call, "%s is made from %s.", name, call->file);
        return rl_after_new(draft->pool, name, error);
    }
    rl_call_say(call,
                "%s has the content of %s. Its former content is revision %" G_GUINT64_FORMAT ".",
                name, call->file, draft->revision);
    return rl_after_change(draft->pool, name, false, error);
}

RlExit
rl_command_import(RlCall *call, GError **error)
{
    g_autofree char *format = NULL;
    const GOptionEntry options[] = {
        {"format", 'f', 0, G_OPTION_ARG_STRING, &format,
         "What the file is: raw, qcow2, vmdk, vdi, vhdx or vpc; else its name says", "FORMAT"},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (format && !rl_qemu_img_knows(format))
        return rl_call_misused(call,
                               "import: '%s' is none of the formats raw, qcow2, vmdk, vdi, "
                               "vhdx and vpc",
                               format);
    RlImportSource source = {
        .path = call->file, .fd = -1, .format = format ? format : rl_qemu_img_format(call->file)};
    if (!source.format)
        return rl_call_misused(call,
                               "import: the name of '%s' does not say its format, and the "
                               "content is never probed for it: give the format with --format",
                               call->file);
    rl_json_string(call->document->json, "file", call->file);
    bool done = rl_import_source_open(&source, call->pool, error) && import(call, &source, error);
    rl_import_source_close(&source);
    return rl_call_done(done);
}
