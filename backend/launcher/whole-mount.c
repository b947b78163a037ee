/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "whole-mount.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* statmount(2), Linux 6.8: a list of all mounts is dear, even its first lines. As linux/mount.h has
 * it since then; the number is that of all architectures but one. */
#ifndef SYS_statmount
#if defined(__alpha__)
#define SYS_statmount 567
#else
#define SYS_statmount 457
#endif
#endif
#define WANTED_ROOT 8

typedef struct {
    uint32_t size, spare;
    uint64_t mount, wanted;
} Request;

typedef struct {
    uint32_t size, options;
    uint64_t mask;
    uint64_t others[11];
    uint32_t root; /* where it begins in the strings */
    uint32_t point;
    uint64_t more[50];
    char strings[256];
} Answer;

_Static_assert(offsetof(Answer, root) == 104, "root");
_Static_assert(offsetof(Answer, strings) == 512, "strings");

static bool
ask_kernel(const struct statx *st, bool *ret_whole)
{
    const Request request = {
        .size = sizeof(request), .mount = st->stx_mnt_id, .wanted = WANTED_ROOT};
    Answer answer;

    if (syscall(SYS_statmount, &request, &answer, sizeof(answer), 0) < 0 ||
        !(answer.mask & WANTED_ROOT) || answer.root >= sizeof(answer.strings))
        return false;
    *ret_whole = strcmp(answer.strings + answer.root, "/") == 0;
    return true;
}

/* proc(5): ID PARENT MAJOR:MINOR ROOT. */
static bool
is_whole_line(const char *line)
{
    for (int field = 0; line && field < 3; field++) {
        line = strchr(line, ' ');
        line += line ? 1 : 0;
    }
    return line && strncmp(line, "/ ", 2) == 0;
}

/* The kernel makes no more of the list than is asked for. */
static bool
look_in_list(unsigned long long id)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    while (mounts && !found && getline(&line, &size, mounts) > 0)
        found = strtoull(line, NULL, 10) == id;
    bool whole = found && is_whole_line(line);
    free(line);
    if (mounts)
        fclose(mounts);
    return whole;
}

bool
rl_mount_shows_whole(const struct statx *st)
{
    bool whole;

    if (st->stx_mask & STATX_MNT_ID)
        return look_in_list(st->stx_mnt_id);
    return ask_kernel(st, &whole) && whole;
}
