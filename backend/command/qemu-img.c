/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qemu-img.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "foreign-image.h"

/* Descriptors of the process. */
#define FROM 3
#define TO 4

/* What qemu-img check exits with: lost clusters are no fault of the content, and some formats
 * cannot be checked (qemu-img(1)). */
#define CHECK_LEAKS 3
#define CHECK_UNSUPPORTED 63

static const struct {
    const char *ending, *format;
} formats[] = {
    {".qcow2", "qcow2"}, {".vmdk", "vmdk"}, {".vdi", "vdi"},
    {".vhdx", "vhdx"},   {".vhd", "vpc"},   {".raw", "raw"},
};

const char *
rl_qemu_img_format(const char *path)
{
    g_autofree char *lower = g_ascii_strdown(path, -1);

    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        if (g_str_has_suffix(lower, formats[i].ending))
            return formats[i].format;
    return NULL;
}

bool
rl_qemu_img_knows(const char *format)
{
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        if (strcmp(format, formats[i].format) == 0)
            return true;
    return false;
}

/* What qemu-img says of it, line by line. */
static bool
judge(const char *said, uint64_t *ret_bytes, GError **error)
{
    const char *size = strstr(said, "\nvirtual size: ");
    const char *kind = strstr(said, "\n    create type: ");
    const char *parent = strstr(said, "\n    parent cid: ");
    const char *bytes = size ? strchr(size, '(') : NULL;

    if (strstr(said, "\nencrypted: yes"))
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "it is encrypted. Decrypt it first (qemu-img convert)");
    if (strstr(said, "\nbacking file: ") || strstr(said, "data file: "))
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "it has a backing file or a data file. Merge the files into one image first "
                       "(qemu-img convert)");
    if (parent && !g_str_has_prefix(parent, "\n    parent cid: 4294967295\n"))
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "it has only what differs from its parent. Make one image of both first "
                       "(qemu-img convert)");
    if (kind && !g_str_has_prefix(kind, "\n    create type: monolithicSparse\n") &&
        !g_str_has_prefix(kind, "\n    create type: streamOptimized\n"))
        return rl_fail(
            error, RL_ERROR_UNSUPPORTED,
            "its data are in other files. Make one image of them first (qemu-img convert)");
    if (!bytes || sscanf(bytes, "(%" G_GINT64_MODIFIER "u bytes)", ret_bytes) != 1)
        return rl_fail(error, RL_ERROR_INVALID, "qemu-img does not tell its size");
    return true;
}

/* A call of qemu-img: what it prints is handed to @said with @data, in pieces. */
typedef struct {
    const char *const *argv;
    int from, to; /* -1: it does not write */
    void (*said)(const char *piece, void *data);
    void *data;
} Run;

/* The process ends with this one. */
static void
prepare_child(gpointer data)
{
    (void) data;
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

/* Fails with what qemu-img printed to @errors last, without its name. */
static bool
fail_with(int errors, GError **error)
{
    char text[4096];
    size_t length = 0;
    ssize_t got;

    while (length < sizeof(text) - 1 &&
           (got = read(errors, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t) got;
    text[length] = '\0';
    const char *line = g_strstrip(text);
    if (g_str_has_prefix(line, "qemu-img: "))
        line += strlen("qemu-img: ");
    return rl_fail(error, RL_ERROR_INVALID, "qemu-img failed: %s", *line ? line : "it was killed");
}

/* Its messages go to a file without a name: a pipe that is not read would stop it. */
static bool
spawn(const Run *how, int errors, GPid *ret_pid, int *ret_out, GError **error)
{
    const int source[] = {how->from, how->to}, target[] = {FROM, TO};
    g_auto(GStrv) environment = g_environ_setenv(g_get_environ(), "LC_ALL", "C", TRUE);
    g_autoptr(GError) cause = NULL;

    if (g_spawn_async_with_pipes_and_fds(NULL, how->argv, (const char *const *) environment,
                                         G_SPAWN_SEARCH_PATH | G_SPAWN_DO_NOT_REAP_CHILD,
                                         prepare_child, NULL, -1, -1, errors, source, target,
                                         how->to < 0 ? 1 : 2, ret_pid, NULL, ret_out, NULL, &cause))
        return true;
    if (g_error_matches(cause, G_SPAWN_ERROR, G_SPAWN_ERROR_NOENT))
        return rl_fail(error, RL_ERROR_UNSUPPORTED,
                       "qemu-img is missing. Install the package qemu-utils");
    return rl_fail(error, RL_ERROR_UNSUPPORTED, "cannot run qemu-img: %s", cause->message);
}

/* Returns the exit code; -1 where it was killed. */
static int
wait_for(GPid pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool
run(const Run *how, int *ret_code, GError **error)
{
    g_autofree char *template = g_build_filename(g_get_tmp_dir(), "virt-reflink.XXXXXX", NULL);
    rl_autofd int errors = g_mkstemp(template);
    rl_autofd int out = -1;
    char piece[1024];
    ssize_t length;
    GPid pid;

    if (errors < 0)
        return rl_fail_errno(error, errno, "cannot make '%s'", template);
    unlink(template);
    if (!spawn(how, errors, &pid, &out, error))
        return false;
    while ((length = read(out, piece, sizeof(piece) - 1)) > 0 || (length < 0 && errno == EINTR)) {
        if (length < 0)
            continue;
        piece[length] = '\0';
        how->said(piece, how->data);
    }
    int code = wait_for(pid);
    lseek(errors, 0, SEEK_SET);
    if (ret_code)
        *ret_code = code;
    return code == 0 || fail_with(errors, error);
}

static void
collect(const char *piece, void *data)
{
    g_string_append(data, piece);
}

/* The file, for --image-opts; owned by the caller. The size of a VHD is what it says. Unless it
 * knows the program that made it, QEMU goes by the geometry, which is rounded down: the last
 * sectors would be missing (vpc_open() in block/vpc.c). */
static char *
image_options(const char *format)
{
    return g_strdup_printf("driver=%s,%sfile.driver=file,file.filename=/proc/self/fd/%d", format,
                           strcmp(format, "vpc") == 0 ? "force_size_calc=current_size," : "", FROM);
}

/* Every cluster that the file says to have is there and is used once. */
static bool
check(int fd, const char *format, GError **error)
{
    const char *argv[] = {"qemu-img", "check", "-q", "-f", format, "/proc/self/fd/3", NULL};
    g_autoptr(GString) said = g_string_new(NULL);
    g_autoptr(GError) cause = NULL;
    int code = 0;

    if (run(&(Run){argv, fd, -1, collect, said}, &code, &cause) || code == CHECK_LEAKS ||
        code == CHECK_UNSUPPORTED)
        return rl_foreign_require_whole(fd, format, error);
    return rl_fail(error, RL_ERROR_INVALID,
                   "it is damaged or truncated (qemu-img check says where)");
}

bool
rl_qemu_img_size(int fd, const char *format, uint64_t *ret_bytes, GError **error)
{
    g_autofree char *options = image_options(format);
    const char *argv[] = {"qemu-img", "info", "--image-opts", options, NULL};
    g_autoptr(GString) said = g_string_new(NULL);

    return rl_foreign_require_alone(fd, format, error) &&
           run(&(Run){argv, fd, -1, collect, said}, NULL, error) &&
           judge(said->str, ret_bytes, error) && check(fd, format, error);
}

typedef struct {
    RlProgress progress;
    uint64_t size;
} Reported;

/* "    (12.34/100%)" and a carriage return. */
static void
pass_on(const char *piece, void *data)
{
    const Reported *reported = data;
    const char *last = strrchr(piece, '(');
    double percent = last ? g_ascii_strtod(last + 1, NULL) : 0;

    if (!last || !reported->progress.report)
        return;
    uint64_t at = (uint64_t) ((double) reported->size * CLAMP(percent, 0, 100) / 100);
    reported->progress.report(at, reported->size, at, reported->progress.data);
}

bool
rl_qemu_img_convert(int fd, const char *format, int to, uint64_t size, RlProgress progress,
                    GError **error)
{
    g_autofree char *options = image_options(format);
    const char *argv[] = {"qemu-img", "convert", "-p",           "-n",    "--target-is-zero",
                          "-O",       "raw",     "--image-opts", options, "/proc/self/fd/4",
                          NULL};
    Reported reported = {progress, size};

    return rl_foreign_require_alone(fd, format, error) &&
           run(&(Run){argv, fd, to, pass_on, &reported}, NULL, error);
}
