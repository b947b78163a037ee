/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libvirt's hook for domains (https://libvirt.org/hooks.html): argv is NAME OPERATION SUBOPERATION
 * EXTRA, stdin the domain's XML. Whatever is not for us ends at once, with nothing on stdout, which
 * libvirt would take for XML. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arrival.h"
#include "calling-daemon.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "hook.h"
#include "xml/domain.h"

/* What the parser takes at most, and one byte that tells there is more. */
#define INPUT_MAX (RL_DOMAIN_SIZE_MAX + 1)
/* Of most domains. */
#define INPUT_USUAL ((size_t) 64 << 10)

static char *
read_input(size_t *ret_length, GError **error)
{
    size_t room = INPUT_USUAL, length = 0;
    g_autofree char *text = g_malloc(room);

    while (length < INPUT_MAX) {
        if (length == room) {
            room = MIN(2 * room, INPUT_MAX);
            text = g_realloc(text, room);
        }
        ssize_t n = read(STDIN_FILENO, text + length, room - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            rl_fail_errno(error, errno, "cannot read the domain's XML");
            return NULL;
        }
        if (n == 0)
            break;
        length += (size_t) n;
    }
    *ret_length = length;
    return g_steal_pointer(&text);
}

static RlDomain *
read_domain(const char *name, GError **error)
{
    size_t length;
    g_autofree char *text = read_input(&length, error);

    return text ? rl_xml_domain_parse(text, length, name, error) : NULL;
}

static int
run(bool (*event)(const RlDomain *, GError **), const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlDomain) domain = read_domain(name, &error);

    if (domain && event(domain, &error))
        return 0;
    fprintf(stderr, "libvirt-reflink: %s\n", error->message);
    return 1;
}

/* A domain that runs must not be ended for this, and one that is ended is: what is not noted is
 * only kept longer than needed. */
static int
note(bool (*event)(const RlDomain *, GError **), const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlDomain) domain = read_domain(name, &error);

    if (!domain || !event(domain, &error))
        rl_log_warning("domain %s: %s", name, error->message);
    return 0;
}

/* Only now can be seen that a start was none that it must have. */
static int
started(const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(RlDomain) domain = read_domain(name, &error);

    if (domain && !rl_arrival_settle(domain, &error)) {
        fprintf(stderr, "libvirt-reflink: %s\n", error->message);
        return 1;
    }
    if (!domain || !rl_event_started(domain, &error))
        rl_log_warning("domain %s: %s", name, error->message);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc < 4) {
        fprintf(stderr,
                "libvirt-reflink-hook: libvirt calls this program. Link it as "
                "/etc/libvirt/hooks/libxl.d/50-reflink and /etc/libvirt/hooks/qemu.d/50-reflink\n");
        return 1;
    }
    rl_calling_daemon_follow();
    if (strcmp(argv[2], "prepare") == 0 && strcmp(argv[3], "begin") == 0)
        return run(rl_event_prepare, argv[1]);
    if (strcmp(argv[2], "start") == 0 && strcmp(argv[3], "begin") == 0)
        return run(rl_event_start, argv[1]);
    if (strcmp(argv[2], "started") == 0 && strcmp(argv[3], "begin") == 0)
        return started(argv[1]);
    if (strcmp(argv[2], "reconnect") == 0 && strcmp(argv[3], "begin") == 0)
        return note(rl_event_reconnect, argv[1]);
    if (strcmp(argv[2], "stopped") == 0 && strcmp(argv[3], "end") == 0)
        return note(rl_event_stopped, argv[1]);
    if (strcmp(argv[2], "release") == 0 && strcmp(argv[3], "end") == 0)
        return run(rl_event_release, argv[1]);
    if (strcmp(argv[2], "migrate") == 0 && strcmp(argv[3], "begin") == 0)
        return run(rl_event_migrate, argv[1]);
    if (strcmp(argv[2], "restore") == 0 && strcmp(argv[3], "begin") == 0)
        return run(rl_event_restore, argv[1]);
    return 0;
}
