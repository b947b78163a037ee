/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reason.h"

#include <string.h>

#include "common/base/boot.h"

static RlReason *make(const char *code, const char *format, ...) G_GNUC_PRINTF(2, 3);

static RlReason *
make(const char *code, const char *format, ...)
{
    RlReason *reason = g_new0(RlReason, 1);
    va_list args;

    reason->code = code;
    va_start(args, format);
    reason->text = g_strdup_vprintf(format, args);
    va_end(args);
    return reason;
}

/* In the order in which a refusal asks (rl_state_refuse_suspect()). */
static RlReason *
explain_suspect(const RlVolume *volume, const RlDirtyImage *image)
{
    const RlImageOwner *run = image->run;

    if (run && run->copied)
        return run->put_back
                   ? make("put-back", "its content was put back or changed after a crash of the "
                                      "host")
                   : make("copy", "the dirty image is a copy that was made during a run of '%s'",
                          run->name);
    if (rl_state_is_half(volume, run))
        return make("migration", "a migration of domain '%s' to this host was aborted", run->name);
    if (run && run->readonly && volume->kind == RL_KIND_PERSISTENT)
        return make("reader-wrote", "a process wrote to it, although domain '%s' only reads it",
                    run->name);
    if (rl_mark_is_suspect_of_job(image->fd))
        return make("broken-job", "a block job or snapshot of its domain was interrupted, or a "
                                  "process wrote to it after the domain had left it");
    return make("lost-writes", "its disk did not take all that was written (or the mark on the "
                               "image is of a later version)");
}

/* The attribute that names whose run it was is there for throwaway kinds only. */
static RlReason *
explain_kept(const RlDirtyImage *image)
{
    const RlDomainRef nobody = {.uuid = ""};
    g_autofree char *domain = NULL;

    if (!rl_mark_find_other_kept_of(image->fd, &nobody, &domain, NULL))
        domain = NULL;
    if (domain)
        return make("kept", "it was kept at the end of a run of domain '%s'", domain);
    return make("kept", "it was kept: by 'virt-reflink continue', or at the end of a run that is "
                        "unknown, has failed to restore, or has an overlay on it");
}

static RlReason *
explain_left(const RlImageOwner *run)
{
    g_autofree char *boot = rl_boot_id(NULL);

    if (!run)
        return make("cut-off", "the end of its run began, and was interrupted");
    if (boot && strcmp(boot, run->boot_id) != 0)
        return make("host-down", "the host went down during a run of '%s'", run->name);
    if (rl_image_owner_is_by_hand(run))
        return make("by-hand", "it was started with 'virt-reflink start', and not stopped");
    return make("no-end",
                "the device model of domain '%s' has ended, but nothing has ended the run",
                run->name);
}

static RlReason *
explain(const RlLook *look, const RlDirtyImage *image)
{
    const RlImageOwner *run = image->run;

    if (run && run->ended)
        return make("no-space", "the run of '%s' has ended, and its commit found no space",
                    run->name);
    switch (look->state) {
    case RL_STATE_LEFT:
        return rl_mark_is_kept(image->mark) ? explain_kept(image) : explain_left(run);
    case RL_STATE_SAVED:
        return make("saved", "domain '%s' was saved", run ? run->name : "unknown");
    case RL_STATE_SUSPECT:
        return explain_suspect(look->volume, image);
    case RL_STATE_ORPHAN:
        return make("no-clean-image", "its clean image is gone");
    case RL_STATE_BELOW:
        return make("overlay", "domain '%s' has an overlay on it", look->below);
    case RL_STATE_FOREIGN:
        return make("no-attributes", "nothing is noted on the dirty image: it is a copy without "
                                     "extended attributes, or of another program");
    case RL_STATE_STOPPED:
    case RL_STATE_RUNNING:
        break;
    }
    return NULL;
}

RlReason *
rl_reason_get(const RlLook *look)
{
    g_auto(RlDirtyImage) image = {.fd = -1};

    if (!look->volume->dirty.there || !rl_dirty_image_open(look->volume, &image, NULL) ||
        image.fd < 0)
        return NULL;
    return explain(look, &image);
}

void
rl_reason_free(RlReason *reason)
{
    if (!reason)
        return;
    g_free(reason->text);
    g_free(reason);
}
