/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "saved-reads.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/paths.h"
#include "common/fs/dirfd.h"
#include "common/fs/tmpfile.h"
#include "owner.h"

/* The last saves of one domain. */
#define SAVES_MAX 8
#define NOTE_SIZE_MAX (1 << 20)

/* libvirt has written the file before it ends the device model, and calls us after that. File
 * systems date by the tick, and some by two seconds. */
#define BEFORE_US (60 * G_USEC_PER_SEC)
#define AFTER_US (2 * G_USEC_PER_SEC)

/* A line "save DIGEST DATE", with "-" for no digest, and one "read STATE" for each disk. */
#define SAVE_WORD "save "
#define READ_WORD "read "

typedef struct {
    char *digest; /* of its memory; NULL if not known */
    gint64 ended_us;
    GPtrArray *reads;
} Save;

static void
save_free(void *data)
{
    Save *save = data;

    g_free(save->digest);
    g_ptr_array_unref(save->reads);
    g_free(save);
}

static Save *
save_new(const char *digest, gint64 ended_us)
{
    Save *save = g_new0(Save, 1);

    save->digest = g_strdup(digest);
    save->ended_us = ended_us;
    save->reads = g_ptr_array_new_with_free_func(g_free);
    return save;
}

static char *
note_name(const RlDomain *domain)
{
    return g_strdup_printf("%s-%s", rl_domain_ref_of(domain).driver, domain->uuid);
}

static char *
ran_name(const RlDomain *domain)
{
    return g_strdup_printf("%s-%s.ran", rl_domain_ref_of(domain).driver, domain->uuid);
}

static int
open_dir(void)
{
    return open(RL_SAVED_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static bool
is_there(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* What cannot be understood is passed over. */
static void
parse_line(const char *line, GPtrArray *saves)
{
    if (g_str_has_prefix(line, READ_WORD) && saves->len > 0) {
        Save *save = g_ptr_array_index(saves, saves->len - 1);
        g_ptr_array_add(save->reads, g_strdup(line + strlen(READ_WORD)));
        return;
    }
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    gint64 ended_us;
    if (g_strv_length(words) == 3 && g_str_has_prefix(line, SAVE_WORD) &&
        g_ascii_string_to_signed(words[2], 10, 0, G_MAXINT64, &ended_us, NULL))
        g_ptr_array_add(saves, save_new(*words[1] == '-' ? NULL : words[1], ended_us));
}

static GPtrArray *
read_saves(int dir, const char *name)
{
    GPtrArray *saves = g_ptr_array_new_with_free_func(save_free);
    size_t length;
    g_autofree char *text = rl_dirfd_read_file(dir, name, NOTE_SIZE_MAX, &length, NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;

    for (char **line = lines; line && *line; line++)
        parse_line(*line, saves);
    return saves;
}

static bool
write_saves(int dir, const char *name, const GPtrArray *saves, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < saves->len; i++) {
        const Save *save = g_ptr_array_index(saves, i);
        g_string_append_printf(text, SAVE_WORD "%s %" G_GINT64_FORMAT "\n",
                               save->digest ? save->digest : "-", save->ended_us);
        for (guint j = 0; j < save->reads->len; j++)
            g_string_append_printf(text, READ_WORD "%s\n",
                                   (const char *) g_ptr_array_index(save->reads, j));
    }
    return rl_tmpfile_write(dir, name, text->str, 0600, error);
}

static bool
note(const RlDomain *domain, Save *save, GError **error)
{
    g_autofree char *name = note_name(domain), *ran = ran_name(domain);

    g_mkdir_with_parents(RL_SAVED_DIR, 0700);
    rl_autofd int dir = open_dir();
    if (dir < 0) {
        save_free(save);
        return rl_fail_errno(error, errno, "cannot open '%s'", RL_SAVED_DIR);
    }
    g_autoptr(GPtrArray) saves = read_saves(dir, name);
    g_ptr_array_add(saves, save);
    if (saves->len > SAVES_MAX)
        g_ptr_array_remove_range(saves, 0, saves->len - SAVES_MAX);
    return write_saves(dir, name, saves, error) &&
           (unlinkat(dir, ran, 0) == 0 || errno == ENOENT ||
            rl_fail_errno(error, errno, "cannot remove '%s/%s'", RL_SAVED_DIR, ran));
}

void
rl_saved_reads_note(const RlDomain *domain, const RlMemory *memory, char **reads)
{
    Save *save = save_new(memory->digest, g_get_real_time());
    g_autoptr(GError) error = NULL;

    for (; *reads; reads++)
        if (!strchr(*reads, '\n'))
            g_ptr_array_add(save->reads, g_strdup(*reads));
    if (!note(domain, save, &error))
        rl_log_warning("domain %s: cannot record what it has read: %s", domain->name,
                       error->message);
}

void
rl_saved_reads_ran(const RlDomain *domain)
{
    g_autofree char *name = note_name(domain), *ran = ran_name(domain);
    rl_autofd int dir = open_dir();

    if (dir < 0 || !is_there(dir, name))
        return;
    rl_autofd int fd = openat(dir, ran, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        rl_log_warning("domain %s: cannot create '%s/%s': %s", domain->name, RL_SAVED_DIR, ran,
                       g_strerror(errno));
}

/* Where both digests are known they decide. */
static bool
may_be_of(const Save *save, const RlMemory *memory)
{
    return !save->digest || !memory->digest || strcmp(save->digest, memory->digest) == 0;
}

static bool
is_of(const Save *save, const RlMemory *memory)
{
    if (save->digest && memory->digest)
        return strcmp(save->digest, memory->digest) == 0;
    return memory->date_us >= save->ended_us - BEFORE_US &&
           memory->date_us <= save->ended_us + AFTER_US;
}

/* The save that @memory is of, borrowed; NULL where that is not known. */
static const Save *
find(const GPtrArray *saves, const RlMemory *memory, bool ran)
{
    for (guint i = saves->len; i-- > 0;) {
        const Save *save = g_ptr_array_index(saves, i);
        if (is_of(save, memory))
            return save;
    }
    const Save *last = saves->len > 0 ? g_ptr_array_index(saves, saves->len - 1) : NULL;
    return last && !ran && may_be_of(last, memory) && memory->date_us > last->ended_us ? last
                                                                                       : NULL;
}

void
rl_saved_reads_give(const RlDomain *domain, RlMemory *memory)
{
    g_autofree char *name = note_name(domain), *ran = ran_name(domain);
    rl_autofd int dir = memory->reads ? -1 : open_dir();

    if (dir < 0)
        return;
    g_autoptr(GPtrArray) saves = read_saves(dir, name);
    const Save *save = find(saves, memory, is_there(dir, ran));
    if (!save)
        return;
    if (memory->noted_us == 0)
        memory->noted_us = save->ended_us;
    g_ptr_array_add(save->reads, NULL);
    memory->reads = g_strdupv((char **) save->reads->pdata);
}
