/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "say.h"

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

/* The variable names the socket that systemd has made for stdout and stderr; the latter may have
 * been led elsewhere since (systemd.exec(5)). */
static bool
is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    uintmax_t dev, ino;
    struct stat st;

    return stream && sscanf(stream, "%ju:%ju", &dev, &ino) == 2 && fstat(fd, &st) == 0 &&
           st.st_dev == dev && st.st_ino == ino;
}

void
rl_shim_say(int priority, const char *format, ...)
{
    char sentence[3 * PATH_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    if (is_journal(STDERR_FILENO)) {
        fprintf(stderr, "<%d>%s\n", priority, sentence);
        return;
    }
    fprintf(stderr, "%s\n", sentence);
    if (access("/dev/log", F_OK) == 0)
        syslog(LOG_DAEMON | priority, "%s", sentence);
}
