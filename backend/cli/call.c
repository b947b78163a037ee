/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "common/base/error.h"
#include "document.h"
#include "progress-bar.h"
#include "table.h"
#include "target.h"
#include "xml/documents.h"

/* A message quotes what is in a pool, which may have come from elsewhere. */
static void
print_sentence(const RlCall *call, const char *text)
{
    g_autofree char *sentence = rl_table_clean(g_strdup(text));

    if (call && call->bar)
        rl_progress_bar_end(call->bar);
    if (!call || !call->json || !(call->command->flags & RL_COMMAND_STREAM))
        fprintf(stderr, "virt-reflink: %s\n", sentence);
}

void
rl_call_warn(const RlCall *call, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);
    print_sentence(call, sentence);
    if (call && call->document)
        g_ptr_array_add(call->document->warnings, g_steal_pointer(&sentence));
}

void
rl_call_complain(const RlCall *call, const GError *error)
{
    print_sentence(call, error->message);
}

RlExit
rl_call_misused(RlCall *call, const char *format, ...)
{
    const RlCommand *command = call->command;
    va_list args;

    va_start(args, format);
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    va_end(args);
    if (call->document)
        g_set_error(&call->document->misuse, RL_CALL_ERROR, RL_CALL_ERROR_USAGE,
                    "%s. 'virt-reflink %s --help' lists the arguments and options", sentence,
                    command->word);
    if (call->json && command->flags & RL_COMMAND_STREAM)
        return RL_EXIT_USAGE;
    print_sentence(call, sentence);
    fprintf(stderr,
            "Usage: virt-reflink %s [OPTION...]%s%s\n"
            "'virt-reflink %s --help' lists the options.\n",
            command->word, *command->arguments ? " " : "", command->arguments, command->word);
    return RL_EXIT_USAGE;
}

void
rl_call_say(const RlCall *call, const char *format, ...)
{
    va_list args;

    if (call->bar)
        rl_progress_bar_end(call->bar);
    if (call->quiet || call->json)
        return;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout); /* what follows may take a while */
}

const char *
rl_call_name(const RlCall *call, guint index)
{
    return index < call->names->len ? g_ptr_array_index(call->names, index) : NULL;
}

void
rl_call_clear(RlCall *call)
{
    if (call->names)
        g_ptr_array_unref(call->names);
    if (call->bar)
        rl_progress_bar_end(call->bar);
    g_clear_pointer(&call->bar, g_free);
    rl_pool_close(call->pool);
    g_clear_pointer(&call->file, g_free);
    g_clear_pointer(&call->document, rl_document_free);
    call->names = NULL;
    call->pool = NULL;
}

static void
print_help(const RlCommand *command, GOptionContext *context)
{
    g_autofree char *options = g_option_context_get_help(context, TRUE, NULL);
    const char *list = strstr(options, "\n\n");

    printf("Usage: virt-reflink %s [OPTION...]%s%s\n\n%c%s.%s", command->word,
           *command->arguments ? " " : "", command->arguments, g_ascii_toupper(*command->purpose),
           command->purpose + 1, list ? list : "\n");
}

/* The arguments without the options, and without the "--" that ends them. */
static GStrv
parse_options(RlCall *call, const GOptionEntry *options, gboolean *ret_help, GError **error)
{
    const GOptionEntry common[] = {
        {"help", 'h', 0, G_OPTION_ARG_NONE, ret_help, "Show this help", NULL},
        {"quiet", 'q', 0, G_OPTION_ARG_NONE, &call->quiet, "Print errors only", NULL},
        G_OPTION_ENTRY_NULL,
    };
    const GOptionEntry shows[] = {
        {"json", 0, 0, G_OPTION_ARG_NONE, &call->json, "Print JSON", NULL},
        G_OPTION_ENTRY_NULL,
    };
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    g_autoptr(GStrvBuilder) words = g_strv_builder_new();

    g_strv_builder_add(words, "virt-reflink");
    for (int i = 0; i < call->argc; i++)
        g_strv_builder_add(words, call->argv[i]);
    g_auto(GStrv) argv = g_strv_builder_end(words);

    g_option_context_set_help_enabled(context, FALSE);
    if (options)
        g_option_context_add_main_entries(context, options, NULL);
    if (call->command->flags & (RL_COMMAND_JSON | RL_COMMAND_REPORT))
        g_option_context_add_main_entries(context, shows, NULL);
    g_option_context_add_main_entries(context, common, NULL);
    if (!g_option_context_parse_strv(context, &argv, error))
        return NULL;
    if (*ret_help)
        print_help(call->command, context);

    g_autoptr(GStrvBuilder) left = g_strv_builder_new();
    bool ended = false;
    for (guint i = 1; argv[i]; i++) {
        if (!ended && strcmp(argv[i], "--") == 0)
            ended = true;
        else
            g_strv_builder_add(left, argv[i]);
    }
    return g_strv_builder_end(left);
}

static bool
open_pool(RlCall *call, const char *text, GError **error)
{
    g_autofree char *path = rl_target_pool_path(text, error);

    call->pool = path ? rl_pool_open(path, rl_xml_documents(), error) : NULL;
    if (!call->pool)
        rl_target_explain_pool(text, path, error);
    return call->pool != NULL;
}

/* An image's path instead of POOL and VOLUME. *@ret_taken is false where @text is none. */
static bool
take_path(RlCall *call, const char *text, bool *ret_taken, GError **error)
{
    g_autofree char *root = NULL, *name = NULL;

    if (!rl_target_of_path(text, &root, &name, error))
        return false;
    *ret_taken = root != NULL;
    if (!root)
        return true;
    call->pool = rl_pool_open(root, rl_xml_documents(), error);
    g_ptr_array_add(call->names, g_steal_pointer(&name));
    return call->pool != NULL;
}

/* May the first one stand for POOL and VOLUME? Where that is not needed for their number, only what
 * has a slash. */
static bool
can_be_path(const RlCommand *command, GStrv words, guint count)
{
    return command->least >= 2 && count > 0 && count < command->most &&
           !(command->flags & RL_COMMAND_FILE) &&
           (count + 1 == command->least || (count + 1 > command->least && strchr(words[0], '/')));
}

static bool
take_arguments(RlCall *call, GStrv words, GError **error)
{
    const RlCommand *command = call->command;
    guint count = g_strv_length(words);
    bool taken = false;

    if (can_be_path(command, words, count) && !take_path(call, words[0], &taken, error))
        return false;
    if (!taken && can_be_path(command, words, count) && strchr(words[0], '/') &&
        count < command->least) {
        call->exit = rl_call_misused(call,
                                     "%s: '%s' is not the path of an image of a volume, so it "
                                     "cannot stand for a pool and a volume",
                                     command->word, words[0]);
        return false;
    }
    if (!taken && (count < command->least || count > command->most)) {
        call->exit = rl_call_misused(call, "%s: %s", command->word,
                                     count < command->least ? "an argument is missing"
                                                            : "there are too many arguments");
        return false;
    }
    if (command->flags & RL_COMMAND_NO_POOL) {
        for (guint i = 0; i < count; i++)
            g_ptr_array_add(call->names, g_strdup(words[i]));
        return true;
    }
    guint first = command->flags & RL_COMMAND_FILE ? 1 : 0;
    if (first)
        call->file = g_strdup(words[0]);
    if (!taken && !open_pool(call, words[first], error))
        return false;
    for (guint i = first + 1; i < count; i++) {
        char *name = command->flags & RL_COMMAND_DOMAIN
                         ? g_strdup(words[i])
                         : rl_target_name(call->pool, words[i], error);
        if (!name)
            return false;
        g_ptr_array_add(call->names, name);
    }
    return true;
}

/* What the command is about, for the document. */
static void
note_arguments(const RlCall *call)
{
    const char *name = call->command->flags & RL_COMMAND_DOMAIN ? NULL : rl_call_name(call, 0);

    if (!call->document || !call->pool)
        return;
    g_autofree char *volume = name ? g_strndup(name, strcspn(name, "@")) : NULL;
    rl_json_string(call->document->json, "pool", call->pool->path);
    if (volume)
        rl_json_string(call->document->json, "volume", volume);
}

bool
rl_call_begin(RlCall *call, const GOptionEntry *options, GError **error)
{
    g_autoptr(GError) cause = NULL;
    gboolean help = FALSE;
    g_auto(GStrv) words = parse_options(call, options, &help, &cause);

    call->names = g_ptr_array_new_with_free_func(g_free);
    if (!words) {
        call->exit = rl_call_misused(call, "%s: %s", call->command->word, cause->message);
        return false;
    }
    call->exit = help ? RL_EXIT_DONE : RL_EXIT_FAILED;
    if (help)
        return false;
    guint count = g_strv_length(words);
    bool needs_root =
        !(call->command->flags & RL_COMMAND_NO_POOL) || (call->command->flags & RL_COMMAND_ROOT);
    if (needs_root && count > 0 && count <= call->command->most && geteuid() != 0)
        return rl_fail(error, RL_ERROR_STATE, "'virt-reflink %s' needs root: type it with sudo",
                       call->command->word);
    if (!take_arguments(call, words, error))
        return false;
    note_arguments(call);
    if (call->pool) {
        call->bar = g_new0(RlProgressBar, 1);
        call->pool->progress = rl_progress_bar_begin(call->bar, call);
    }
    return true;
}
