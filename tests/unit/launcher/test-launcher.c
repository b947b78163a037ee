/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs */
/* The launcher as it was built, in front of hook programs that run, and of some that cannot. */
#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "harness/lab.h"
#include "harness/says.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAUNCHER STAGE_DIR "/sbin/libvirt-reflink-hook"
#define PROGRAM STAGE_DIR "/libexec/libvirt-reflink/libvirt-reflink-event"
#define STRANGER "<domain type='kvm'><name>vm</name></domain>"

static const char *const guarded[] = {"prepare", "start", "migrate"};
static const char *const harmless[] = {"reconnect", "started", "restore"};
static const char *const strange[] = {"attach", "one-of-libvirt-99"};
static const char *const ignored[] = {"stopped", "release"};

typedef struct {
    char *root;    /* of a tree with the launcher */
    char *program; /* where it looks for the hook program */
    char *said;    /* on stderr, by the last call */
} Place;

static void
place_clear(Place *place)
{
    g_free(place->root);
    g_free(place->program);
    g_free(place->said);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Place, place_clear)

/* Copies a program, with the first @word in it replaced by @other, which is as long. */
static void
copy_program(const char *from, const char *to, const char *word, const char *other)
{
    g_autofree char *bytes = NULL;
    gsize length;

    g_assert_true(g_file_get_contents(from, &bytes, &length, NULL));
    char *at = word ? memmem(bytes, length, word, strlen(word)) : NULL;
    if (at)
        memcpy(at, other, strlen(word));
    g_assert_true(g_file_set_contents(to, bytes, (gssize) length, NULL));
    g_assert_no_errno(chmod(to, 0755));
}

static void
place_begin(Place *place, Lab *lab)
{
    place->root = test_dir(lab->fs);
    place->program =
        g_build_filename(place->root, "libexec/libvirt-reflink/libvirt-reflink-event", NULL);
    g_autofree char *dir = g_path_get_dirname(place->program);
    g_autofree char *sbin = g_build_filename(place->root, "sbin", NULL);
    g_autofree char *launcher = g_build_filename(sbin, "libvirt-reflink-hook", NULL);
    g_autofree char *hook = g_build_filename(place->root, "50-reflink", NULL);

    g_assert_no_errno(g_mkdir_with_parents(dir, 0755));
    g_assert_no_errno(g_mkdir_with_parents(sbin, 0755));
    copy_program(LAUNCHER, launcher, NULL, NULL);
    g_assert_no_errno(symlink(launcher, hook));
}

/* The hook program is this script from now on. */
static void
script(const Place *place, const char *commands)
{
    g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s\n", commands);

    make_file(place->program, text);
    g_assert_no_errno(chmod(place->program, 0755));
}

static bool
is_end(const char *operation)
{
    return strcmp(operation, "stopped") == 0 || strcmp(operation, "release") == 0;
}

/* What the launcher answers to @operation, with @xml on its input. That is a file: what a pipe has
 * is another test's (test-quick.c). */
static int
call(Place *place, const char *operation, const char *xml)
{
    g_autofree char *input = g_build_filename(place->root, "input", NULL);
    g_autofree char *hook = g_build_filename(place->root, "50-reflink", NULL);
    const char *argv[] = {"/bin/sh", "-c",  "exec \"$0\" vm \"$1\" \"$3\" - <\"$2\"", hook,
                          operation, input, is_end(operation) ? "end" : "begin",      NULL};
    g_autoptr(GError) error = NULL;
    int status;

    make_file(input, xml);
    g_clear_pointer(&place->said, g_free);
    g_spawn_sync(NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, &place->said,
                 &status, &error);
    g_assert_no_error(error);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void
says(const Place *place, const char *words)
{
    if (!rl_says(place->said, words))
        g_error("it does not say '%s' but: %s", words, place->said);
}

/* The XML of a domain with this disk; @source is what stands in its element. */
static char *
domain(const char *source)
{
    return g_strdup_printf("<domain type='kvm'>\n  <name>vm</name>\n  <description>it's = 'x "
                           "</description><devices><disk type='file'><source %s/></disk>\n"
                           "</devices></domain>\n",
                           source);
}

static void
test_runs(Lab *lab)
{
    g_auto(Place) place = {0};
    g_autofree char *seen = NULL, *input = NULL;

    place_begin(&place, lab);
    g_autofree char *file = g_build_filename(place.root, "seen", NULL);
    g_autofree char *commands = g_strdup_printf(
        "{ echo \"$@\"; cat; echo \"$MARK\"; [ \"$LIBVIRT_REFLINK_LAUNCHER\" != $PPID ] || "
        "echo launched; } >'%s'",
        file);
    script(&place, commands);
    g_setenv("MARK", "of the environment", true);
    g_assert_cmpint(call(&place, "prepare", STRANGER), ==, 0);
    g_assert_cmpstr(place.said, ==, "");
    seen = read_at(file, 0, 4096);
    g_assert_cmpstr(seen, ==, "vm prepare begin -\n" STRANGER "of the environment\nlaunched\n");
    /* Nothing is there to wait for it. */
    g_assert_cmpint(call(&place, "release", STRANGER), ==, 0);
    input = read_at(file, 0, 4096);
    g_assert_cmpstr(input, ==, "vm release end -\n" STRANGER "of the environment\n");
}

static void
test_answers(Lab *lab)
{
    g_auto(Place) place = {0};

    place_begin(&place, lab);
    script(&place, "echo no >&2; exit 1");
    for (size_t i = 0; i < G_N_ELEMENTS(guarded); i++) {
        g_assert_cmpint(call(&place, guarded[i], STRANGER), ==, 1);
        g_assert_cmpstr(place.said, ==, "no\n");
    }
    g_assert_cmpint(call(&place, "started", STRANGER), ==, 1);
    g_assert_cmpint(call(&place, "restore", STRANGER), ==, 1);
    g_assert_cmpint(call(&place, "release", STRANGER), ==, 1);
    /* A domain that runs, runs. */
    g_assert_cmpint(call(&place, "reconnect", STRANGER), ==, 0);
}

/* The hook program cannot be run now; @why is a part of what is said. @starts: not even that. */
static void
cannot_run(Place *place, const char *why, bool starts)
{
    g_autofree char *ours = domain("file='/x/a-dirty.img'");

    /* The program has nothing to do with them. */
    for (size_t i = 0; i < G_N_ELEMENTS(strange); i++) {
        g_assert_cmpint(call(place, strange[i], ours), ==, 0);
        g_assert_cmpstr(place->said, ==, "");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(guarded); i++) {
        g_assert_cmpint(call(place, guarded[i], ours), ==, 1);
        says(place, why);
        says(place, "'/x/a-dirty.img'");
        says(place, guarded[i]);
        g_assert_cmpint(call(place, guarded[i], STRANGER), ==, 0);
        says(place, why);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(harmless); i++) {
        g_assert_cmpint(call(place, harmless[i], ours), ==, 0);
        says(place, why);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(ignored) && !starts; i++) {
        g_assert_cmpint(call(place, ignored[i], ours), ==, 0);
        says(place, why);
    }
}

static void
test_cannot_run(Lab *lab)
{
    g_auto(Place) place = {0};

    place_begin(&place, lab);
    cannot_run(&place, "is not there", false);
    script(&place, "exit 0");
    g_assert_no_errno(chmod(place.program, 0644));
    cannot_run(&place, "Permission denied", false);
    make_file(place.program, "#!/no/such/interpreter\n");
    g_assert_no_errno(chmod(place.program, 0755));
    cannot_run(&place, "is not there", false);
    make_file(place.program, "\177ELF, but not quite");
    g_assert_no_errno(chmod(place.program, 0755));
    cannot_run(&place, "Exec format error", false);

    copy_program(PROGRAM, place.program, "libglib-2.0.so.0", "libglib-9.9.so.9");
    cannot_run(&place, "library", true);
    says(&place, "libglib-9.9.so.9");
    script(&place, "exit 126");
    cannot_run(&place, "126", true);
    script(&place, "kill -SEGV $$");
    cannot_run(&place, "signal 11", true);
    script(&place, "kill -KILL $$");
    cannot_run(&place, "signal 9", true);
}

/* A program that came so far may have begun. */
static void
test_ran_half(Lab *lab)
{
    static const char *const ends[] = {"cat >/dev/null; kill -SEGV $$", "cat >/dev/null; exit 127",
                                       "head -c 10 >/dev/null; exit 127"};
    g_auto(Place) place = {0};

    place_begin(&place, lab);
    for (size_t i = 0; i < G_N_ELEMENTS(ends); i++) {
        script(&place, ends[i]);
        g_assert_cmpint(call(&place, "prepare", STRANGER), ==, 1);
        says(&place, "XML");
        g_assert_cmpint(call(&place, "reconnect", STRANGER), ==, 0);
    }
}

/* Is a start with that disk refused where the program is not there? */
static bool
refuses(Place *place, const char *format, const char *path)
{
    g_autofree char *source = g_strdup_printf(format, path);
    g_autofree char *xml = domain(source);

    return call(place, "prepare", xml) == 1;
}

static void
test_suspects(Lab *lab)
{
    g_auto(Place) place = {0};
    GError *error = NULL;

    place_begin(&place, lab);
    g_autofree char *plain = g_build_filename(place.root, "plain=1.img", NULL);
    g_autofree char *link = g_build_filename(place.root, "link", NULL);
    g_autofree char *inside = lab_path(lab, "volumes/web.img");
    g_autofree char *missing = lab_path(lab, "web"), *loop = lab_path(lab, "loop");

    make_file(plain, "x");
    g_assert_false(refuses(&place, "file='%s'", plain));
    g_assert_false(refuses(&place, "startupPolicy = \"optional\"\n file = \"%s\"", plain));
    g_assert_false(refuses(&place, "dev='%s'", "/dev/null"));
    g_assert_false(refuses(&place, "file='%s'", "/no/such/file"));
    g_assert_false(refuses(&place, "protocol='nbd' name='%s'", "x"));

    g_assert_true(refuses(&place, "pool='%s' volume='web'", "default"));
    g_assert_true(refuses(&place, "volume='web'\tpool = \"%s\"", "default"));
    g_assert_true(refuses(&place, "file='%s'", "/images/a&amp;b"));
    g_assert_true(refuses(&place, "file='%s'", "&#47;images/a"));
    g_assert_true(refuses(&place, "file='%s'", missing));
    g_assert_true(refuses(&place, "file = \"%s\"", missing));

    /* By the marker above what a link leads to. */
    g_autofree char *volumes = lab_path(lab, "volumes");
    g_assert_no_errno(g_mkdir_with_parents(volumes, 0755));
    make_file(inside, "x");
    g_assert_true(refuses(&place, "file='%s'", inside));
    g_assert_no_errno(symlink(inside, link));
    g_assert_true(refuses(&place, "file='%s'", link));
    /* What is no link to anything cannot be told. */
    g_assert_no_errno(symlink("loop", loop));
    g_autofree char *around = g_build_filename(place.root, "around", NULL);
    g_assert_no_errno(symlink("around", around));
    g_assert_true(refuses(&place, "file='%s'", around));

    /* By its attributes: the pool may be reached by another way. */
    rl_autofd int fd = open(plain, O_RDWR | O_CLOEXEC);
    g_assert_true(rl_xattr_set(fd, "id", "x", &error));
    g_assert_true(refuses(&place, "file='%s'", plain));
    g_assert_true(rl_xattr_remove(fd, "id", &error));
    g_assert_no_error(error);
    g_assert_false(refuses(&place, "file='%s'", plain));
}

/* In a container the first process may leave orphans that have ended as they are. */
static bool
has_ended(int pid)
{
    g_autofree char *stat = g_strdup_printf("/proc/%d/stat", pid), *text = NULL;

    if (kill(pid, 0) < 0)
        return errno == ESRCH;
    return g_file_get_contents(stat, &text, NULL, NULL) && strstr(text, ") Z ");
}

/* libvirt takes the launcher's end for that of the hook. */
static void
test_ends_together(Lab *lab)
{
    char *argv[] = {LAUNCHER, "vm", "prepare", "begin", "-", NULL};
    g_autofree char *children = NULL, *text = NULL;
    GPid launcher;
    int input;

    (void) lab;
    g_assert_true(g_spawn_async_with_pipes(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                           &launcher, &input, NULL, NULL, NULL));
    /* More is to come. */
    g_assert_cmpint(write(input, "<domain", 7), ==, 7);
    children = g_strdup_printf("/proc/%d/task/%d/children", launcher, launcher);
    int program = 0;
    for (int i = 0; i < 1000 && program == 0; i++) {
        g_clear_pointer(&text, g_free);
        program = g_file_get_contents(children, &text, NULL, NULL) ? atoi(text) : 0;
        g_usleep(10 * 1000);
    }
    g_assert_cmpint(program, >, 0);
    /* It waits for its input, and has done all that comes before. */
    g_autofree char *wchan = g_strdup_printf("/proc/%d/syscall", program);
    g_clear_pointer(&text, g_free);
    for (int i = 0; i < 1000 && (!text || !g_str_has_prefix(text, "0 0x0 ")); i++) {
        g_clear_pointer(&text, g_free);
        g_file_get_contents(wchan, &text, NULL, NULL);
        g_usleep(10 * 1000);
    }
    kill(launcher, SIGKILL);
    waitpid(launcher, NULL, 0);
    for (int i = 0; i < 1000 && !has_ended(program); i++)
        g_usleep(10 * 1000);
    g_assert_true(has_ended(program));
    close(input);
}

void
add_tests(void)
{
    lab_add("/launcher/runs", test_runs);
    lab_add("/launcher/answers", test_answers);
    lab_add("/launcher/cannot-run", test_cannot_run);
    lab_add("/launcher/ran-half", test_ran_half);
    lab_add("/launcher/suspects", test_suspects);
    lab_add_on("/launcher/ends-together", "xfs", test_ends_together);
}
