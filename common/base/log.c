/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "autofd.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"

/* Without waiting: a log that is missing, or full since nobody reads it, must not stop a domain's
 * start. So g_log_writer_journald() will not do, which waits. */
static bool
send_to(int fd, const char *path, const char *datagram)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    return sendto(fd, datagram, strlen(datagram), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (struct sockaddr *) &address, sizeof(address)) >= 0;
}

/* Names are checked before they get here, but a line that begins another one would be a forgery. */
static void
blank_controls(char *text)
{
    for (char *c = text; *c; c++)
        if (g_ascii_iscntrl(*c))
            *c = ' ';
}

static void
add_field(GString *datagram, const char *name, const char *value)
{
    g_autofree char *line = g_strdup(value ? value : "");

    if (!value)
        return;
    blank_controls(line);
    g_string_append_printf(datagram, "%s=%s\n", name, line);
}

/* In the journal's own form: fields, one a line. */
static bool
send_to_journal(int fd, int priority, const RlLogFields *fields, const char *sentence)
{
    g_autoptr(GString) datagram = g_string_new(NULL);

    add_field(datagram, "MESSAGE", sentence);
    g_string_append_printf(datagram, "PRIORITY=%d\nSYSLOG_IDENTIFIER=" RL_LOG_IDENTIFIER "\n",
                           priority);
    add_field(datagram, "REFLINK_POOL", fields->pool);
    add_field(datagram, "REFLINK_VOLUME", fields->volume);
    add_field(datagram, "REFLINK_EVENT", fields->event);
    if (fields->revision > 0)
        g_string_append_printf(datagram, "REFLINK_REVISION=%" G_GUINT64_FORMAT "\n",
                               fields->revision);
    add_field(datagram, "DOMAIN", fields->domain);
    return send_to(fd, JOURNAL_SOCKET, datagram->str);
}

/* In the form of RFC 3164. syslog(3) will not do: its identifier is the process's, and this code
 * runs inside libvirtd, which has its own. */
static void
send_to_syslog(int fd, int priority, const char *sentence)
{
    time_t now = time(NULL);
    struct tm local;
    char stamp[32];

    localtime_r(&now, &local);
    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local);
    g_autofree char *datagram = g_strdup_printf("<%d>%s %s[%d]: %s", LOG_DAEMON | priority, stamp,
                                                RL_LOG_IDENTIFIER, (int) getpid(), sentence);
    send_to(fd, SYSLOG_SOCKET, datagram);
}

/* A socket for each line: on one for all, the lines that a journal which hangs has not read count
 * as those of this process, and syslog would not get the next ones either. */
static void
send_line(int priority, const RlLogFields *fields, const char *format, va_list args)
{
    g_autofree char *sentence = g_strdup_vprintf(format, args);
    rl_autofd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    blank_controls(sentence);
    if (fd >= 0 && !send_to_journal(fd, priority, fields, sentence))
        send_to_syslog(fd, priority, sentence);
}

bool
rl_log_wants_details(void)
{
    return access(RL_LOG_DETAILS_FILE, F_OK) == 0;
}

void
rl_log_detail(const RlLogFields *fields, const char *format, ...)
{
    va_list args;

    if (!rl_log_wants_details())
        return;
    va_start(args, format);
    send_line(LOG_DEBUG, fields, format, args);
    va_end(args);
}

void
rl_log_event(const RlLogFields *fields, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    send_line(LOG_INFO, fields, format, args);
    va_end(args);
}

void
rl_log_info(const char *format, ...)
{
    const RlLogFields none = {0};
    va_list args;

    va_start(args, format);
    send_line(LOG_INFO, &none, format, args);
    va_end(args);
}

void
rl_log_warning(const char *format, ...)
{
    const RlLogFields none = {0};
    va_list args;

    va_start(args, format);
    send_line(LOG_WARNING, &none, format, args);
    va_end(args);
}

void
rl_log_error(const char *format, ...)
{
    const RlLogFields none = {0};
    va_list args;

    va_start(args, format);
    send_line(LOG_ERR, &none, format, args);
    va_end(args);
}
