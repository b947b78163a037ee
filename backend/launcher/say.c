/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "say.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/base/autofd.h"

#define IDENTIFIER "libvirt-reflink"
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define SYSLOG_SOCKET "/dev/log"
/* Two paths at most are in it. */
#define SENTENCE_MAX 16384

static bool
send_to(int fd, const char *path, const char *datagram)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
    return sendto(fd, datagram, strlen(datagram), MSG_NOSIGNAL | MSG_DONTWAIT,
                  (const struct sockaddr *) &address, sizeof(address)) >= 0;
}

static bool
send_to_journal(int fd, const char *sentence)
{
    char datagram[SENTENCE_MAX + 128];

    snprintf(datagram, sizeof(datagram),
             "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=" IDENTIFIER "\n", sentence, LOG_WARNING);
    return send_to(fd, JOURNAL_SOCKET, datagram);
}

/* RFC 3164. */
static void
send_to_syslog(int fd, const char *sentence)
{
    char datagram[SENTENCE_MAX + 128], stamp[32];
    time_t now = time(NULL);
    struct tm local;

    localtime_r(&now, &local);
    strftime(stamp, sizeof(stamp), "%b %e %H:%M:%S", &local);
    snprintf(datagram, sizeof(datagram), "<%d>%s " IDENTIFIER "[%d]: %s", LOG_DAEMON | LOG_WARNING,
             stamp, (int) getpid(), sentence);
    send_to(fd, SYSLOG_SOCKET, datagram);
}

void
rl_say(const char *format, ...)
{
    rl_autofd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char sentence[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    /* A name that begins another line would forge it. */
    for (char *c = sentence; *c; c++)
        if ((unsigned char) *c < ' ' || *c == 0x7f)
            *c = ' ';
    fprintf(stderr, IDENTIFIER ": %s\n", sentence);
    if (fd >= 0 && !send_to_journal(fd, sentence))
        send_to_syslog(fd, sentence);
}
