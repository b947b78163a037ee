/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "notes.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/paths.h"
#include "note-names.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_LENGTH 36
/* What the hook program writes first, as one line each. */
#define LAST_OF_RUN "\narriving=false\n"
#define BEGAN "began\t"

#define NAME_SIZE 64
#define TEXT_SIZE 256

typedef char Name[NAME_SIZE];
typedef char Text[TEXT_SIZE];

static const char *
name_of(Name name, const char *what, const RlDomainId *id, bool with_driver)
{
    snprintf(name, NAME_SIZE, "%s-%s%s%s", what, with_driver ? id->driver : "",
             with_driver ? "-" : "", id->uuid);
    return name;
}

static int
open_dir(void)
{
    return open(RL_LOCK_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Is the note there, or can that not be told? */
static bool
may_have(int dir, const char *what, const RlDomainId *id, bool with_driver)
{
    Name name;

    return faccessat(dir, name_of(name, what, id, with_driver), F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
           errno != ENOENT;
}

/* Those that a domain without volumes does not have. */
static bool
may_have_others(int dir, const RlDomainId *id)
{
    static const char *const with_driver[] = {RL_NOTE_ARRIVING, RL_NOTE_LAYERS, RL_NOTE_REFUSED,
                                              RL_NOTE_SAVED, RL_NOTE_UNMARKED};
    static const char *const without[] = {RL_NOTE_READING, RL_NOTE_RESTORING, RL_NOTE_LAYERS,
                                          RL_NOTE_REFUSED, RL_NOTE_SAVED,     RL_NOTE_STARTED};

    for (size_t i = 0; i < sizeof(with_driver) / sizeof(with_driver[0]); i++)
        if (may_have(dir, with_driver[i], id, true))
            return true;
    for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
        if (may_have(dir, without[i], id, false))
            return true;
    return false;
}

/* Reads the note to @text. The whole of one that is longer is not read. */
static bool
read_note(int dir, const char *what, const RlDomainId *id, Text text, bool *ret_there)
{
    Name name;
    rl_autofd int fd =
        openat(dir, name_of(name, what, id, true), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    text[0] = '\0';
    *ret_there = fd >= 0;
    if (fd < 0)
        return errno == ENOENT;
    ssize_t n = read(fd, text, TEXT_SIZE);
    if (n < 0 || n == TEXT_SIZE)
        return false;
    text[n] = '\0';
    return strlen(text) == (size_t) n;
}

static bool
ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), wanted = strlen(end);

    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* Whatever else comes to be known of a run follows what it begins with. */
static bool
is_plain_run(const char *text)
{
    return ends_with(text, LAST_OF_RUN);
}

/* A line for each volume would follow. */
static bool
is_plain_list(const char *text)
{
    const char *end = strchr(text, '\n');

    return strncmp(text, BEGAN, strlen(BEGAN)) == 0 && end && end[1] == '\0';
}

RlNotes
rl_notes_look(const RlDomainId *id)
{
    rl_autofd int dir = open_dir();
    bool has_run, has_list;
    Text run, list;

    if (dir < 0)
        return errno == ENOENT ? RL_NOTES_NONE : RL_NOTES_OTHER;
    if (may_have_others(dir, id) || !read_note(dir, RL_NOTE_RUN, id, run, &has_run) ||
        !read_note(dir, RL_NOTE_STARTED, id, list, &has_list) || (has_run && !is_plain_run(run)) ||
        (has_list && !is_plain_list(list)))
        return RL_NOTES_OTHER;
    if (has_list)
        return RL_NOTES_PLAIN;
    return has_run ? RL_NOTES_NO_LIST : RL_NOTES_NONE;
}

/* One that is cut off between the two says nothing: the hook program takes it for none. */
static bool
write_note(int dir, const char *what, const RlDomainId *id, const char *text)
{
    Name name;
    rl_autofd int fd = openat(dir, name_of(name, what, id, true),
                              O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);

    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t) strlen(text);
}

static bool
read_boot_id(char id[BOOT_ID_LENGTH + 1])
{
    rl_autofd int fd = open(BOOT_ID, O_RDONLY | O_CLOEXEC);

    id[BOOT_ID_LENGTH] = '\0';
    return fd >= 0 && read(fd, id, BOOT_ID_LENGTH) == BOOT_ID_LENGTH;
}

static long long
microseconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

bool
rl_notes_begin(const RlDomainId *id)
{
    rl_autofd int dir = open_dir();
    char boot[BOOT_ID_LENGTH + 1];
    long long boot_us = microseconds(CLOCK_BOOTTIME), wall_us = microseconds(CLOCK_REALTIME);
    Text run, list;

    if (dir < 0 || !read_boot_id(boot))
        return false;
    snprintf(run, sizeof(run), "[run]\nboot=%s\nsince=%lld\nwall=%lld" LAST_OF_RUN, boot, boot_us,
             wall_us / 1000);
    snprintf(list, sizeof(list), BEGAN "%lld\t%lld\n", boot_us, wall_us);
    return write_note(dir, RL_NOTE_RUN, id, run) && write_note(dir, RL_NOTE_STARTED, id, list);
}

void
rl_notes_end(const RlDomainId *id)
{
    rl_autofd int dir = open_dir();
    Name name;

    if (dir < 0)
        return;
    unlinkat(dir, name_of(name, RL_NOTE_STARTED, id, true), 0);
    unlinkat(dir, name_of(name, RL_NOTE_RUN, id, true), 0);
}

/* An older version of the hook program has a file of that name. */
static bool
make_restoring(int dir, const char *name)
{
    if (mkdirat(dir, name, 0700) == 0)
        return true;
    if (errno == EEXIST)
        unlinkat(dir, name, 0); /* fails for a directory */
    return mkdirat(dir, name, 0700) == 0 || errno == EEXIST;
}

bool
rl_notes_refuse_restore(const RlDomainId *id)
{
    char file[NAME_SIZE + sizeof("/" RL_NOTE_UNKNOWN_THREAD RL_NOTE_REFUSED_SUFFIX)];
    Name name;

    mkdir(RL_LOCK_DIR, 0700);
    rl_autofd int dir = open_dir();
    if (dir < 0 || !make_restoring(dir, name_of(name, RL_NOTE_RESTORING, id, false)))
        return false;
    snprintf(file, sizeof(file), "%s/" RL_NOTE_UNKNOWN_THREAD RL_NOTE_REFUSED_SUFFIX, name);
    unlinkat(dir, file, 0);
    rl_autofd int fd =
        openat(dir, file, O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY | O_CLOEXEC, 0600);
    return fd >= 0;
}
