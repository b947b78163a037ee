/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "started-volumes.h"

#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/format/volume-name.h"
#include "note.h"

/* A thousand disks with long paths. */
#define NOTE_SIZE_MAX (8 << 20)

/* A line for each volume: whether it is below an overlay, its pool's path, its name, with a tab in
 * between. Both are escaped, so they have neither tabs nor newlines. */
#define BELOW "below"
#define DISK "disk"

static char *
note_name(const char *uuid)
{
    return g_strdup_printf("started-%s", uuid);
}

static char *
format(const GPtrArray *uses)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        g_autofree char *root = g_strescape(use->root, NULL);
        g_autofree char *name = g_strescape(use->name, NULL);
        g_string_append_printf(text, "%s\t%s\t%s\n", use->overlaid ? BELOW : DISK, root, name);
    }
    return g_string_free(text, FALSE);
}

static bool
parse_line(const char *line, GPtrArray *uses)
{
    g_auto(GStrv) fields = g_strsplit(line, "\t", -1);

    if (g_strv_length(fields) != 3)
        return false;
    bool overlaid = strcmp(fields[0], BELOW) == 0;
    g_autofree char *root = g_strcompress(fields[1]);
    g_autofree char *text = g_strcompress(fields[2]);
    g_autoptr(RlName) name = rl_name_parse_volume(text, NULL);
    if ((!overlaid && strcmp(fields[0], DISK) != 0) || root[0] != '/' || !name)
        return false;
    rl_domain_volumes_add_noted(uses, root, name->volume, overlaid);
    return true;
}

void
rl_started_volumes_read(const char *uuid, GPtrArray *uses)
{
    g_autofree char *file = note_name(uuid);
    g_autoptr(GError) error = NULL;
    size_t length;
    g_autofree char *text = rl_note_read(file, NOTE_SIZE_MAX, &length, &error);

    if (!text) {
        if (!rl_error_is_errno(error, ENOENT))
            rl_log_warning("cannot read what a domain was started on: %s", error->message);
        return;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (**line && !parse_line(*line, uses))
            rl_log_warning("'%s/%s' has a line that says no volume", RL_LOCK_DIR, file);
}

void
rl_started_volumes_add(const char *uuid, const GPtrArray *uses)
{
    g_autofree char *file = note_name(uuid);
    g_autoptr(GPtrArray) all = rl_domain_volumes_new();
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < uses->len; i++) {
        const RlDomainVolume *use = g_ptr_array_index(uses, i);
        rl_domain_volumes_add_noted(all, use->root, use->name, use->overlaid);
    }
    /* A start that failed behind our back has no end, and the domain's next one does not have to be
     * on the same volumes. */
    rl_started_volumes_read(uuid, all);
    g_autofree char *text = format(all);
    if (!rl_note_write(file, text, &error))
        rl_log_warning("cannot note what a domain was started on: %s", error->message);
}

bool
rl_started_volumes_is_there(const char *uuid)
{
    g_autofree char *file = note_name(uuid);

    return rl_note_is_there(file);
}

void
rl_started_volumes_forget(const char *uuid)
{
    g_autofree char *file = note_name(uuid);

    rl_note_remove(file);
}
