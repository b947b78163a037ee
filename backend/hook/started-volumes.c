/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "started-volumes.h"

#include <string.h>

#include "backend/launcher/note-names.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/format/image-owner.h"
#include "common/format/volume-name.h"
#include "domain-note.h"

#define NOTE RL_NOTE_STARTED
/* A thousand disks with long paths. */
#define NOTE_SIZE_MAX (8 << 20)

/* A line for each volume: whether it is below an overlay, its pool's path, its name, and if its
 * disk names the pool, that name, with a tab in between. All are escaped, so they have neither tabs
 * nor newlines. And one for when the run began: by the boot's clock, by that of the wall. What
 * follows a line "earlier" is of runs before that one. An earlier version wrote neither of both,
 * nor names of pools. */
#define BELOW "below"
#define DISK "disk"
#define BEGAN "began"
#define EARLIER "earlier"

typedef struct {
    gint64 boot_us, wall_us; /* 0 where they are not known */
} Began;

static void
append_volume(GString *text, const RlDomainVolume *use)
{
    g_autofree char *root = g_strescape(use->root, NULL);
    g_autofree char *name = g_strescape(use->name, NULL);
    g_autofree char *pool = use->pool ? g_strescape(use->pool, NULL) : NULL;

    g_string_append_printf(text, "%s\t%s\t%s%s%s\n", use->overlaid ? BELOW : DISK, root, name,
                           pool ? "\t" : "", pool ? pool : "");
}

/* The first @present of @uses are of the run that began when @began says. */
static char *
format(const GPtrArray *uses, guint present, Began began)
{
    GString *text = g_string_new(NULL);

    if (began.wall_us > 0)
        g_string_append_printf(text, "%s\t%" G_GINT64_FORMAT "\t%" G_GINT64_FORMAT "\n", BEGAN,
                               began.boot_us, began.wall_us);

    for (guint i = 0; i < uses->len; i++) {
        if (i == present)
            g_string_append(text, EARLIER "\n");
        append_volume(text, g_ptr_array_index(uses, i));
    }
    return g_string_free(text, FALSE);
}

static bool
parse_began(char **fields, Began *ret_began)
{
    return g_strv_length(fields) == 3 &&
           g_ascii_string_to_signed(fields[1], 10, 0, G_MAXINT64, &ret_began->boot_us, NULL) &&
           g_ascii_string_to_signed(fields[2], 10, 0, G_MAXINT64, &ret_began->wall_us, NULL);
}

static bool
parse_line(const char *line, GPtrArray *uses, Began *ret_began)
{
    g_auto(GStrv) fields = g_strsplit(line, "\t", -1);
    guint n = g_strv_length(fields);

    if (strcmp(fields[0], BEGAN) == 0)
        return parse_began(fields, ret_began);
    if (n != 3 && n != 4)
        return false;
    bool overlaid = strcmp(fields[0], BELOW) == 0;
    g_autofree char *root = g_strcompress(fields[1]);
    g_autofree char *text = g_strcompress(fields[2]);
    g_autofree char *pool = n == 4 ? g_strcompress(fields[3]) : NULL;
    g_autoptr(RlName) name = rl_name_parse_volume(text, NULL);
    if ((!overlaid && strcmp(fields[0], DISK) != 0) || root[0] != '/' || !name)
        return false;
    RlDomainVolume use = {root, name->volume, .pool = pool, .overlaid = overlaid};
    rl_domain_volumes_add_noted(uses, &use);
    return true;
}

/* Adds to @present the volumes of the run that is noted last, and those of runs before to @earlier,
 * which may be the same list. */
static Began
read_note(const RlDomain *domain, GPtrArray *present, GPtrArray *earlier)
{
    Began began = {0};
    GPtrArray *uses = present;
    g_autoptr(GError) error = NULL;
    size_t length;
    g_autofree char *text = rl_domain_note_read(NOTE, domain, NOTE_SIZE_MAX, &length, &error);

    if (!text) {
        if (!rl_error_is_errno(error, ENOENT))
            rl_log_warning("domain %s: cannot read the list of volumes that it was started on: %s",
                           domain->name, error->message);
        return began;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++)
        if (strcmp(*line, EARLIER) == 0)
            uses = earlier;
        else if (**line && !parse_line(*line, uses, &began))
            rl_log_warning("domain %s: its record in '%s' has a line that names no volume",
                           domain->name, RL_LOCK_DIR);
    return began;
}

void
rl_started_volumes_read(const RlDomain *domain, GPtrArray *uses)
{
    read_note(domain, uses, uses);
}

bool
rl_started_volumes_has(const RlDomain *domain, const RlDomainVolume *use)
{
    g_autoptr(GPtrArray) present = rl_domain_volumes_new(), earlier = rl_domain_volumes_new();

    read_note(domain, present, earlier);
    return rl_domain_volumes_has(present, use);
}

gint64
rl_started_volumes_began_us(const RlDomain *domain)
{
    g_autoptr(GPtrArray) uses = rl_domain_volumes_new();
    Began began = read_note(domain, uses, uses);
    gint64 now_us = g_get_real_time() - (rl_boot_clock_us() - began.boot_us);

    return began.wall_us > 0 ? MIN(began.wall_us, now_us) : 0;
}

static void
add_all(GPtrArray *to, const GPtrArray *uses)
{
    for (guint i = 0; i < uses->len; i++)
        rl_domain_volumes_add_noted(to, g_ptr_array_index(uses, i));
}

/* @all: those of the run, @present in number, and what is noted of runs before. */
static bool
write_note(const RlDomain *domain, const GPtrArray *all, guint present, Began began, GError **error)
{
    g_autofree char *text = format(all, present, began);

    return rl_domain_note_write(NOTE, domain, text, error);
}

bool
rl_started_volumes_add(const RlDomain *domain, const GPtrArray *uses, GError **error)
{
    g_autoptr(GPtrArray) all = rl_domain_volumes_new(), earlier = rl_domain_volumes_new();

    add_all(all, uses);
    Began began = read_note(domain, all, earlier);
    guint present = all->len;
    add_all(all, earlier);
    return write_note(domain, all, present, began, error);
}

bool
rl_started_volumes_begin(const RlDomain *domain, const GPtrArray *uses, GError **error)
{
    g_autoptr(GPtrArray) all = rl_domain_volumes_new();
    Began now = {rl_boot_clock_us(), g_get_real_time()};

    add_all(all, uses);
    guint present = all->len;
    /* A start that failed behind our back has no end, and the domain's next one does not have to be
     * on the same volumes. */
    read_note(domain, all, all);
    /* The list of an earlier run would be taken for this one's. */
    if (write_note(domain, all, present, now, error))
        return true;
    rl_domain_note_remove(NOTE, domain);
    return false;
}

bool
rl_started_volumes_is_there(const RlDomain *domain)
{
    return rl_domain_note_is_there(NOTE, domain);
}

void
rl_started_volumes_forget(const RlDomain *domain)
{
    rl_domain_note_remove(NOTE, domain);
}
