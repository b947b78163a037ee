/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "findings.h"

#include <stdarg.h>

#include "backend/cli/table.h"
#include "common/base/autofd.h"
#include "common/image/partial-image.h"
#include "common/image/short-path.h"
#include "common/image/torn-copy.h"
#include "common/pool/free-space.h"
#include "common/pool/pool-mark.h"
#include "common/pool/scan.h"
#include "common/pool/writers.h"
#include "contradictions.h"

const char *const *
rl_findings_codes(void)
{
    static const char *const codes[] = {
        "attributes", "space",           "leftover",    "suspect",       "foreign",
        "orphan",     "deleted",         "shared",      "contradictory", "marks",
        "misfit",     "waits-for-space", "source-gone", "torn",          "written",
        "partial",    "temporary",       "unreadable",  "ambiguous",     "hidden",
        NULL};

    return codes;
}

static void
finding_free(void *data)
{
    RlFinding *finding = data;

    g_free(finding->volume);
    g_free(finding->problem);
    g_free(finding);
}

void
rl_findings_add(GPtrArray *findings, const char *code, const char *volume, const char *step,
                const char *format, ...)
{
    RlFinding *finding = g_new0(RlFinding, 1);
    va_list args;

    g_assert(g_strv_contains(rl_findings_codes(), code));
    finding->code = code;
    finding->volume = g_strdup(volume);
    finding->step = step;
    va_start(args, format);
    finding->problem = g_strdup_vprintf(format, args);
    va_end(args);
    g_ptr_array_add(findings, finding);
}

static void
look_at_pool(GPtrArray *findings, const RlPool *pool)
{
    g_autoptr(GError) error = NULL, cause = NULL;
    g_autofree char *text = NULL;
    bool low;

    if (!rl_pool_mark_check(pool, &error))
        rl_findings_add(findings, "attributes", NULL, NULL, "%s", error->message);
    if (!rl_free_space_look(pool, &low, &text, &cause))
        rl_findings_add(findings, "space", NULL, NULL, "%s", cause->message);
    else if (low)
        rl_findings_add(
            findings, "space", NULL,
            "remove revisions ('virt-reflink prune') or volumes, or enlarge the file system",
            "%s, and a commit needs space", text);
}

/* Whatever nobody runs on and is not settled. What is saved or below an overlay is in order. */
static void
look_at_state(GPtrArray *findings, const RlLook *look)
{
    const char *name = look->volume->name->volume;
    const char *domain = look->run ? look->run->name : "an unknown domain";
    const char *step = rl_look_next_step(look);

    if (look->run && look->run->ended) {
        rl_findings_add(findings, "waits-for-space", name, step,
                        "the run of %s has ended, and its commit waits for space", domain);
        return;
    }
    switch (look->state) {
    case RL_STATE_LEFT:
        rl_findings_add(findings, "leftover", name, step,
                        "no process uses the dirty image that %s left", domain);
        break;
    case RL_STATE_SUSPECT:
        rl_findings_add(findings, "suspect", name, step,
                        "the content of the dirty image may be wrong");
        break;
    case RL_STATE_FOREIGN:
        rl_findings_add(
            findings, "foreign", name, step,
            "the dirty image has no attribute of a reflink pool, as a copy without extended "
            "attributes");
        break;
    case RL_STATE_ORPHAN:
        rl_findings_add(findings, "orphan", name, step, "the dirty image has no clean image");
        break;
    case RL_STATE_STOPPED:
    case RL_STATE_RUNNING:
    case RL_STATE_SAVED:
    case RL_STATE_BELOW:
        break;
    }
}

/* What cannot be opened is none of these. */
static void
look_for_torn(GPtrArray *findings, const RlVolume *volume)
{
    rl_autofd int fd =
        volume->clean.there ? rl_volume_open_image(volume, volume->clean_file, NULL) : -1;
    g_autoptr(GError) error = NULL;

    if (fd >= 0 && !rl_torn_require_none(volume->name->volume, volume->clean_file, fd, &error))
        rl_findings_add(findings, "torn", volume->name->volume, NULL, "%s", error->message);
}

/* Neither of two files that have one number is read or removed. */
static void
look_for_ambiguous(GPtrArray *findings, const char *name, const GPtrArray *revisions)
{
    for (guint i = 1; i < revisions->len; i++) {
        const RlRevision *one = g_ptr_array_index(revisions, i - 1),
                         *other = g_ptr_array_index(revisions, i);
        if (!one->label && !other->label && one->number == other->number)
            rl_findings_add(findings, "ambiguous", name,
                            "rename one of them, for example to a named revision (NAME.img@LABEL)",
                            "the revisions '%s' and '%s' have the same number", one->file,
                            other->file);
    }
}

/* A domain that names that path for the volume does not start, and no client finds the volume. */
static void
look_for_hidden(GPtrArray *findings, const RlPool *pool, const char *name)
{
    static const char *const suffixes[] = {"", ".img"};

    for (gsize i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *inside = g_strconcat(name, suffixes[i], NULL),
                        *hidden = rl_short_path_hidden(pool, inside);
        if (g_strcmp0(hidden, name) == 0)
            rl_findings_add(findings, "hidden", name, "move or rename that file",
                            "the file '%s/%s' takes the short path of the volume", pool->path,
                            inside);
    }
}

static void
look_at_volume(GPtrArray *findings, const RlPool *pool, const RlListed *listed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlLook) look = rl_look(pool, listed->name, &error);

    if (!look) {
        rl_findings_add(findings, "unreadable", listed->name, NULL, "%s", error->message);
        return;
    }
    look_at_state(findings, look);
    if (look->volume->contradictory)
        rl_findings_add(findings, "contradictory", listed->name, NULL,
                        "its record contradicts its images, so it counts as persistent");
    look_for_torn(findings, look->volume);
    rl_contradictions_look(findings, look, listed->revisions);
    look_for_ambiguous(findings, listed->name, listed->revisions);
    look_for_hidden(findings, pool, listed->name);
    if (listed->shared)
        rl_findings_add(
            findings, "shared", listed->name,
            look->volume->kind == RL_KIND_DIRECT
                ? "its next start gives it an image of its own"
                : "it cannot be started: clone one of the two volumes to another name and delete "
                  "the original, or, if a renaming was interrupted, type it again",
            "its clean image is also the clean image of another volume");
    if (g_strcmp0(rl_look_source_state(look), "gone") == 0)
        rl_findings_add(findings, "source-gone", listed->name, NULL,
                        "its source '%s' has no clean image, so the volume cannot be started",
                        look->volume->record->source);
    g_autofree char *writer = look->volume->clean.there
                                  ? rl_clean_find_writer(look->volume, look->volume->clean_file)
                                  : NULL;
    if (writer)
        rl_findings_add(
            findings, "written", listed->name, NULL,
            "its clean image is open for writing, by %s: the volume can be neither started nor "
            "committed",
            writer);
}

static void
look_at_litter(GPtrArray *findings, const RlPool *pool, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_open(pool, name, NULL);
    RlPartialNote note;
    time_t until;
    bool kept = false;

    if (volume && rl_partial_find(volume, &kept, &note, &until, NULL) && kept) {
        g_autofree char *date = rl_table_time(until, false);
        rl_findings_add(
            findings, "partial", name,
            "'virt-reflink receive --token' and 'send --resume-from' transfer the rest, "
            "'virt-reflink receive --drop-partial' removes the part",
            "a stream was interrupted, and its received part is kept until %s", date);
        return;
    }
    rl_findings_add(findings, "temporary", name,
                    "'virt-reflink check --repair' removes those that no process uses",
                    "it has temporary files: an operation was interrupted, or is in progress");
}

GPtrArray *
rl_findings_look(const RlPool *pool, GError **error)
{
    g_autoptr(GPtrArray) findings = g_ptr_array_new_with_free_func(finding_free);
    g_autoptr(GPtrArray) littered = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) listed = rl_scan_leftovers(pool, littered, error);

    if (!listed)
        return NULL;
    look_at_pool(findings, pool);
    for (guint i = 0; i < listed->len; i++) {
        const RlListed *one = g_ptr_array_index(listed, i);
        if (one->exists)
            look_at_volume(findings, pool, one);
        else
            rl_findings_add(
                findings, "deleted", one->name,
                "clone a revision to a new volume, or delete each ('virt-reflink delete "
                "VOLUME@REVISION')",
                "its images are gone, and %u of its revisions are left", one->revisions->len);
    }
    for (guint i = 0; i < littered->len; i++)
        look_at_litter(findings, pool, g_ptr_array_index(littered, i));
    return g_steal_pointer(&findings);
}
