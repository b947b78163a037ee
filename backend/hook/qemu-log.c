/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu-log.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"

/* A line is far shorter; what a device model writes while it dies may stand behind it. */
#define TAIL_SIZE (64 * 1024)
#define MARK ": shutting down, reason="
#define STARTING ": starting up"

static const struct {
    const char *reason;
    RlEnding ending;
} reasons[] = {
    {"shutdown", RL_ENDING_STOPPED}, {"destroyed", RL_ENDING_STOPPED},
    {"crashed", RL_ENDING_STOPPED},  {"daemon", RL_ENDING_STOPPED},
    {"unknown", RL_ENDING_STOPPED},  {"failed", RL_ENDING_FAILED},
    {"saved", RL_ENDING_SAVED},
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

/* What the driver says in @line behind the time, NULL where it says nothing. It need not begin the
 * line: the driver goes on in one that a device model did not end. */
static const char *
words_of_driver(const char *line)
{
    for (size_t i = strlen(line); i-- > 0;) {
        const char *rest = line + i + strlen("2026-01-02 03:04:05.678+0000");
        if (begins_with_time(line + i) &&
            (g_str_has_prefix(rest, STARTING) || g_str_has_prefix(rest, MARK)))
            return rest;
    }
    return NULL;
}

static RlEnding
ending_of_reason(const char *reason)
{
    for (size_t i = 0; i < G_N_ELEMENTS(reasons); i++)
        if (strcmp(reason, reasons[i].reason) == 0)
            return reasons[i].ending;
    return RL_ENDING_UNKNOWN;
}

RlEnding
rl_qemu_log_ending_of_text(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    RlEnding last = RL_ENDING_UNKNOWN;
    bool found = false;

    for (guint i = g_strv_length(lines); i-- > 0;) {
        const char *words = words_of_driver(lines[i]);
        if (!words)
            continue;
        if (g_str_has_prefix(words, STARTING))
            break;
        RlEnding ending = ending_of_reason(words + strlen(MARK));
        /* A daemon that was killed after this, and comes back, finds a domain that is gone and
         * gives another reason. */
        if (ending == RL_ENDING_SAVED)
            return ending;
        if (!found)
            last = ending;
        found = true;
        /* A start may fail before it is said that it began: what is above it is another run's. */
        if (ending == RL_ENDING_FAILED)
            break;
    }
    return last;
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

/* The managed save file of the domain @name, owned by the caller; NULL where there is none. */
static char *
managed_save(const char *name)
{
    g_autofree char *file = g_strdup_printf("%s/%s.save", RL_QEMU_SAVE_DIR, name);
    struct stat st;

    return stat(file, &st) == 0 ? g_steal_pointer(&file) : NULL;
}

RlEnding
rl_qemu_log_ending(const char *name, char **ret_file)
{
    g_autofree char *path = g_strdup_printf("%s/%s.log", RL_QEMU_LOG_DIR, name);
    g_autofree char *text = strchr(name, '/') ? NULL : read_tail(path);
    RlEnding ending = text ? rl_qemu_log_ending_of_text(text) : RL_ENDING_UNKNOWN;

    *ret_file = NULL;
    if (ending == RL_ENDING_FAILED || ending == RL_ENDING_UNKNOWN)
        return ending;
    /* A running domain has no managed save file: its start takes it away. So one that is there has
     * just been written, whatever a daemon that was killed meanwhile makes of the end. */
    *ret_file = managed_save(name);
    return *ret_file ? RL_ENDING_SAVED : ending;
}
