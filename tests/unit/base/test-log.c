/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: ext4 */
/* The logs of the machine are hidden behind empty file systems, in the mount namespace that this
 * program is run in. */
#include "common/base/log.h"

#include "common/base/autofd.h"
#include "harness/disturb.h"

#include <errno.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A socket of ours where the log's is. */
static int
listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    g_assert_cmpint(bind(fd, (struct sockaddr *) &address, sizeof(address)), ==, 0);
    return fd;
}

static char *
receive(int fd)
{
    char *datagram = g_malloc0(8192);

    g_assert_cmpint(recv(fd, datagram, 8191, 0), >, 0);
    return datagram;
}

static bool
hide_logs(void)
{
    if (!g_getenv("RL_TEST_DIR_EXT4")) {
        g_test_skip("needs a mount namespace of its own");
        return false;
    }
    g_assert_cmpint(mount("tmpfs", "/dev", "tmpfs", 0, NULL), ==, 0);
    g_assert_cmpint(mount("tmpfs", "/run", "tmpfs", 0, NULL), ==, 0);
    return true;
}

static void
show_logs(void)
{
    umount2("/run", MNT_DETACH);
    umount2("/dev", MNT_DETACH);
}

static void
test_syslog(void)
{
    if (!hide_logs())
        return;
    rl_autofd int fd = listen_at("/dev/log");
    rl_log_info("%s: made %s", "a/b", "b-dirty.img");
    rl_log_warning("look\nat \x1b[2J%s", "that");
    g_autofree char *info = receive(fd), *warning = receive(fd);
    show_logs();

    g_autofree char *tail =
        g_strdup_printf(" libvirt-reflink[%d]: a/b: made b-dirty.img", (int) getpid());
    g_assert_true(g_str_has_prefix(info, "<30>"));
    g_assert_true(g_str_has_suffix(info, tail));
    g_assert_true(g_str_has_prefix(warning, "<28>"));
    /* No line begins another one, and no terminal is talked to. */
    g_assert_nonnull(strstr(warning, "look at  [2Jthat"));
}

static void
test_journal(void)
{
    if (!hide_logs())
        return;
    g_assert_cmpint(g_mkdir_with_parents("/run/systemd/journal", 0755), ==, 0);
    rl_autofd int syslog = listen_at("/dev/log");
    rl_autofd int journal = listen_at("/run/systemd/journal/socket");
    rl_log_warning("a/b: suspect");
    g_autofree char *entry = receive(journal);
    char byte;
    gssize also = recv(syslog, &byte, 1, 0);
    show_logs();

    g_assert_cmpint(also, ==, -1);
    g_assert_nonnull(strstr(entry, "a/b: suspect"));
    g_assert_nonnull(strstr(entry, "PRIORITY"));
    g_assert_nonnull(strstr(entry, "SYSLOG_IDENTIFIER"));
    g_assert_nonnull(strstr(entry, "libvirt-reflink"));
}

static void
ask_for_details(void)
{
    g_assert_cmpint(g_mkdir_with_parents(RL_LOCK_DIR, 0700), ==, 0);
    make_file(RL_LOG_DETAILS_FILE, "");
}

/* From the moment on that somebody asks, in a process that runs, and as long as he does. */
static void
test_details(void)
{
    const RlLogFields some = {.volume = "a/c"};
    char byte;

    if (!hide_logs())
        return;
    g_assert_cmpint(g_mkdir_with_parents("/run/systemd/journal", 0755), ==, 0);
    rl_autofd int journal = listen_at("/run/systemd/journal/socket");
    g_assert_false(rl_log_wants_details());
    rl_log_detail(&some, "made %s", "c.img");
    g_assert_cmpint(recv(journal, &byte, 1, 0), ==, -1);
    ask_for_details();
    g_assert_true(rl_log_wants_details());
    rl_log_detail(&some, "linked %s", "c.img");
    g_autofree char *asked = receive(journal);
    g_assert_cmpint(unlink(RL_LOG_DETAILS_FILE), ==, 0);
    rl_log_detail(&some, "removed %s", "c.img");
    gssize after = recv(journal, &byte, 1, 0);
    show_logs();

    g_assert_nonnull(strstr(asked, "MESSAGE=linked c.img\nPRIORITY=7\n"));
    g_assert_cmpint(after, ==, -1);
}

/* What the journal is asked for; no field begins another one. */
static void
test_fields(void)
{
    const RlLogFields fields = {.pool = "/srv/a\nMESSAGE=b",
                                .volume = "a/b",
                                .event = "committed",
                                .revision = 7,
                                .domain = "web"};
    const RlLogFields some = {.volume = "a/c"};

    if (!hide_logs())
        return;
    g_assert_cmpint(g_mkdir_with_parents("/run/systemd/journal", 0755), ==, 0);
    rl_autofd int journal = listen_at("/run/systemd/journal/socket");
    ask_for_details();
    rl_log_event(&fields, "%s", "it\nis");
    rl_log_detail(&some, "made %s", "c.img");
    g_autofree char *event = receive(journal), *detail = receive(journal);
    show_logs();

    g_assert_cmpstr(event, ==,
                    "MESSAGE=it is\nPRIORITY=6\nSYSLOG_IDENTIFIER=libvirt-reflink\n"
                    "REFLINK_POOL=/srv/a MESSAGE=b\nREFLINK_VOLUME=a/b\nREFLINK_EVENT=committed\n"
                    "REFLINK_REVISION=7\nDOMAIN=web\n");
    g_assert_cmpstr(detail, ==,
                    "MESSAGE=made c.img\nPRIORITY=7\nSYSLOG_IDENTIFIER=libvirt-reflink\n"
                    "REFLINK_VOLUME=a/c\n");
}

/* What has the journal's name and takes nothing is no log. */
static void
test_no_journal(void)
{
    if (!hide_logs())
        return;
    g_assert_cmpint(g_mkdir_with_parents("/run/systemd/journal", 0755), ==, 0);
    make_file("/run/systemd/journal/socket", "no socket");
    rl_autofd int syslog = listen_at("/dev/log");
    rl_log_warning("a/b: suspect");
    g_autofree char *line = receive(syslog);
    show_logs();

    g_assert_true(g_str_has_suffix(line, ": a/b: suspect"));
}

static bool
warn(Lab *lab, GError **error)
{
    (void) lab;
    (void) error;
    rl_log_warning("without a socket");
    return true;
}

/* Without any log, and with one that is full, nobody is held up, and nothing is printed: libvirt
 * would show that to its users. */
static void
test_nobody_listens(void)
{
    if (g_test_subprocess()) {
        if (!hide_logs())
            return;
        rl_log_warning("to nobody");
        Disturbance no_socket = {.nr = SYS_socket, .first = 1, .code = EMFILE};
        g_assert_true(disturb(NULL, &no_socket, warn, NULL));
        g_assert_cmpint(no_socket.made, >, 0);
        rl_autofd int fd = listen_at("/dev/log");
        for (int i = 0; i < 5000; i++)
            rl_log_info("into a full log");
        show_logs();
        return;
    }
    g_test_trap_subprocess(NULL, 10 * G_USEC_PER_SEC, 0);
    g_test_trap_assert_passed();
    g_test_trap_assert_stderr("");
}

/* A journal that takes nothing on (its daemon hangs, or starts anew) holds nobody up, and what it
 * does not take on goes to syslog. */
static void
test_full_journal(void)
{
    if (g_test_subprocess()) {
        g_assert_true(hide_logs());
        g_assert_cmpint(g_mkdir_with_parents("/run/systemd/journal", 0755), ==, 0);
        rl_autofd int journal = listen_at("/run/systemd/journal/socket");
        rl_autofd int syslog = listen_at("/dev/log");
        for (int i = 0; i < 5000; i++)
            rl_log_info("into a full log");
        g_autofree char *first = receive(journal), *next = receive(syslog);
        show_logs();
        g_assert_nonnull(strstr(first, "into a full log"));
        g_assert_nonnull(strstr(next, "into a full log"));
        return;
    }
    if (!g_getenv("RL_TEST_DIR_EXT4")) {
        g_test_skip("needs a mount namespace of its own");
        return;
    }
    g_test_trap_subprocess(NULL, 10 * G_USEC_PER_SEC, 0);
    g_test_trap_assert_passed();
}

void
add_tests(void)
{
    g_test_add_func("/log/syslog", test_syslog);
    g_test_add_func("/log/journal", test_journal);
    g_test_add_func("/log/details", test_details);
    g_test_add_func("/log/fields", test_fields);
    g_test_add_func("/log/no-journal", test_no_journal);
    g_test_add_func("/log/nobody-listens", test_nobody_listens);
    g_test_add_func("/log/full-journal", test_full_journal);
}
