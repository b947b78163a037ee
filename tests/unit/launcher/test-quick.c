/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* The launcher as it was built, which answers for domains without a volume, and leaves all others
 * to the hook program. */
#include "common/base/autofd.h"
#include "common/base/paths.h"
#include "common/fs/mounts.h"
#include "common/fs/xattr.h"
#include "harness/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAUNCHER STAGE_DIR "/sbin/libvirt-reflink-hook"
#define PROGRAM STAGE_DIR "/libexec/libvirt-reflink/libvirt-reflink-event"
#define UUID "00000000-0000-4000-8000-0000000000aa"
#define RUN RL_LOCK_DIR "/run-qemu-" UUID
#define STARTED RL_LOCK_DIR "/started-qemu-" UUID

static const char *const operations[] = {"prepare", "start",   "started", "reconnect",
                                         "migrate", "stopped", "release"};

typedef struct {
    char *launcher;
    char *seen;  /* what the hook program has read */
    char *plain; /* a file that is nobody's */
    char *volume;
} Place;

static void
place_clear(Place *place)
{
    g_free(place->launcher);
    g_free(place->seen);
    g_free(place->plain);
    g_free(place->volume);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

/* Where the topmost directory is a part of a file system only every domain is the hook program's.
 */
static bool
has_whole_root(void)
{
    g_autoptr(GPtrArray) mounts = rl_mounts_read(NULL);
    bool whole = false;

    for (guint i = 0; mounts && i < mounts->len; i++) {
        const RlMount *mount = g_ptr_array_index(mounts, i);
        if (strcmp(mount->point, "/") == 0)
            whole = strcmp(mount->root, "/") == 0;
    }
    return whole;
}

/* A tree with the launcher, and a script in the hook program's place. */
static bool
place_begin(Place *place, Lab *lab)
{
    g_autofree char *root = test_dir(lab->fs), *bytes = NULL;
    g_autofree char *program =
        g_build_filename(root, "libexec/libvirt-reflink/libvirt-reflink-event", NULL);
    g_autofree char *dir = g_path_get_dirname(program),
                    *sbin = g_build_filename(root, "sbin", NULL);
    gsize length;

    if (!has_whole_root()) {
        g_test_skip("the topmost directory is a part of a file system");
        return false;
    }
    place->launcher = g_build_filename(sbin, "libvirt-reflink-hook", NULL);
    place->seen = g_build_filename(root, "seen", NULL);
    place->plain = g_build_filename(root, "plain.img", NULL);
    place->volume = lab_path(lab, "volumes/web.img");
    g_assert_no_errno(g_mkdir_with_parents(dir, 0755));
    g_assert_no_errno(g_mkdir_with_parents(sbin, 0755));
    g_assert_true(g_file_get_contents(LAUNCHER, &bytes, &length, NULL));
    g_assert_true(g_file_set_contents(place->launcher, bytes, (gssize) length, NULL));
    g_autofree char *script = g_strdup_printf("#!/bin/sh\ncat >'%s'\n", place->seen);
    make_file(program, script);
    make_file(place->plain, "x");
    g_assert_no_errno(chmod(place->launcher, 0755));
    g_assert_no_errno(chmod(program, 0755));
    return true;
}

static const char *
suboperation(const char *operation)
{
    return strcmp(operation, "stopped") == 0 || strcmp(operation, "release") == 0 ? "end" : "begin";
}

/* Begins @program with @xml in a pipe, as libvirt does. */
static void
call(const char *program, const char *operation, const char *xml)
{
    const char *argv[] = {program, "vm", operation, suboperation(operation), "-", NULL};
    GError *error = NULL;
    GPid pid;
    int input, status;

    g_spawn_async_with_pipes(NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                             &pid, &input, NULL, NULL, &error);
    g_assert_no_error(error);
    /* What is not for us ends at once, perhaps before this. */
    for (size_t length = strlen(xml), done = 0; done < length;) {
        ssize_t n = write(input, xml + done, length - done);
        g_assert_true(n > 0 || errno == EPIPE);
        done = n > 0 ? done + (size_t) n : length;
    }
    close(input);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, 0);
}

/* Does the launcher answer without the hook program? That has found all of @xml otherwise. */
static bool
is_quick(const Place *place, const char *operation, const char *xml)
{
    g_autofree char *text = NULL;

    unlink(place->seen);
    call(place->launcher, operation, xml);
    if (!g_file_get_contents(place->seen, &text, NULL, NULL))
        return true;
    g_assert_cmpstr(text, ==, xml);
    return false;
}

/* A domain with @elements among its devices. */
static char *
domain_of(const char *type, const char *elements)
{
    return g_strdup_printf(
        "<domain type='%s' id='3'>\n  <name>a &amp; b</name>\n  <uuid>" UUID "</uuid>\n"
        "  <description>1/2 of it's = 'x</description>\n  <metadata>\n"
        "    <x:y xmlns:x='http://example.org/domain'><x:z a='/&amp;'/></x:y>\n  </metadata>\n"
        "  <os><type arch='x86_64'>hvm</type></os>\n  <devices>\n"
        "    <emulator>/dev/null</emulator>\n%s\n"
        "    <channel type='unix'><source mode='bind' path='/run/no/such/socket'/></channel>\n"
        "    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n"
        "  </devices>\n</domain>\n",
        type, elements);
}

static char *
with_disk(const char *format, const char *path)
{
    g_autofree char *source = g_strdup_printf(format, path);
    g_autofree char *disk = g_strdup_printf("<disk type='file'>\n<source %s/>\n<backingStore/>"
                                            "<target dev='vda' bus='virtio'/></disk>",
                                            source);

    return domain_of("kvm", disk);
}

static void
forget(void)
{
    unlink(RUN);
    unlink(STARTED);
}

/* A whole life of a domain that is nobody's. */
static void
test_stranger(Lab *lab)
{
    g_auto(Place) place = {0};

    if (!place_begin(&place, lab))
        return;
    g_autofree char *stranger = with_disk("file='%s'", place.plain);
    g_autofree char *xen = domain_of("xen", "");
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        g_assert_true(is_quick(&place, operations[i], stranger));
        bool ended = strcmp(operations[i], "release") == 0;
        g_assert_true(is_there(RUN) == !ended && is_there(STARTED) == !ended);
    }
    /* What was started before this program was there. */
    g_assert_true(is_quick(&place, "start", stranger));
    g_assert_true(is_quick(&place, "release", stranger));
    g_assert_false(is_quick(&place, "reconnect", stranger));
    g_assert_false(is_quick(&place, "restore", stranger));

    g_assert_true(is_quick(&place, "prepare", xen));
    g_assert_true(is_there(RL_LOCK_DIR "/run-libxl-" UUID));
    g_assert_true(is_quick(&place, "release", xen));
    g_assert_false(is_there(RL_LOCK_DIR "/run-libxl-" UUID));
    /* Nothing of ours. */
    g_assert_true(is_quick(&place, "attach", "<domain"));

    /* A file with another name may be an image by that. */
    g_autofree char *other = g_strconcat(place.plain, "-too", NULL);
    g_assert_no_errno(link(place.plain, other));
    g_assert_false(is_quick(&place, "prepare", stranger));
    g_assert_false(is_there(RUN));
    /* As all have that came from a file system without modes. */
    g_assert_no_errno(chmod(place.plain, 0755));
    g_assert_false(is_quick(&place, "prepare", stranger));
    g_assert_no_errno(unlink(other));
    g_assert_true(is_quick(&place, "prepare", stranger));
    forget();
}

/* The topmost directories of all subvolumes have the same number: that one lies in no pool says
 * nothing of another one. */
static void
test_subvolumes(Lab *lab)
{
    struct btrfs_ioctl_vol_args plain = {.name = "plain"}, ours = {.name = "ours"};
    g_auto(Place) place = {0};

    if (!place_begin(&place, lab))
        return;
    g_autofree char *root = g_path_get_dirname(place.plain);
    rl_autofd int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    g_assert_cmpint(ioctl(fd, BTRFS_IOC_SUBVOL_CREATE, &plain), ==, 0);
    g_assert_cmpint(ioctl(fd, BTRFS_IOC_SUBVOL_CREATE, &ours), ==, 0);
    g_autofree char *first = g_build_filename(root, "plain", "a.img", NULL);
    g_autofree char *second = g_build_filename(root, "ours", "b.img", NULL);
    g_autofree char *marker = g_build_filename(root, "ours", RL_POOL_MARKER, NULL);
    make_file(first, "x");
    make_file(second, "x");
    g_autofree char *disks = g_strdup_printf(
        "<disk type='file'>\n<source file='%s'/>\n<backingStore/>\n<target dev='vda'/></disk>\n"
        "<disk type='file'>\n<source file='%s'/>\n<backingStore/>\n<target dev='vdb'/></disk>",
        first, second);
    g_autofree char *both = domain_of("kvm", disks);
    g_assert_true(is_quick(&place, "prepare", both));
    forget();
    make_file(marker, "<pool/>");
    g_assert_false(is_quick(&place, "prepare", both));
}

/* The note @path with a 0 for each number. */
static char *
form_of(const char *path)
{
    g_autoptr(GRegex) number = g_regex_new("=[0-9]+|\t[0-9]+", 0, 0, NULL);
    g_autofree char *text = read_at(path, 0, 4096);

    return g_regex_replace_literal(number, text, -1, 0, "0", 0, NULL);
}

/* Each takes over what the other one has noted. */
static void
test_notes(Lab *lab)
{
    g_auto(Place) place = {0};

    if (!place_begin(&place, lab))
        return;
    g_autofree char *stranger = with_disk("file='%s'", place.plain);
    g_assert_true(is_quick(&place, "prepare", stranger));
    g_autofree char *run = form_of(RUN), *started = form_of(STARTED);
    /* The domain may run already. */
    g_assert_false(is_quick(&place, "prepare", stranger));
    call(PROGRAM, "release", stranger);
    g_assert_false(is_there(RUN) || is_there(STARTED));

    call(PROGRAM, "prepare", stranger);
    g_autofree char *its_run = form_of(RUN), *its_started = form_of(STARTED);
    g_assert_cmpstr(run, ==, its_run);
    g_assert_cmpstr(started, ==, its_started);
    g_assert_true(is_quick(&place, "started", stranger));
    g_assert_true(is_quick(&place, "release", stranger));
    g_assert_false(is_there(RUN) || is_there(STARTED));
}

/* What else may be noted of it is the hook program's. */
static void
test_noted(Lab *lab)
{
    static const char *const others[] = {"arriving-qemu-", "layers-qemu-",   "refused-qemu-",
                                         "saved-qemu-",    "unmarked-qemu-", "reading-",
                                         "restoring-",     "layers-",        "refused-",
                                         "saved-",         "started-"};
    static const struct {
        const char *file, *text;
    } more[] = {{RUN, "[run]\nwall=1\narriving=true\n"},
                {RUN, "[run]\nwall=1\narriving=false\nrestored=true\n"},
                {RUN, "[run]\nwall=1\narriving=false\nending=stopped\nalone=false\n"},
                {RUN, ""},
                {STARTED, "began\t1\t1\ndisk\t/pool\tvolumes/web\n"},
                {STARTED, "disk\t/pool\tvolumes/web\n"},
                {STARTED, ""}};
    g_auto(Place) place = {0};

    if (!place_begin(&place, lab))
        return;
    g_autofree char *stranger = with_disk("file='%s'", place.plain);
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *note = g_strconcat(RL_LOCK_DIR "/", others[i], UUID, NULL);
        make_file(note, "");
        for (size_t j = 0; j < G_N_ELEMENTS(operations); j++)
            g_assert_false(is_quick(&place, operations[j], stranger));
        g_assert_no_errno(unlink(note));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(more); i++) {
        make_file(more[i].file, more[i].text);
        for (size_t j = 0; j < G_N_ELEMENTS(operations); j++)
            g_assert_false(is_quick(&place, operations[j], stranger));
        g_assert_no_errno(unlink(more[i].file));
    }
}

/* Is the domain left to the hook program, at its start and at its end? */
static bool
is_left(const Place *place, const char *xml)
{
    bool prepare = !is_quick(place, "prepare", xml);

    forget();
    g_assert_true(is_quick(place, "stopped", xml) == !prepare);
    return prepare;
}

static bool
leaves(const Place *place, const char *format, const char *path)
{
    g_autofree char *xml = with_disk(format, path);

    return is_left(place, xml);
}

static bool
leaves_element(const Place *place, const char *format, const char *path)
{
    g_autofree char *element = g_strdup_printf(format, path);
    g_autofree char *xml = domain_of("kvm", element);

    return is_left(place, xml);
}

static void
test_text(Lab *lab)
{
    g_auto(Place) place = {0};

    if (!place_begin(&place, lab))
        return;
    g_assert_false(leaves(&place, "file='%s'", place.plain));
    g_assert_false(leaves(&place, "file=\"%s\"", place.plain));
    g_assert_false(leaves(&place, "dev='%s'", "/dev/null"));
    g_assert_false(leaves(&place, "protocol='nbd' name='%s'", "a/b"));
    g_assert_false(leaves_element(&place, "<interface><source dev='%s'/></interface>", "eth0"));

    g_assert_true(leaves(&place, "pool='%s' volume='web'", "default"));
    g_assert_true(leaves(&place, "file='%s'", "/x/a-dirty.img"));
    g_assert_true(leaves(&place, "file='%s'", "/images/a&amp;b"));
    g_assert_true(leaves(&place, "file='%s'", "&#x2f;images"));
    g_assert_true(leaves(&place, "file='%s'", "a"));
    g_assert_true(leaves(&place, "dev=' %s'", place.plain));
    g_assert_true(leaves_element(&place, "<a:arg value='x=%s'/>", place.plain));
    g_assert_true(leaves_element(&place, "<!-- %s -->", ""));
    g_assert_true(leaves_element(&place, "<![CDATA[%s]]>", place.plain));
    g_assert_true(leaves_element(&place, "<x a=%s/>", "b"));
    g_assert_true(leaves_element(&place, "<x a='<%s'/>", "b"));

    g_autofree char *stranger = domain_of("kvm", "");
    g_autofree char *cut = g_strndup(stranger, strlen(stranger) - 4);
    g_autofree char *long_one = g_strnfill(70000, ' ');
    g_assert_false(is_left(&place, stranger));
    g_assert_true(is_left(&place, cut));
    g_assert_true(is_left(&place, ""));
    g_assert_true(leaves_element(&place, "%s", long_one));
    g_autofree char *qemu = domain_of("kvm' xmlns:qemu='x", "");
    g_assert_true(is_left(&place, qemu));
    g_assert_true(is_left(&place, "<domain type='kvm'><name>vm</name></domain>"));
}

/* libvirt finds them between 'prepare' and 'start'; where they are is looked at then. */
static void
test_layers(Lab *lab)
{
    g_auto(Place) place = {0};

    if (!place_begin(&place, lab))
        return;
    g_autofree char *layer =
        g_strdup_printf("<disk type='file'><source file='%s'/><backingStore "
                        "type='file'><source file='%s'/></backingStore></disk>",
                        place.plain, place.plain);
    g_autofree char *xml = domain_of("kvm", layer);
    g_autofree char *data =
        domain_of("kvm", "<disk><source file='/dev/null'><dataStore type='file'/></source></disk>");
    g_assert_false(is_quick(&place, "prepare", xml));
    g_assert_false(is_quick(&place, "start", xml));
    g_assert_true(is_quick(&place, "stopped", xml));
    g_assert_false(is_quick(&place, "start", data));
}

/* Whichever way a path leads to a volume. */
static void
test_places(Lab *lab)
{
    g_auto(Place) place = {0};
    GError *error = NULL;

    if (!place_begin(&place, lab))
        return;
    g_autofree char *beside = g_path_get_dirname(place.plain);
    g_autofree char *link = g_build_filename(beside, "link", NULL);
    g_autofree char *to_link = g_build_filename(beside, "to-link", NULL);
    g_autofree char *dir = g_build_filename(beside, "dir", NULL);
    g_autofree char *missing = lab_path(lab, "web"),
                    *below = g_build_filename(dir, "web.img", NULL);

    g_assert_true(leaves(&place, "file='%s'", place.volume));
    g_assert_true(leaves(&place, "file='%s'", missing));
    g_assert_true(leaves_element(&place, "<kernel> %s\n</kernel>", place.volume));
    g_assert_true(leaves_element(&place, "<serial><log file='%s'/></serial>", missing));
    g_assert_true(leaves_element(&place, "<filesystem><source dir='%s'/></filesystem>", lab->path));

    /* There is nothing behind it yet. */
    g_assert_no_errno(symlink(missing, link));
    g_assert_no_errno(symlink("link", to_link));
    g_assert_true(leaves(&place, "file='%s'", link));
    g_assert_true(leaves(&place, "file='%s'", to_link));
    g_assert_no_errno(unlink(link));
    g_assert_no_errno(symlink("plain.img", link));
    g_assert_false(leaves(&place, "file='%s'", to_link));

    g_autofree char *volumes = lab_path(lab, "volumes");
    g_assert_no_errno(g_mkdir_with_parents(volumes, 0755));
    g_assert_no_errno(symlink(volumes, dir));
    g_assert_true(leaves(&place, "file='%s'", below));
    g_assert_true(leaves_element(&place, "<filesystem><source dir='%s'/></filesystem>", dir));
    g_assert_no_errno(unlink(dir));

    /* A mount shows a part of the pool. */
    g_assert_no_errno(mkdir(dir, 0755));
    g_assert_false(leaves(&place, "file='%s'", below));
    g_assert_no_errno(mount(volumes, dir, NULL, MS_BIND, NULL));
    g_assert_true(leaves(&place, "file='%s'", below));
    g_assert_no_errno(umount(dir));
    /* Or one file. */
    make_file(place.volume, "x");
    g_assert_no_errno(mount(place.volume, place.plain, NULL, MS_BIND, NULL));
    g_assert_true(leaves(&place, "file='%s'", place.plain));
    g_assert_no_errno(umount(place.plain));

    /* By a link of /proc to what this test has open. */
    rl_autofd int fd = open(place.volume, O_RDONLY);
    g_autofree char *magic = g_strdup_printf("/proc/%d/fd/%d", getpid(), fd);
    g_assert_true(leaves(&place, "file='%s'", magic));

    /* A backup of hard links. */
    g_autofree char *backup = g_build_filename(beside, "backup", NULL);
    g_assert_false(leaves(&place, "file='%s'", place.plain));
    rl_autofd int plain = open(place.plain, O_RDWR | O_CLOEXEC);
    g_assert_true(rl_xattr_set(plain, "id", "x", &error));
    g_assert_no_errno(linkat(AT_FDCWD, place.plain, AT_FDCWD, backup, 0));
    g_assert_true(leaves(&place, "file='%s'", backup));

    /* The pool has lost its marker. */
    g_autofree char *marker = lab_path(lab, RL_POOL_MARKER);
    g_assert_no_errno(unlink(marker));
    g_assert_true(rl_xattr_set(lab->pool->root, "pool", "1", &error));
    g_assert_true(leaves(&place, "file='%s'", missing));
    g_assert_true(rl_xattr_remove(lab->pool->root, "pool", &error));
    g_assert_no_error(error);
    g_assert_false(leaves(&place, "file='%s'", missing));
}

/* Counts the system calls of the traced process @pid until it ends. */
static int
count_calls(pid_t pid, long wanted)
{
    struct __ptrace_syscall_info info;
    int status, count = 0;
    bool begun = false;

    while (waitpid(pid, &status, 0) == pid && !WIFEXITED(status)) {
        g_assert_true(WIFSTOPPED(status));
        if (WSTOPSIG(status) == (SIGTRAP | 0x80) &&
            ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0 &&
            info.op == PTRACE_SYSCALL_INFO_ENTRY) {
            /* What gcov writes of the test comes before. */
            begun = begun || info.entry.nr == SYS_execve;
            count += begun && info.entry.nr == (uint64_t) wanted;
        }
        ptrace(PTRACE_SYSCALL, pid, 0, 0);
    }
    g_assert_cmpint(status, ==, 0);
    return count;
}

/* Runs the launcher as libvirt does for a domain's start, and counts one system call. */
static int
calls_of(const Place *place, const char *operation, const char *xml, long wanted)
{
    int ends[2], status;

    g_assert_no_errno(pipe2(ends, O_CLOEXEC));
    g_assert_cmpint(write(ends[1], xml, strlen(xml)), ==, strlen(xml));
    close(ends[1]);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[0], 0);
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        execl(place->launcher, place->launcher, "vm", operation, suboperation(operation), "-",
              NULL);
        _exit(2);
    }
    close(ends[0]);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    ptrace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    ptrace(PTRACE_SYSCALL, pid, 0, 0);
    return count_calls(pid, wanted);
}

/* No library is loaded, no process is begun. A domain with a disk: its notes' directory, two notes,
 * and what it names is only looked at. */
static void
test_cost(Lab *lab)
{
    g_auto(Place) place = {0};

    if (!place_begin(&place, lab))
        return;
    g_autofree char *stranger = with_disk("file='%s'", place.plain);
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        int opens = calls_of(&place, operations[i], stranger, SYS_openat);
        g_assert_cmpint(calls_of(&place, "attach", stranger, SYS_openat), ==, 0);
        /* Before Linux 6.8 the list of mounts, once for each file system. */
        g_assert_cmpint(opens, <=, 12);
    }
    g_assert_cmpint(calls_of(&place, "start", stranger, SYS_execve), ==, 1);
    g_assert_cmpint(calls_of(&place, "start", stranger, SYS_clone), ==, 0);
    g_assert_cmpint(calls_of(&place, "start", stranger, SYS_fsync), ==, 0);
}

void
add_tests(void)
{
    signal(SIGPIPE, SIG_IGN);
    lab_add_on("/quick/subvolumes", "btrfs", test_subvolumes);
    lab_add("/quick/stranger", test_stranger);
    lab_add("/quick/notes", test_notes);
    lab_add("/quick/noted", test_noted);
    lab_add("/quick/text", test_text);
    lab_add("/quick/layers", test_layers);
    lab_add("/quick/places", test_places);
    lab_add_on("/quick/cost", "xfs", test_cost);
}
