/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-reflink: reflink pools from the command line, on the directory tree alone. Its manual is
 * docs/virt-reflink.8. */
#include <stdio.h>
#include <string.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "common/base/error.h"

static const RlCommand commands[] = {
    {"list", "POOL", "list the volumes of a pool with their states and domains", 1, 1,
     RL_COMMAND_JSON, rl_command_list},
    {"info", "POOL VOLUME", "show a volume and its images", 2, 2, RL_COMMAND_JSON, rl_command_info},
    {"revisions", "POOL VOLUME", "list the revisions of a volume", 2, 2, RL_COMMAND_JSON,
     rl_command_revisions},
    {"log", "POOL VOLUME", "show what happened to a volume, newest first", 2, 2, RL_COMMAND_JSON,
     rl_command_log},
    {"start", "POOL VOLUME", "make a dirty image, for a domain that libvirt does not run", 2, 2,
     RL_COMMAND_REPORT, rl_command_start},
    {"stop", "POOL VOLUME", "commit or drop the dirty image, depending on the kind", 2, 2,
     RL_COMMAND_REPORT, rl_command_stop},
    {"attach", "POOL VOLUME DOMAIN TARGET", "start a volume and give it to a running domain", 4, 4,
     RL_COMMAND_REPORT, rl_command_attach},
    {"detach", "POOL VOLUME [DOMAIN]", "take a volume from its running domain and stop it", 2, 3,
     RL_COMMAND_REPORT, rl_command_detach},
    {"continue", "POOL VOLUME", "accept the dirty image: the next start continues with it", 2, 2,
     RL_COMMAND_REPORT, rl_command_continue},
    {"discard", "POOL VOLUME", "drop the dirty image and all writes since the last commit", 2, 2,
     RL_COMMAND_REPORT, rl_command_discard},
    {"revert", "POOL VOLUME REVISION", "give a stopped volume the content of a revision of it", 2,
     3, RL_COMMAND_REPORT, rl_command_revert},
    {"snapshot", "POOL VOLUME LABEL", "make a named revision, also while a domain runs", 3, 3,
     RL_COMMAND_REPORT, rl_command_snapshot},
    {"clone", "POOL VOLUME[@REVISION] NEW", "make a new volume from a volume or revision", 3, 3,
     RL_COMMAND_REPORT, rl_command_clone},
    {"rename", "POOL VOLUME NEW", "give a stopped volume another name", 3, 3, RL_COMMAND_REPORT,
     rl_command_rename},
    {"delete", "POOL VOLUME[@REVISION]", "delete a volume or a revision", 2, 2, RL_COMMAND_REPORT,
     rl_command_delete},
    {"prune", "POOL [VOLUME]", "remove old automatic revisions", 1, 2, RL_COMMAND_REPORT,
     rl_command_prune},
    {"check", "POOL", "say what is out of order in a pool, or waits for a decision", 1, 1,
     RL_COMMAND_REPORT, rl_command_check},
    {"usage", "POOL [VOLUME]", "show the exclusive and the shared bytes of each image", 1, 2,
     RL_COMMAND_JSON, rl_command_usage},
    {"fragmentation", "POOL [VOLUME]", "show how many extents each image has", 1, 2,
     RL_COMMAND_JSON, rl_command_fragmentation},
    {"defragment", "POOL VOLUME", "rewrite small extents of a stopped volume into large ones", 2, 2,
     RL_COMMAND_REPORT, rl_command_defragment},
    {"diff", "POOL STATE STATE", "list the ranges in which two states differ", 3, 3,
     RL_COMMAND_JSON, rl_command_diff},
    {"send", "POOL STATE", "write a state, or what changed since another, as a stream", 2, 2,
     RL_COMMAND_REPORT | RL_COMMAND_STREAM, rl_command_send},
    {"receive", "POOL VOLUME", "make a volume, or its next state, from a stream", 2, 2,
     RL_COMMAND_REPORT, rl_command_receive},
    {"import", "FILE POOL VOLUME", "make a volume of an image in another format", 3, 3,
     RL_COMMAND_FILE | RL_COMMAND_REPORT, rl_command_import},
    {"export", "POOL VOLUME[@REVISION]", "serve a state to clients of NBD, read-only", 2, 2,
     RL_COMMAND_JSON, rl_command_export},
    {"metrics", "POOL", "print metrics of a pool for Prometheus", 1, 1, RL_COMMAND_JSON,
     rl_command_metrics},
    {"init", "DIR", "make a directory a pool, and print its definition for libvirt", 1, 1,
     RL_COMMAND_NO_POOL | RL_COMMAND_ROOT | RL_COMMAND_REPORT, rl_command_init},
    {"adopt", "DIR", "show what the images in a directory would be as a pool, or make it one", 1, 1,
     RL_COMMAND_NO_POOL | RL_COMMAND_ROOT | RL_COMMAND_REPORT, rl_command_adopt},
    {"repath", "POOL [DOMAIN]", "give disks of stopped domains the paths that the volumes have now",
     1, 2, RL_COMMAND_DOMAIN | RL_COMMAND_REPORT, rl_command_repath},
    {"validate", "FILE", "check a definition of a pool, before libvirt is given it", 1, 1,
     RL_COMMAND_NO_POOL | RL_COMMAND_JSON, rl_command_validate},
    {"doctor", "", "check whether everything that pools need is installed and works", 0, 0,
     RL_COMMAND_NO_POOL | RL_COMMAND_JSON, rl_command_doctor},
};

static void
print_usage(FILE *out)
{
    fprintf(out, "Usage: virt-reflink COMMAND [OPTION...] POOL [VOLUME[@REVISION]]...\n\n"
                 "POOL is a pool's directory, or its name in libvirt. VOLUME is its name, or the\n"
                 "path of one of its images; such a path also stands for POOL and VOLUME.\n\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        fprintf(out, "  %-13s %s\n", commands[i].word, commands[i].purpose);
    fprintf(out, "\n'virt-reflink COMMAND --help' describes one command; virt-reflink(8),\n"
                 "virt-reflink-data(8) and virt-reflink-pool(8) describe all of them.\n");
}

static RlExit
run(const RlCommand *command, int argc, char **argv)
{
    g_auto(RlCall) call = {
        .command = command, .argc = argc, .argv = argv, .document = rl_document_new(command->word)};
    g_autoptr(GError) error = NULL;
    RlExit exit = command->function(&call, &error);
    bool has_volume = call.names && !(command->flags & (RL_COMMAND_NO_POOL | RL_COMMAND_DOMAIN));
    const char *name = has_volume ? rl_call_name(&call, 0) : NULL;

    if (error && name)
        rl_error_about(&error, "volume", name);
    if (error) {
        exit = RL_EXIT_FAILED;
        rl_call_complain(&call, error);
    }
    if (rl_document_is_wanted(&call, error))
        rl_document_print(&call, exit, error);
    return exit;
}

int
main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    if (argc == 2 &&
        (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)) {
        print_usage(stdout);
        return RL_EXIT_DONE;
    }
    if (argc == 2 && strcmp(word, "--version") == 0) {
        printf("virt-reflink " RL_VERSION "\n");
        return RL_EXIT_DONE;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strcmp(word, commands[i].word) == 0)
            return (int) run(&commands[i], argc - 2, argv + 2);
    if (*word && *word != '-')
        rl_call_warn(NULL, "there is no command '%s'", word);
    print_usage(stderr);
    return RL_EXIT_USAGE;
}
