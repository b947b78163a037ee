/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>

#include "fd.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"

/* One datagram in the form of RFC 3164. syslog(3) will not do: its identifier is the process's, and
 * this code runs inside libvirtd, which has its own. */
static void
send_to_syslog(int priority, const char *sentence)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SYSLOG_SOCKET};
    rl_autofd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;

    time_t now = time(NULL);
    struct tm local;
    char stamp[32];
    localtime_r(&now, &local);
    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local);

    g_autofree char *datagram = g_strdup_printf("<%d>%s %s[%d]: %s", LOG_DAEMON | priority, stamp,
                                                RL_LOG_IDENTIFIER, (int) getpid(), sentence);
    /* A full or missing log must not stop a domain's start. */
    (void) sendto(fd, datagram, strlen(datagram), MSG_NOSIGNAL, (struct sockaddr *) &address,
                  sizeof(address));
}

static void
send_line(GLogLevelFlags level, const char *format, va_list args)
{
    g_autofree char *sentence = g_strdup_vprintf(format, args);

    /* Names are checked before they get here, but a line that begins another one would be a
     * forgery. */
    for (char *c = sentence; *c; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';

    bool warning = level == G_LOG_LEVEL_WARNING;
    const GLogField fields[] = {
        {"MESSAGE", sentence, -1},
        {"PRIORITY", warning ? "4" : "6", -1},
        {"SYSLOG_IDENTIFIER", RL_LOG_IDENTIFIER, -1},
    };
    if (access(JOURNAL_SOCKET, F_OK) == 0 &&
        g_log_writer_journald(level, fields, G_N_ELEMENTS(fields), NULL) == G_LOG_WRITER_HANDLED)
        return;
    send_to_syslog(warning ? LOG_WARNING : LOG_INFO, sentence);
}

void
rl_log_info(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_line(G_LOG_LEVEL_INFO, format, args);
    va_end(args);
}

void
rl_log_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_line(G_LOG_LEVEL_WARNING, format, args);
    va_end(args);
}
