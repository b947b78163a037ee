/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
/* virt-reflink's arguments, and what stands for a pool and a volume. */
#include "backend/cli/age-option.h"
#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/json.h"
#include "backend/cli/target.h"

#include "harness/lab.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGUMENTS_MAX 8

static const RlCommand one = {"one", "POOL", "look at it", 1, 1, RL_COMMAND_JSON, NULL};
static const RlCommand two = {"two", "POOL VOLUME", "do it", 2, 3, RL_COMMAND_PLAIN, NULL};
static const RlCommand four = {"four", "POOL VOLUME DOMAIN TARGET", "do it", 4, 4, RL_COMMAND_PLAIN,
                               NULL};
static const RlCommand none = {"none", "", "do it", 0, 0, RL_COMMAND_NO_POOL, NULL};

/* A call of @command with @line, split at its blanks; @pool stands for POOL. */
typedef struct {
    char **argv;
    RlCall call;
    int keep;
    GError *error;
} Begun;

static bool
begin(Begun *begun, const RlCommand *command, const char *pool, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);
    const GOptionEntry options[] = {
        {"keep", 0, 0, G_OPTION_ARG_INT, &begun->keep, "How many", "N"},
        G_OPTION_ENTRY_NULL,
    };

    begun->argv = g_new0(char *, g_strv_length(words) + 1);
    for (guint i = 0; words[i]; i++)
        begun->argv[i] = strcmp(words[i], "POOL") == 0 ? g_strdup(pool) : g_strdup(words[i]);
    begun->keep = -1;
    begun->error = NULL;
    begun->call = (RlCall){
        .command = command, .argc = *line ? (int) g_strv_length(words) : 0, .argv = begun->argv};
    return rl_call_begin(&begun->call, options, &begun->error);
}

static void
end(Begun *begun)
{
    rl_call_clear(&begun->call);
    g_clear_error(&begun->error);
    g_strfreev(begun->argv);
}

static void
test_options(Lab *lab)
{
    Begun begun;

    g_assert_true(begin(&begun, &one, lab->path, "POOL"));
    g_assert_nonnull(begun.call.pool);
    g_assert_cmpint(begun.keep, ==, -1);
    g_assert_false(begun.call.json || begun.call.quiet);
    g_assert_null(rl_call_name(&begun.call, 0));
    end(&begun);

    g_assert_true(begin(&begun, &one, lab->path, "--keep 3 POOL --json -q"));
    g_assert_cmpint(begun.keep, ==, 3);
    g_assert_true(begun.call.json && begun.call.quiet);
    end(&begun);

    g_assert_true(begin(&begun, &two, lab->path, "--keep=0 -- POOL --json"));
    g_assert_cmpint(begun.keep, ==, 0);
    g_assert_cmpstr(rl_call_name(&begun.call, 0), ==, "--json");
    end(&begun);

    g_assert_true(begin(&begun, &two, lab->path, "POOL a/b@7 a/c"));
    g_assert_cmpstr(rl_call_name(&begun.call, 0), ==, "a/b@7");
    g_assert_cmpstr(rl_call_name(&begun.call, 1), ==, "a/c");
    end(&begun);

    g_assert_true(begin(&begun, &none, NULL, ""));
    end(&begun);
}

static void
misused(const RlCommand *command, const char *pool, const char *line)
{
    Begun begun;

    g_assert_false(begin(&begun, command, pool, line));
    g_assert_no_error(begun.error);
    g_assert_cmpint(begun.call.exit, ==, RL_EXIT_USAGE);
    end(&begun);
}

static void
test_misuse(Lab *lab)
{
    misused(&one, lab->path, "");
    misused(&one, lab->path, "POOL a");
    misused(&one, lab->path, "--frob POOL");
    misused(&one, lab->path, "POOL --keep");
    misused(&one, lab->path, "POOL --keep x");
    misused(&two, lab->path, "POOL");
    misused(&two, lab->path, "--json POOL a");
    misused(&two, lab->path, "POOL a b c");
    misused(&none, lab->path, "POOL");
}

static void
test_help(void)
{
    Begun begun;

    g_assert_false(begin(&begun, &two, "/nowhere/pool", "POOL a b c d --help"));
    g_assert_no_error(begun.error);
    g_assert_cmpint(begun.call.exit, ==, RL_EXIT_DONE);
    end(&begun);
}

static void
is_target(Lab *lab, const char *relative, const char *wanted)
{
    g_autofree char *path = lab_path(lab, relative), *root = NULL, *name = NULL;
    GError *error = NULL;

    g_assert_true(rl_target_of_path(path, &root, &name, &error));
    g_assert_no_error(error);
    g_assert_cmpstr(name, ==, wanted);
    g_assert_cmpstr(root, ==, wanted ? lab->path : NULL);
}

/* What a message quotes may come from a pool that others filled. */
static void
test_warning(void)
{
    if (g_test_subprocess()) {
        rl_call_warn(NULL, "no kind: '\033]0;x\a\302\233\062J\377'");
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("virt-reflink: no kind: ' ]0;x   2J\357\277\275'\n");
}

static void
test_paths(Lab *lab)
{
    Begun begun;
    GError *error = NULL;

    lab_create(lab, "a/b", "text", 1 * MIB);
    is_target(lab, "a/b.img", "a/b");
    is_target(lab, "a/b-dirty.img", "a/b"); /* not there */
    is_target(lab, "a/b-precache.img", "a/b");
    is_target(lab, "a/b.volume.xml", "a/b");
    is_target(lab, "a/b.img.7@2018-01-02T05:06:07Z", "a/b@7");
    is_target(lab, "a/b.img@label", "a/b@label");
    is_target(lab, "volumes/c.img", "c");
    is_target(lab, "a/b.img~12ab34", NULL);
    is_target(lab, "a/b", NULL);
    is_target(lab, "b.img", NULL);

    g_autofree char *image = lab_path(lab, "a/b.img");
    g_assert_true(begin(&begun, &two, image, "POOL"));
    g_assert_cmpstr(rl_call_name(&begun.call, 0), ==, "a/b");
    g_assert_cmpint((int) begun.call.pool->ino, ==, (int) lab->pool->ino);
    end(&begun);
    misused(&one, lab->path, "POOL /nowhere/b.img");
    g_assert_true(begin(&begun, &two, image, "POOL other"));
    g_assert_cmpstr(rl_call_name(&begun.call, 0), ==, "a/b");
    g_assert_cmpstr(rl_call_name(&begun.call, 1), ==, "other");
    end(&begun);
    g_assert_true(begin(&begun, &two, lab->path, "POOL other"));
    g_assert_cmpstr(rl_call_name(&begun.call, 0), ==, "other");
    end(&begun);
    g_assert_true(begin(&begun, &four, image, "POOL vm sda"));
    g_assert_cmpstr(rl_call_name(&begun.call, 0), ==, "a/b");
    g_assert_cmpstr(rl_call_name(&begun.call, 2), ==, "sda");
    end(&begun);
    misused(&four, image, "POOL vm");
    misused(&four, lab->path, "POOL a vm");

    g_autofree char *name = rl_target_name(lab->pool, image, &error);
    g_assert_cmpstr(name, ==, "a/b");
    g_assert_null(rl_target_name(lab->pool, "/nowhere/b.img", &error));
    take_error(error, RL_ERROR_INVALID, "'/nowhere/b.img'");
    error = NULL;
    g_assert_null(rl_target_pool_path("no-such-pool", &error));
    take_error(error, RL_ERROR_NOT_FOUND, "'no-such-pool'");
}

/* Two pools: an image of one is not taken for a volume of the other that has the same name. */
static void
test_other_pool(Lab *lab)
{
    g_autofree char *other = test_dir(lab->fs), *there = g_build_filename(other, "a", NULL);
    g_autofree char *marker = g_build_filename(other, RL_POOL_MARKER, NULL);
    g_autofree char *ours = g_build_filename(lab->path, RL_POOL_MARKER, NULL), *text = NULL;
    GError *error = NULL;

    g_assert_true(g_file_get_contents(ours, &text, NULL, NULL));
    make_file(marker, text);
    g_assert_cmpint(chmod(marker, 0644), ==, 0);
    g_autofree char *image = g_build_filename(there, "b.img", NULL);
    lab_create(lab, "a/b", "text", 1 * MIB);
    g_assert_null(rl_target_name(lab->pool, image, &error));
    take_error(error, RL_ERROR_INVALID, "/a/b.img & of the pool at");
}

static void
test_json(void)
{
    g_autoptr(RlJson) json = rl_json_new();

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "a\"b", "\\\n\x1b\xff");
    rl_json_string(json, "c1", "\xc2\x9b");
    rl_json_string(json, "none", NULL);
    rl_json_number(json, "most", G_MAXUINT64);
    rl_json_bool(json, "yes", true);
    rl_json_time(json, "when", 1);
    rl_json_begin_array(json, "list");
    rl_json_number(json, NULL, 1);
    rl_json_begin_object(json, NULL);
    rl_json_end(json);
    rl_json_end(json);
    rl_json_begin_array(json, "empty");
    rl_json_end(json);
    rl_json_end(json);
    g_assert_cmpstr(rl_json_text(json), ==,
                    "{\n"
                    "  \"a\\\"b\": \"\\\\\\u000a\\u001b\xef\xbf\xbd\",\n"
                    "  \"c1\": \"\\u009b\",\n"
                    "  \"none\": null,\n"
                    "  \"most\": 18446744073709551615,\n"
                    "  \"yes\": true,\n"
                    "  \"when\": \"1970-01-01T00:00:01Z\",\n"
                    "  \"list\": [\n"
                    "    1,\n"
                    "    {}\n"
                    "  ],\n"
                    "  \"empty\": []\n"
                    "}\n");
}

/* How the document of a command ends that failed with @message. */
static void
print_failure(const char *message, GQuark domain, int code)
{
    static const RlCommand changes = {"change", "POOL", "do it", 1, 1, RL_COMMAND_REPORT, NULL};
    g_auto(RlCall)
        call = {.command = &changes, .json = TRUE, .document = rl_document_new(changes.word)};
    g_autoptr(GError) error = g_error_new_literal(domain, code, message);

    g_assert_true(rl_document_is_wanted(&call, error));
    rl_document_print(&call, RL_EXIT_FAILED, error);
    g_assert_false(rl_document_is_wanted(&call, error));
}

static void
test_document(void)
{
    if (g_test_subprocess()) {
        print_failure("volume 'a. B' has its guest's disk. End it. 'kill' does", RL_ERROR,
                      RL_ERROR_STATE);
        print_failure("no. but: full", RL_ERRNO, ENOSPC);
        print_failure("broken", RL_ERRNO, EIO);
        return;
    }
    g_test_trap_subprocess(NULL, 0, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stdout("*\"next_step\": \"End it. 'kill' does\"*"
                              "\"code\": \"no-space\"*\"errno\": \"ENOSPC\"*"
                              "\"next_step\": \"Free some space*"
                              "\"code\": \"system\"*\"errno\": \"EIO\"*"
                              "\"message\": \"broken\"\n  }\n}\n");
}

static void
test_ages(void)
{
    static const struct {
        const char *text;
        guint64 seconds; /* 0: none */
    } ages[] = {
        {"1s", 1},        {"90m", 5400},   {"24h", 86400},
        {"30d", 2592000}, {"2w", 1209600}, {"", 0},
        {"d", 0},         {"5", 0},        {"5y", 0},
        {"-1d", 0},       {"+1d", 0},      {" 1d", 0},
        {"1 d", 0},       {"1dd", 0},      {"0x1d", 0},
        {"1.5d", 0},      {"40000d", 0},   {"99999999999999999999s", 0},
    };
    guint64 seconds;

    for (gsize i = 0; i < G_N_ELEMENTS(ages); i++) {
        g_test_message("'%s'", ages[i].text);
        g_assert_cmpint(rl_age_parse(ages[i].text, &seconds), ==, ages[i].seconds > 0);
        if (ages[i].seconds > 0)
            g_assert_cmpuint(seconds, ==, ages[i].seconds);
    }
}

void
add_tests(void)
{
    lab_add("/call/options", test_options);
    lab_add("/call/misuse", test_misuse);
    g_test_add_func("/call/help", test_help);
    g_test_add_func("/call/warning", test_warning);
    lab_add("/target/paths", test_paths);
    lab_add("/target/other-pool", test_other_pool);
    g_test_add_func("/json", test_json);
    g_test_add_func("/document", test_document);
    g_test_add_func("/ages", test_ages);
}
