/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "census.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/fs/dirfd.h"
#include "common/fs/tmpfile.h"

#define FILE_NAME "census"
/* A million volumes. */
#define SIZE_MAX_BYTES (128 << 20)
/* A file whose status has just changed can change again within the same tick of the clock. */
#define SETTLED_SECONDS 1

/* A line for each clean image that has more than one link and is no other volume's, and one for
 * each snapshot. Names have neither tabs nor newlines. */
#define UNSHARED "unshared"
#define SNAPSHOT "snapshot"
#define HEADER "census 1\n"

static char *
dir_path(const RlPool *pool)
{
    return g_strdup_printf("%s/%lx-%lx", RL_LOCK_DIR, (unsigned long) pool->dev,
                           (unsigned long) pool->ino);
}

static int
open_dir(const RlPool *pool)
{
    g_autofree char *path = dir_path(pool);

    return open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static char *
line_of_image(const struct stat *st)
{
    return g_strdup_printf(UNSHARED "\t%lx-%lx\t%lu\t%ld.%09ld\n", (unsigned long) st->st_dev,
                           (unsigned long) st->st_ino, (unsigned long) st->st_nlink,
                           (long) st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static char *
line_of_snapshot(const char *source, const char *name)
{
    return g_strdup_printf(SNAPSHOT "\t%s\t%s\n", source, name);
}

static void
add_lines(GString *text, const RlListed *listed, time_t now)
{
    const struct stat *st = &listed->clean.st;
    const RlVolume *recorded = listed->recorded;

    if (listed->clean.there && !listed->shared && st->st_nlink > 1 &&
        st->st_ctim.tv_sec < now - SETTLED_SECONDS) {
        g_autofree char *line = line_of_image(st);
        g_string_append(text, line);
    }
    if (recorded && recorded->kind == RL_KIND_SNAPSHOT) {
        g_autofree char *line = line_of_snapshot(recorded->record->source, listed->name);
        g_string_append(text, line);
    }
}

void
rl_census_note(const RlPool *pool, const GPtrArray *listed)
{
    g_autoptr(GString) text = g_string_new(HEADER);
    g_autofree char *path = dir_path(pool);
    g_autoptr(GError) error = NULL;
    time_t now = time(NULL);

    for (guint i = 0; i < listed->len; i++)
        add_lines(text, g_ptr_array_index(listed, i), now);
    g_mkdir_with_parents(path, 0700);
    rl_autofd int dir = open_dir(pool);
    if (dir >= 0 && !rl_tmpfile_write(dir, FILE_NAME, text->str, 0600, &error))
        rl_log_warning("pool '%s': cannot record the list of its volumes: %s", pool->path,
                       error->message);
}

/* Where nothing is noted nothing is added either: it would pass for all there is. */
void
rl_census_add_snapshot(const RlPool *pool, const char *source, const char *name)
{
    rl_autofd int dir = open_dir(pool);
    rl_autofd int fd =
        dir >= 0 ? rl_dirfd_open_file(dir, FILE_NAME, O_WRONLY | O_APPEND, NULL) : -1;
    g_autofree char *line = line_of_snapshot(source, name);

    /* Half a line names no snapshot. */
    if (fd >= 0 && write(fd, line, strlen(line)) < 0)
        rl_log_warning("pool '%s': cannot record the list of its volumes: %s", pool->path,
                       g_strerror(errno));
}

/* All that is noted of @pool, owned by the caller; NULL where there is nothing. */
static char *
read_census(const RlPool *pool)
{
    rl_autofd int dir = open_dir(pool);
    size_t length;
    char *text =
        dir >= 0 ? rl_dirfd_read_file(dir, FILE_NAME, SIZE_MAX_BYTES, &length, NULL) : NULL;

    if (text && !g_str_has_prefix(text, HEADER))
        g_clear_pointer(&text, g_free);
    return text;
}

bool
rl_census_is_unshared(const RlVolume *volume)
{
    g_autofree char *text = read_census(volume->pool);
    g_autofree char *line = line_of_image(&volume->clean.st);

    return text && strstr(text, line) != NULL;
}

static GPtrArray *
find_snapshots(const char *text, const char *source)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *prefix = line_of_snapshot(source, "");
    size_t length = strlen(prefix) - 1; /* without the newline */

    for (const char *line = text; (line = strchr(line, '\n')) && line[1];) {
        line++;
        const char *end = strchrnul(line, '\n');
        if (strncmp(line, prefix, length) == 0)
            g_ptr_array_add(names, g_strndup(line + length, (gsize) (end - line) - length));
    }
    return names;
}

GPtrArray *
rl_census_snapshots(const RlPool *pool, const char *source)
{
    g_autofree char *text = read_census(pool);

    if (!text) {
        g_autoptr(GPtrArray) listed = rl_scan(pool, NULL);
        if (listed)
            rl_census_note(pool, listed);
        text = read_census(pool);
    }
    return find_snapshots(text ? text : "", source);
}
