/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What one call of the hook costs: of a domain that is nobody's against an empty static program,
 * and of one with volumes against another build's hook. Processor time is that of the process and
 * of all that it waits for; the worker is not waited for. */
#include "bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISKS_MAX 4

typedef struct {
    const char *program; /* NULL: none, and nothing is measured */
    const char *operation, *suboperation;
    char *xml;
    Times *cpu, *wall;
} Call;

static void
call_clear(Call *call)
{
    g_free(call->xml);
    if (call->cpu)
        g_array_unref(call->cpu);
    if (call->wall)
        g_array_unref(call->wall);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Call, call_clear)

static double
ms_of(const struct timeval *time)
{
    return (double) time->tv_sec * 1e3 + (double) time->tv_usec / 1e3;
}

/* The call's input in a pipe, as from libvirt. */
static int
make_input(const char *xml)
{
    int ends[2];

    must(pipe2(ends, O_CLOEXEC));
    must_not_fail(write(ends[1], xml, strlen(xml)) != (ssize_t) strlen(xml), "write");
    close(ends[1]);
    return ends[0];
}

static void
do_call(void *data)
{
    Call *call = data;
    char *argv[] = {(char *) call->program,      (char *) "vm", (char *) call->operation,
                    (char *) call->suboperation, (char *) "-",  NULL};
    posix_spawn_file_actions_t actions;
    struct rusage used;
    int input = make_input(call->xml), status;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    Lap lap = lap_begin();
    must_not_fail(posix_spawn(&pid, call->program, &actions, NULL, argv, environ) != 0,
                  call->program);
    must(wait4(pid, &status, 0, &used));
    Took took = lap_end(&lap);
    must_not_fail(status != 0, call->operation);
    posix_spawn_file_actions_destroy(&actions);
    close(input);
    times_add(call->wall, took.ms);
    times_add(call->cpu, ms_of(&used.ru_utime) + ms_of(&used.ru_stime));
}

static Call
call_new(const char *program, const char *operation, const char *xml)
{
    return (Call){.program = program,
                  .operation = operation,
                  .suboperation = strcmp(operation, "release") == 0 ? "end" : "begin",
                  .xml = g_strdup(xml),
                  .cpu = times_new(),
                  .wall = times_new()};
}

static char *
domain_xml(unsigned number, const char *disks)
{
    return g_strdup_printf(
        "<domain type='xen'>\n  <name>vm%u</name>\n"
        "  <uuid>00000000-0000-4000-8000-%012u</uuid>\n  <memory unit='KiB'>1048576</memory>\n"
        "  <os><type arch='x86_64' machine='xenfv'>hvm</type></os>\n  <devices>\n"
        "    <emulator>/bin/true</emulator>\n%s"
        "    <serial type='pty'><source path='/dev/pts/2'/><target port='0'/></serial>\n"
        "    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>\n"
        "  </devices>\n</domain>\n",
        number, number, disks);
}

static void
add_disk(GString *disks, const char *path)
{
    g_string_append_printf(
        disks,
        "    <disk type='file' device='disk'>\n      <driver name='qemu' type='raw'/>\n"
        "      <source file='%s'/>\n      <target dev='xvd%c' bus='xen'/>\n    </disk>\n",
        path, (char) ('a' + strlen(disks->str) % 26));
}

static void
bench_stranger(const Bench *bench, int rounds)
{
    static const char *const operations[] = {"attach", "prepare", "start", "started", "release"};
    g_autofree char *plain = g_build_filename(bench->dir, "plain.img", NULL);
    g_autoptr(GString) disks = g_string_new(NULL);

    must_not_fail(!g_file_set_contents(plain, "x", 1, NULL), plain);
    add_disk(disks, plain);
    g_autofree char *xml = domain_xml(1, disks->str);
    table_begin(bench, "hook, a domain without a volume; CPU", "hook", "empty");
    for (size_t i = 0; i < G_N_ELEMENTS(operations); i++) {
        g_auto(Call) ours = call_new(HOOK, operations[i], xml);
        g_auto(Call) empty = call_new(EMPTY, operations[i], xml);
        g_auto(Call) end = call_new(HOOK, "release", xml);
        for (int round = 0; round < rounds; round++) {
            take_turns(1, do_call, &ours, do_call, &empty);
            /* The next one begins a run, too. */
            if (strcmp(operations[i], "prepare") == 0)
                do_call(&end);
        }
        table_row(operations[i], ours.cpu, empty.cpu, 1.5);
    }
}

/* One build's domain and its volumes. */
typedef struct {
    RlPool *pool;
    char *names[DISKS_MAX];
    int n_disks;
    bool writes;
    Call prepare, release;
} Life;

static void
life_clear(Life *life)
{
    for (int i = 0; i < life->n_disks; i++)
        g_free(life->names[i]);
    call_clear(&life->prepare);
    call_clear(&life->release);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Life, life_clear)

static void
life_begin(Life *life, RlPool *pool, const char *program, int n_disks, bool writes)
{
    static unsigned number;
    g_autoptr(GString) disks = g_string_new(NULL);

    number++;
    *life = (Life){.pool = pool, .n_disks = n_disks, .writes = writes};
    for (int i = 0; i < n_disks; i++) {
        life->names[i] = g_strdup_printf("vm%u/disk%d", number, i);
        make_volume(pool, life->names[i], MIB, 1);
        g_autofree char *path = g_strdup_printf("%s/%s-dirty.img", pool->path, life->names[i]);
        add_disk(disks, path);
    }
    g_autofree char *xml = domain_xml(number, disks->str);
    life->prepare = call_new(program, "prepare", xml);
    life->release = call_new(program, "release", xml);
}

/* The worker has made the next precache. */
static void
wait_for_worker(const Life *life)
{
    for (int i = 0; i < life->n_disks; i++) {
        g_autofree char *precache = g_strconcat(life->names[i], "-precache.img", NULL);
        while (faccessat(life->pool->root, precache, F_OK, 0) < 0)
            g_usleep(1000);
    }
    g_usleep(20 * 1000);
}

static void
live(void *data)
{
    Life *life = data;

    do_call(&life->prepare);
    for (int i = 0; i < life->n_disks && life->writes; i++) {
        g_autofree char *dirty = g_strconcat(life->names[i], "-dirty.img", NULL);
        write_block(life->pool->root, dirty);
    }
    do_call(&life->release);
    wait_for_worker(life);
}

static void
bench_life(const Bench *bench, RlPool *pool, int n_disks, bool writes, int rounds)
{
    g_autofree char *title = g_strdup_printf("hook, %d disk%s, %s written", n_disks,
                                             n_disks > 1 ? "s" : "", writes ? "4 KiB" : "nothing");
    g_auto(Life) ours, theirs;

    life_begin(&ours, pool, HOOK, n_disks, writes);
    life_begin(&theirs, pool, bench->vs ? bench->vs : HOOK, n_disks, writes);
    table_begin(bench, title, "hook", bench->vs ? "--vs" : "the same");
    take_turns(rounds, live, &ours, live, &theirs);
    double bar = bench->vs ? 0.4 : NO_BAR;
    table_row("prepare, CPU", ours.prepare.cpu, theirs.prepare.cpu, bar);
    table_row("prepare, wall", ours.prepare.wall, theirs.prepare.wall, bar);
    table_row("release, CPU", ours.release.cpu, theirs.release.cpu, bar);
    table_row("release, wall", ours.release.wall, theirs.release.wall, bar);
}

void
bench_hook(const Bench *bench)
{
    int rounds = bench->quick ? 20 : 100;
    g_autoptr(RlPool) pool = make_pool(bench);

    bench_stranger(bench, rounds);
    bench_life(bench, pool, 1, false, rounds);
    bench_life(bench, pool, 4, false, rounds);
    bench_life(bench, pool, 1, true, rounds);
    bench_life(bench, pool, 4, true, rounds);
}
