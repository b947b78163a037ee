/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu-log.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/autofd.h"

/* A line is far shorter; what a device model writes while it dies may stand behind it. */
#define TAIL_SIZE (64 * 1024)
#define MARK ": shutting down, reason="
#define STARTING ": starting up"

static const struct {
    const char *reason;
    RlLogEnding ending;
} reasons[] = {
    {"shutdown", RL_LOG_STOPPED},  {"destroyed", RL_LOG_STOPPED},  {"crashed", RL_LOG_FOUND_DEAD},
    {"daemon", RL_LOG_FOUND_DEAD}, {"unknown", RL_LOG_FOUND_DEAD}, {"failed", RL_LOG_FAILED},
    {"saved", RL_LOG_SAVED},       {"migrated", RL_LOG_MIGRATED},
};

/* "2026-01-02 03:04:05.678+0000" begins what the driver writes. A guest's console does not go here,
 * but its device model's words do. */
static bool
begins_with_time(const char *text)
{
    static const char shape[] = "dddd-dd-dd dd:dd:dd.ddd+dddd";

    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'd' ? !g_ascii_isdigit(text[i]) : text[i] != shape[i])
            return false;
    return true;
}

/* What a line of the driver's says, and when. */
typedef struct {
    const char *words; /* behind the time; NULL where the line is none of the driver's */
    gint64 when_ms;
} Words;

/* The time that @text begins with, in milliseconds; -1 for a date that is none. */
static gint64
time_of(const char *text)
{
    g_autofree char *date = g_strndup(text, strlen("2026-01-02"));
    g_autofree char *clock = g_strndup(text + 11, strlen("03:04:05.678"));
    g_autofree char *zone = g_strndup(text + 23, strlen("+0000"));
    g_autofree char *iso = g_strdup_printf("%sT%s%s", date, clock, zone);
    g_autoptr(GDateTime) when = g_date_time_new_from_iso8601(iso, NULL);

    return when ? g_date_time_to_unix(when) * 1000 + g_date_time_get_microsecond(when) / 1000 : -1;
}

/* It need not begin the line: the driver goes on in one that a device model did not end. */
static Words
words_of_driver(const char *line)
{
    for (size_t i = strlen(line); i-- > 0;) {
        const char *rest = line + i + strlen("2026-01-02 03:04:05.678+0000");
        if (begins_with_time(line + i) &&
            (g_str_has_prefix(rest, STARTING) || g_str_has_prefix(rest, MARK)))
            return (Words){rest, time_of(line + i)};
    }
    return (Words){NULL, -1};
}

static RlLogEnding
ending_of_reason(const char *reason)
{
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++)
        if (strcmp(reason, reasons[i].reason) == 0)
            return reasons[i].ending;
    return RL_LOG_OTHER;
}

/* What all lines of the run, the last of which says @last, say together, if one before it says
 * @before. A daemon that was killed after it had saved a domain, and comes back, finds one that is
 * gone, and gives another reason; or it finds one that goes on. */
static RlLogEnding
join(RlLogEnding before, RlLogEnding last)
{
    if (before == RL_LOG_SAVED && last == RL_LOG_FOUND_DEAD)
        return RL_LOG_SAVED_THEN_DEAD;
    return last;
}

RlLogEnding
rl_qemu_log_ending_of_text(const char *text, gint64 from_ms, gint64 to_ms)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    RlLogEnding said = RL_LOG_NOTHING;

    for (guint i = g_strv_length(lines); i-- > 0;) {
        Words line = words_of_driver(lines[i]);
        if (!line.words || line.when_ms < from_ms || line.when_ms > to_ms)
            continue;
        if (g_str_has_prefix(line.words, STARTING))
            break;
        RlLogEnding ending = ending_of_reason(line.words + strlen(MARK));
        said = said == RL_LOG_NOTHING ? ending : join(ending, said);
        /* A start may fail before it is said that it began: what is above it is another run's. */
        if (ending == RL_LOG_FAILED)
            break;
    }
    return said;
}

static char *
read_tail(const char *path)
{
    rl_autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return NULL;
    g_autofree char *text = g_malloc0(TAIL_SIZE + 1);
    ssize_t length = pread(fd, text, TAIL_SIZE, MAX(st.st_size - TAIL_SIZE, 0));
    if (length < 0)
        return NULL;
    /* A device model's NUL byte must not hide what comes after it. */
    for (ssize_t i = 0; i < length; i++)
        if (text[i] == '\0')
            text[i] = ' ';
    return g_steal_pointer(&text);
}

RlLogEnding
rl_qemu_log_ending(const char *name, gint64 began_ms)
{
    g_autofree char *path = g_strdup_printf("%s/%s.log", RL_QEMU_LOG_DIR, name);
    g_autofree char *text = strchr(name, '/') ? NULL : read_tail(path);

    return text ? rl_qemu_log_ending_of_text(text, began_ms, g_get_real_time() / 1000)
                : RL_LOG_NOTHING;
}
