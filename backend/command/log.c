/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/pager.h"
#include "backend/cli/table.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/format/volume-name.h"
#include "journal-entry.h"
#include "run-written.h"

typedef struct {
    gboolean all, utc, no_written;
    int lines; /* 0: all of them */
} Wish;

/* What is shown of the journal, entry by entry. */
typedef struct {
    const RlCall *call;
    const RlName *name;
    const Wish *wish;
    RlWritten written;
    int shown;
} Log;

/* The words of journalctl(1), owned by the caller: matches of different fields are all required. */
static GPtrArray *
arguments_for(const RlCall *call, const RlName *name, const Wish *wish)
{
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *pool = rl_pool_real_path(call->pool);

    g_ptr_array_add(words, g_strdup("journalctl"));
    g_ptr_array_add(words, g_strdup("--quiet"));
    g_ptr_array_add(words, g_strdup("--no-pager"));
    g_ptr_array_add(words, g_strdup("--reverse"));
    g_ptr_array_add(words, g_strdup("--identifier=" RL_LOG_IDENTIFIER));
    /* Of root's processes alone: anybody can send lines with the other fields. */
    g_ptr_array_add(words, g_strdup("_UID=0"));
    g_ptr_array_add(words, g_strdup("--output=json"));
    if (!call->json)
        g_ptr_array_add(words, g_strdup("--output-fields=MESSAGE,REFLINK_EVENT,REFLINK_REVISION"));
    if (!wish->all)
        g_ptr_array_add(words, g_strdup("--priority=info"));
    g_ptr_array_add(words, g_strdup_printf("REFLINK_POOL=%s", pool));
    g_ptr_array_add(words, g_strdup_printf("REFLINK_VOLUME=%s", name->volume));
    g_ptr_array_add(words, NULL);
    return words;
}

/* The sentence behind "volume 'NAME' in POOL: " or, of a file, "NAME in POOL: ", borrowed: whose
 * log it is was asked. */
static const char *
strip_place(const char *message, const char *volume)
{
    g_autofree char *of_volume = g_strdup_printf("volume '%s' in /", volume),
                    *of_file = g_strdup_printf("%s in /", volume);
    const char *place = g_str_has_prefix(message, of_volume) ? message + strlen(of_volume)
                        : g_str_has_prefix(message, of_file) ? message + strlen(of_file)
                                                             : NULL;
    const char *end = place ? strstr(place, ": ") : NULL;

    return end ? end + strlen(": ") : message;
}

static void
print_text(const Log *log, const RlJournalEntry *entry, const char *written)
{
    g_autofree char *time =
                        rl_table_time((time_t) (entry->time_us / G_USEC_PER_SEC), log->wish->utc),
                    *text = rl_table_clean(g_strdup(
                        strip_place(entry->message ? entry->message : "", log->name->volume)));

    printf("%s  %s%s%s%s\n", time, text, written ? "; " : "", written ? written : "",
           written ? " were written" : "");
}

static void
print_json(const char *line, bool known, uint64_t bytes)
{
    g_autofree char *number = g_strdup_printf("%" G_GUINT64_FORMAT, bytes);
    g_autofree char *with = known ? rl_journal_entry_add(line, "REFLINK_WRITTEN", number) : NULL;

    puts(with ? with : line);
}

/* False where no more are wanted. */
static bool
show(Log *log, const char *line)
{
    g_auto(RlJournalEntry) entry = {0};
    uint64_t bytes = 0;
    bool wanted = log->name->form != RL_NAME_REVISION, known = false;

    if (!rl_journal_entry_read(line, &entry))
        return true; /* journalctl prints one whole object a line */
    wanted = wanted || entry.revision == log->name->number;
    if (wanted && !log->wish->no_written)
        known = rl_written_get(&log->written, &entry, &bytes);
    else
        rl_written_pass(&log->written, &entry);
    if (!wanted)
        return true;
    log->shown++;
    g_autofree char *size = known ? rl_table_size(bytes) : NULL;
    if (log->call->json)
        print_json(line, known, bytes);
    else
        print_text(log, &entry, size);
    return log->shown != log->wish->lines;
}

/* To the end of what @from brings, or as far as is wanted: *@ret_whole says which. */
static bool
show_all(Log *log, FILE *from, bool *ret_whole, GError **error)
{
    g_autofree char *line = NULL;
    size_t size = 0;
    ssize_t length;

    *ret_whole = false;
    while ((length = getline(&line, &size, from)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (!show(log, line))
            return true;
    }
    *ret_whole = true;
    return !ferror(from) || rl_fail_errno(error, errno, "cannot read what journalctl prints");
}

/* Whoever has enough lets it write to nobody, which ends it. */
static bool
read_journal(Log *log, char *const *words, GError **error)
{
    g_autoptr(GError) cause = NULL;
    GPid pid;
    bool whole = false;
    int out = -1, status = 0;

    if (!g_spawn_async_with_pipes(NULL, (char **) words, NULL,
                                  G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid,
                                  NULL, &out, NULL, &cause))
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "cannot run journalctl, which reads the log: %s", cause->message);
    FILE *from = fdopen(out, "r");
    bool done = from ? show_all(log, from, &whole, error)
                     : rl_fail_errno(error, errno, "cannot read what journalctl prints");
    if (from)
        fclose(from);
    else
        close(out);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    g_spawn_close_pid(pid);
    if (done && whole && status != 0)
        return rl_fail(error, RL_ERROR_STATE, "journalctl failed, with the status %d",
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return done;
}

/* The volume need not exist any more. */
RlExit
rl_command_log(RlCall *call, GError **error)
{
    Wish wish = {0};
    const GOptionEntry options[] = {
        {"all", 'a', 0, G_OPTION_ARG_NONE, &wish.all, "Show each operation on a file as well",
         NULL},
        {"lines", 'n', 0, G_OPTION_ARG_INT, &wish.lines, "Show the newest N lines", "N"},
        {"no-written", 0, 0, G_OPTION_ARG_NONE, &wish.no_written,
         "Do not find out how much each run wrote", NULL},
        {"utc", 0, 0, G_OPTION_ARG_NONE, &wish.utc, "Print times in UTC", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    if (wish.lines < 0)
        return rl_call_misused(call, "log: --lines must be 1 or more");
    g_autoptr(RlName) name = rl_name_parse(rl_call_name(call, 0), error);
    if (!name)
        return RL_EXIT_FAILED;
    g_autoptr(GPtrArray) words = arguments_for(call, name, &wish);
    Log log = {.call = call,
               .name = name,
               .wish = &wish,
               .written = {.pool = call->pool, .volume = name->volume}};
    pid_t pager = call->json ? 0 : rl_pager_begin();
    bool done = read_journal(&log, (char *const *) words->pdata, error);
    if (done && log.shown == 0)
        rl_call_say(call,
                    "The journal has no events of %s. It forgets them at each boot if there is no "
                    "/var/log/journal.",
                    name->text);
    rl_pager_end(pager);
    call->document->printed = done || log.shown > 0;
    return rl_call_done(done);
}
