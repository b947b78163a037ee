/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A hostile tree below a pool. Each step of the input makes one thing in it: a byte for what, then
 * its name up to a NUL. What is listed can be named, looked at and told; and nothing outside of the
 * pool is ever opened, nor any image by the scan. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/format/file-name.h"
#include "common/operation/maintenance.h"
#include "common/pool/scan.h"
#include "common/pool/volume-state.h"

#define POOL "/run/p"
#define OUTSIDE "/run/outside"
#define THINGS_MAX 40

static RlPool *pool;

/* What is being done: it tells what may be opened. */
static enum { ANYTHING, SCANNING, LOOKING } doing;

/* Called with each descriptor that the engine's open, openat and openat2 give. One with O_PATH says
 * where something is, and opens nothing. */
static int
check_opened(int fd)
{
    if (fd < 0 || doing == ANYTHING || fcntl(fd, F_GETFL) & O_PATH)
        return fd;

    g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autofree char *path = g_file_read_link(link, NULL);
    struct stat st;

    g_assert_nonnull(path);
    if (strcmp(path, POOL) != 0 && !g_str_has_prefix(path, POOL "/"))
        broken("'%s' was opened, which is not in the pool", path);
    g_assert_cmpint(fstat(fd, &st), ==, 0);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        broken("'%s' was opened, which is neither file nor directory", path);
    if (doing == SCANNING && S_ISREG(st.st_mode) && !g_str_has_suffix(path, ".volume.xml"))
        broken("'%s' was opened by the scan", path);
    return fd;
}

/* The linker puts these in place of the C library's (--wrap); 64 is what they are called where
 * offsets have 64 bits. */
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_openat64(int dir, const char *path, int flags, ...);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d);

int
__wrap_open64(const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return check_opened(__real_open64(path, flags, mode));
}

int
__wrap_openat64(int dir, const char *path, int flags, ...)
{
    va_list args;

    va_start(args, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
    va_end(args);
    return check_opened(__real_openat64(dir, path, flags, mode));
}

long
__wrap_syscall(long number, long a, long b, long c, long d)
{
    long result = __real_syscall(number, a, b, c, d);

    return number == SYS_openat2 ? check_opened((int) result) : result;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void) argc;
    (void) argv;
    need_private_run();
    pool = make_pool(POOL);
    g_assert_cmpint(g_mkdir_with_parents(OUTSIDE "/a", 0755), ==, 0);
    g_assert_true(g_file_set_contents(OUTSIDE "/a/secret.img", "secret", -1, NULL));
    g_assert_true(g_file_set_contents(OUTSIDE "/secret.img", "secret", -1, NULL));
    return 0;
}

static void
put_file(int dir, const char *name, const char *text)
{
    rl_autofd int fd =
        openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0)
        g_assert_cmpint(write(fd, text, strlen(text)), ==, (gssize) strlen(text));
}

static void
enter(int *dir, const char *name)
{
    int fd;

    if (mkdirat(*dir, name, 0755) < 0 && errno != EEXIST)
        return;
    fd = openat(*dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    close(*dir);
    *dir = fd;
}

/* Names come as they are: with line ends, without UTF-8, too long. A slash would lead elsewhere. */
static char *
take_name(Input *input)
{
    char *name = input_text(input);

    g_strdelimit(name, "/", '_');
    if (strcmp(name, "") == 0 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        *name = '\0';
    return name;
}

/* A link may lead anywhere; "O" stands for a place outside. */
static void
put_link(int dir, const char *name, Input *input)
{
    g_autofree char *where = input_text(input);
    g_autofree char *target =
        *where == 'O' ? g_strconcat(OUTSIDE, where + 1, NULL) : g_steal_pointer(&where);

    if (symlinkat(target, dir, name) < 0)
        errno = 0;
}

static void
put_record(int dir, const char *name, Input *input)
{
    g_autofree char *text = input_text(input);
    g_autofree char *file = g_strconcat(name, ".volume.xml", NULL);
    static const char *const kinds[] = {"volatile", "direct", "persistent"};
    unsigned int form = input_below(input, 5);
    g_autofree char *head =
        g_strdup_printf("<volume xmlns:reflink='urn:libvirt-reflink:storagepool:1.0'><name>x</name>"
                        "<capacity>5</capacity><reflink:volume kind='%s'%s%s%s/></volume>",
                        form < 3 ? kinds[form] : "snapshot", form == 3 ? " source='" : "",
                        form == 3 ? text : "", form == 3 ? "'" : "");

    put_file(dir, file, form == 4 ? text : head);
}

static void
put_image(int dir, const char *name, Input *input)
{
    static const char *const endings[] = {".img",
                                          "-dirty.img",
                                          "-precache.img",
                                          ".img.3@2018-01-02T05:06:07Z",
                                          ".img.18446744073709551615@2018-01-02T05:06:07Z",
                                          ".img@label",
                                          ".img~0123ab"};
    g_autofree char *file =
        g_strconcat(name, endings[input_below(input, G_N_ELEMENTS(endings))], NULL);

    put_file(dir, file, "image");
}

static void
put_one(int *dir, Input *input)
{
    unsigned int what = input_below(input, 9);
    g_autofree char *name = take_name(input);
    g_autofree char *second = NULL;

    switch (what) {
    case 0:
        enter(dir, name);
        break;
    case 1:
        close(*dir);
        *dir = open(POOL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        break;
    case 2:
        put_image(*dir, name, input);
        break;
    case 3:
        put_record(*dir, name, input);
        break;
    case 4:
        put_link(*dir, name, input);
        break;
    case 5:
        if (mkfifoat(*dir, name, 0600) < 0)
            errno = 0;
        break;
    case 6:
        second = take_name(input);
        if (linkat(*dir, name, *dir, second, 0) < 0)
            errno = 0;
        break;
    case 7:
        if (mkdirat(*dir, name, 0755) < 0)
            errno = 0;
        break;
    default:
        put_file(*dir, name, "file");
    }
}

static void
build(Input *input)
{
    int dir = open(POOL, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; i < THINGS_MAX && input->left > 0; i++)
        put_one(&dir, input);
    close(dir);
}

static void
check_revisions(const RlListed *listed)
{
    for (guint i = 0; i < listed->revisions->len; i++) {
        const RlRevision *revision = g_ptr_array_index(listed->revisions, i);
        g_autofree char *text = rl_revision_name(revision, listed->name);
        g_autoptr(RlName) name = rl_name_parse(text, NULL);
        g_assert_nonnull(name);
        g_assert_true(name->form == RL_NAME_REVISION || name->form == RL_NAME_LABEL);
        g_assert_cmpstr(name->volume, ==, listed->name);
        g_assert_true(S_ISREG(revision->st.st_mode));
    }
}

/* The engine sees the same in it when it is asked for it alone. */
static void
check_volume(const RlListed *listed)
{
    GError *error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_open(pool, listed->name, &error);
    g_autoptr(RlImageOwner) run = NULL;
    uint64_t capacity;
    RlState state;

    check_outcome(!volume, error);
    if (!volume)
        return;
    g_assert_true(rl_volume_exists(volume) == listed->exists);
    g_assert_true(volume->clean.there == listed->clean.there);
    g_assert_true(volume->dirty.there == listed->dirty.there);
    g_assert_true(!listed->recorded || listed->recorded->kind == volume->kind);

    error = NULL;
    bool good = rl_volume_capacity(volume, &capacity, &error);
    check_outcome(!good, error);
    error = NULL;
    good = rl_state_get(volume, &state, &run, &error);
    check_outcome(!good, error);
}

static void
check_listed(const GPtrArray *all)
{
    for (guint i = 0; i < all->len; i++) {
        const RlListed *listed = g_ptr_array_index(all, i);
        g_autoptr(RlName) name = rl_name_parse_volume(listed->name, NULL);
        const RlListed *before = i ? g_ptr_array_index(all, i - 1) : NULL;

        if (!name)
            broken("'%s' is listed, and no volume's name", listed->name);
        g_assert_cmpstr(name->dir, ==, listed->dir);
        g_assert_cmpstr(name->leaf, ==, listed->leaf);
        g_assert_true(!before || strcmp(before->name, listed->name) < 0);
        g_assert_true(listed->exists || listed->revisions->len > 0);
        check_revisions(listed);
        check_volume(listed);
    }
}

/* All but the marker, which is made once. */
static void
empty_pool(void)
{
    g_autoptr(GDir) dir = g_dir_open(POOL, 0, NULL);
    const char *name;

    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(POOL, name, NULL);
        if (strcmp(name, RL_POOL_MARKER) != 0)
            remove_tree(path);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input input = {data, size};
    GError *error = NULL;

    doing = ANYTHING;
    build(&input);
    doing = SCANNING;
    g_autoptr(GPtrArray) listed = rl_scan(pool, &error);
    doing = LOOKING;
    check_outcome(!listed, error);
    check_listed(listed);
    doing = ANYTHING;
    empty_pool();
    return 0;
}
