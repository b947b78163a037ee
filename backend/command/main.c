/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-reflink: reflink pools from the command line, on the directory tree alone. Its manual is
 * docs/virt-reflink.8. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/libvirt/pool-registry.h"
#include "cli.h"
#include "common/base/error.h"
#include "doctor.h"
#include "xml/documents.h"

static const struct {
    const char *word;
    bool (*function)(const RlPool *, const char *, GError **);
    bool of_volume;
    const char *purpose;
} commands[] = {
    {"list", rl_command_list, false, "list the volumes of a pool with their states and domains"},
    {"info", rl_command_info, true, "show a volume and its images"},
    {"start", rl_command_start, true, "make a dirty image, for a domain that libvirt does not run"},
    {"stop", rl_command_stop, true, "commit or drop the dirty image, depending on the kind"},
    {"continue", rl_command_continue, true,
     "accept the dirty image: the next start continues with it"},
    {"discard", rl_command_discard, true,
     "drop the dirty image and all writes since the last commit"},
};

static void
print_usage(FILE *out)
{
    fprintf(out, "Usage: virt-reflink COMMAND POOL [VOLUME]\n"
                 "       virt-reflink doctor\n\n"
                 "POOL is a pool's directory, or its name in libvirt.\n\n");
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        fprintf(out, "  %-22s %s\n", commands[i].word, commands[i].purpose);
    fprintf(out, "  %-22s %s\n\nSee virt-reflink(8).\n", "doctor",
            "look whether all that pools need is there and works");
}

static RlPool *
open_pool(const char *text, GError **error)
{
    g_autofree char *path = NULL;

    if (strchr(text, '/'))
        path = g_strdup(text);
    else if (!rl_pools_reflink_root(text, &path, error))
        return NULL;
    if (path)
        return rl_pool_open(path, rl_xml_documents(), error);
    rl_fail(error, RL_ERROR_NOT_FOUND,
            "libvirt has no reflink pool '%s' (a directory needs a '/' in its path)", text);
    return NULL;
}

static int
run(size_t command, const char *pool_text, const char *volume)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlPool) pool = NULL;

    if (geteuid() != 0) {
        fprintf(stderr, "virt-reflink: this command needs root\n");
        return 1;
    }
    pool = open_pool(pool_text, &error);
    if (pool && commands[command].function(pool, volume, &error))
        return 0;
    if (volume)
        rl_error_about(&error, "volume", volume);
    fprintf(stderr, "virt-reflink: %s\n", error->message);
    return 1;
}

int
main(int argc, char **argv)
{
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_usage(stdout);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("virt-reflink " RL_VERSION "\n");
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "doctor") == 0)
        return rl_command_doctor() ? 0 : 1;
    for (size_t i = 0; argc > 1 && i < G_N_ELEMENTS(commands); i++)
        if (strcmp(argv[1], commands[i].word) == 0 && argc == (commands[i].of_volume ? 4 : 3))
            return run(i, argv[2], argv[3]);
    print_usage(stderr);
    return 2;
}
