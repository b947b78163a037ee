/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs */
/* What the journal is told of a run's beginning and end. Its socket is one of ours, in the mount
 * namespace that this program is run in. */
#include "common/operation/run-event.h"

#include "common/base/autofd.h"
#include "harness/lab.h"

#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#define V "vm/disk"

static int
listen_in_place_of_the_journal(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/run/systemd/journal/socket"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    g_assert_cmpint(mount("tmpfs", "/run", "tmpfs", 0, NULL), ==, 0);
    g_assert_cmpint(g_mkdir_with_parents("/run/systemd/journal", 0755), ==, 0);
    g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
    return fd;
}

/* The next entry has each of these lines, up to NULL. */
static void
says(int journal, ...)
{
    char entry[4096] = "\n";
    gssize length = recv(journal, entry + 1, sizeof(entry) - 2, 0);
    const char *line;
    va_list lines;

    g_assert_cmpint(length, >, 0);
    va_start(lines, journal);
    while ((line = va_arg(lines, const char *))) {
        g_autofree char *whole = g_strdup_printf("\n%s\n", line);
        if (!strstr(entry, whole))
            g_error("no line '%s' in '%s'", line, entry);
    }
    va_end(lines);
}

static RlImageOwner
run_of(const char *boot, gint64 since_us)
{
    return (RlImageOwner){.name = (char *) "web", .boot_id = (char *) boot, .since_us = since_us};
}

static void
test_events(Lab *lab)
{
    g_autofree char *boot = NULL;
    char byte;

    lab_create(lab, V, "text", 1 * MIB);
    g_assert_true(g_file_get_contents("/proc/sys/kernel/random/boot_id", &boot, NULL, NULL));
    g_strchomp(boot);
    g_autoptr(RlVolume) volume = rl_volume_find(lab->pool, V, NULL);
    g_autofree char *pool = g_strconcat("REFLINK_POOL=", lab->path, NULL);
    rl_autofd int journal = listen_in_place_of_the_journal();
    gint64 now_us = rl_boot_clock_us();
    /* Since the host was booted, a while ago; since now; and in another boot. */
    const RlImageOwner days = run_of(boot, 0), moments = run_of(boot, now_us),
                       other = run_of("00000000-0000-4000-8000-000000000000", now_us);

    rl_run_event_started(volume, 0, false);
    says(journal, pool, "REFLINK_VOLUME=" V, "REFLINK_EVENT=started", "PRIORITY=6", NULL);
    volume->actor = "web";
    rl_run_event_started(volume, 0, true);
    says(journal, "REFLINK_EVENT=continued", "DOMAIN=web", NULL);
    rl_run_event_started(volume, RL_START_RESTORED, true);
    says(journal, "REFLINK_EVENT=restored", NULL);

    rl_run_event_ended(volume, &days, RL_STOP_COMMITTED, 7);
    says(journal, "REFLINK_EVENT=committed", "REFLINK_REVISION=7", NULL);
    rl_run_event_ended(volume, &moments, RL_STOP_UNWRITTEN, 0);
    says(journal, "REFLINK_EVENT=unwritten", NULL);
    rl_run_event_ended(volume, &other, RL_STOP_DROPPED, 0);
    says(journal, "REFLINK_EVENT=dropped", NULL);
    rl_run_event_ended(volume, NULL, RL_STOP_RETURNED, 0);
    says(journal, "REFLINK_EVENT=returned", NULL);
    rl_run_event_ended(volume, &moments, RL_STOP_NOTHING, 0);
    rl_run_event_ended(volume, &moments, RL_STOP_NOT_OWNED, 0);
    rl_run_event_ended(volume, &moments, RL_STOP_HELD, 0);
    g_assert_cmpint(recv(journal, &byte, 1, 0), ==, -1);
    umount2("/run", MNT_DETACH);
}

void
add_tests(void)
{
    lab_add("/run-event/events", test_events);
}
