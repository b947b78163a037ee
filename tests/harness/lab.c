/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "lab.h"

#include "common/base/autofd.h"
#include "common/fs/xattr.h"
#include "common/operation/maintenance.h"
#include "common/operation/pool-build.h"
#include "common/operation/rename.h"
#include "common/operation/staged-image.h"
#include "says.h"
#include "xml/documents.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

const RlDomainRef by_hand = {
    .driver = RL_OWNER_BY_HAND, .uuid = "by hand", .name = "started by hand"};
const RlDomainRef alice = {
    .driver = "qemu", .uuid = "11111111-1111-4111-8111-111111111111", .name = "alice"};
const RlDomainRef bob = {
    .driver = "qemu", .uuid = "22222222-2222-4222-8222-222222222222", .name = "bob"};

const RlDomainRef xen = {
    .driver = "libxl", .uuid = "33333333-3333-4333-8333-333333333333", .name = "xen"};

typedef struct {
    const char *fs;
    LabTest test;
} Case;

static RlOptions *
default_options(bool reflinks)
{
    RlOptions *options = rl_options_new();

    options->keep.newest = 3;
    options->fallback_copy = !reflinks;
    return options;
}

char *
test_dir(const char *fs)
{
    g_autofree char *upper = g_ascii_strup(fs, -1);
    g_autofree char *variable = g_strconcat("RL_TEST_DIR_", upper, NULL);
    const char *base = g_getenv(variable);

    if (!base) {
        g_autofree char *reason = g_strdup_printf("%s is not set", variable);
        g_test_skip(reason);
        return NULL;
    }
    char *dir = g_build_filename(base, "XXXXXX", NULL);
    g_assert_nonnull(g_mkdtemp(dir));
    return dir;
}

static void
run_case(gconstpointer data)
{
    const Case *c = data;
    Lab lab = {.fs = c->fs, .reflinks = !g_str_has_prefix(c->fs, "ext")};
    g_autofree char *dir = test_dir(c->fs);
    g_autoptr(RlOptions) options = default_options(lab.reflinks);
    RlAccess access = {(mode_t) -1, (uid_t) -1, (gid_t) -1};
    GError *error = NULL;

    if (!dir)
        return;
    lab.path = g_build_filename(dir, "pool", NULL);
    rl_pool_build(lab.path, options, &access, rl_xml_documents(), &error);
    g_assert_no_error(error);
    lab.pool = lab_pool(&lab);
    c->test(&lab);
    rl_pool_close(lab.pool);
    g_free(lab.path);
}

void
lab_add_on(const char *path, const char *only, LabTest test)
{
    g_auto(GStrv) names = g_strsplit(only, " ", -1);

    for (char **name = names; *name; name++) {
        g_autofree char *full = g_strconcat(path, "@", *name, NULL);
        Case *c = g_new0(Case, 1);
        c->fs = g_intern_string(*name);
        c->test = test;
        g_test_add_data_func_full(full, c, run_case, g_free);
    }
}

void
lab_add(const char *path, LabTest test)
{
    lab_add_on(path, "xfs btrfs ext4", test);
}

RlPool *
lab_pool(Lab *lab)
{
    GError *error = NULL;
    RlPool *pool = rl_pool_open(lab->path, rl_xml_documents(), &error);

    g_assert_no_error(error);
    return pool;
}

void
lab_options(Lab *lab, int keep)
{
    g_autoptr(RlOptions) options = rl_options_copy(lab->pool->options);
    GError *error = NULL;

    options->keep.newest = keep;
    rl_pool_set_options(lab->pool, options, &error);
    g_assert_no_error(error);
}

static void
create(Lab *lab, const char *name, const RlRecord *record, const char *text, uint64_t size)
{
    RlAccess access = RL_ACCESS_DEFAULT;
    GError *error = NULL;
    g_autoptr(RlStagedImage) draft = rl_staged_new(lab_pool(lab), name, &access, &error);

    g_assert_no_error(error);
    if (text) {
        g_autofree char *data = g_malloc(64 * KIB);
        memset(data, 'c', 64 * KIB);
        memcpy(data, text, strlen(text) + 1);
        g_assert_cmpint(pwrite(draft->fd, data, 64 * KIB, 0), ==, 64 * KIB);
    }
    rl_staged_create(draft, record, size, &error);
    g_assert_no_error(error);
    if (text) {
        g_autofree char *clean = lab_file(lab, name, RL_FILE_CLEAN);
        set_mtime(clean, time(NULL) - 60, 123456789);
    }
}

void
lab_create(Lab *lab, const char *name, const char *text, uint64_t size)
{
    create(lab, name, NULL, text, size);
}

void
lab_create_kind(Lab *lab, const char *name, RlKind kind, const char *source, const char *text,
                uint64_t size)
{
    g_autoptr(RlRecord) record = rl_record_new(kind, source, size);

    create(lab, name, record, text, size);
}

void
lab_start(Lab *lab, const char *name, const RlDomainRef *owner)
{
    GError *error = NULL;
    g_autoptr(RlStarted) started = rl_volume_start(lab->pool, name, owner, 0, &error);

    g_assert_no_error(error);
    g_assert_nonnull(started);
}

void
lab_stop(Lab *lab, const char *name, const RlDomainRef *owner, RlStop wanted)
{
    GError *error = NULL;
    RlStop stop;
    bool done = rl_volume_stop(lab->pool, name, owner, &stop, &error);

    g_assert_no_error(error);
    g_assert_true(done);
    g_assert_cmpint(stop, ==, wanted);
}

RlStarted *
lab_start_with(Lab *lab, const char *name, const RlDomainRef *owner, RlStartFlags flags)
{
    g_autoptr(GError) error = NULL;
    RlStarted *started = rl_volume_start(lab->pool, name, owner, flags, &error);

    g_assert_no_error(error);
    return started;
}

void
lab_crash(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    g_autoptr(RlImageOwner) run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_free(run->boot_id);
    run->boot_id = g_strdup("another");
    g_assert_true(rl_image_owner_put_back(fd, run, NULL));
    g_autofree char *user = g_strdup_printf("another %s", run->uuid);
    g_assert_true(rl_xattr_set(fd, RL_ATTR_USED_BY, user, NULL));
}

RlState
lab_state(Lab *lab, const char *name)
{
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, NULL);
    g_autoptr(GError) error = NULL;
    RlState state;

    rl_state_get(volume, &state, NULL, &error);
    g_assert_no_error(error);
    return state;
}

RlImageOwner *
lab_run_of(Lab *lab, const char *name)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);
    RlImageOwner *run = NULL;

    g_assert_true(rl_image_owner_get(fd, &run, NULL));
    g_assert_nonnull(run);
    return run;
}

void
lab_run(Lab *lab, const char *name, const char *text)
{
    GError *error = NULL;

    lab_start(lab, name, &alice);
    image_write(lab, name, RL_FILE_DIRTY, text);
    lab_stop(lab, name, &alice, RL_STOP_COMMITTED);
    rl_volume_maintain(lab->pool, name, true, &error);
    g_assert_no_error(error);
}

/* It is about the volume @name. */
static void
take_error_of(GError *error, const char *name, int code, const char *words)
{
    g_autofree char *all = g_strdup_printf("'%s' & %s", name, words);

    take_error(error, code, all);
}

void
lab_start_fails(Lab *lab, const char *name, const RlDomainRef *owner, int code, const char *words)
{
    GError *error = NULL;

    g_assert_null(rl_volume_start(lab->pool, name, owner, 0, &error));
    take_error_of(error, name, code, words);
}

void
lab_stop_fails(Lab *lab, const char *name, const RlDomainRef *owner, int code, const char *words)
{
    GError *error = NULL;
    RlStop stop;

    g_assert_false(rl_volume_stop(lab->pool, name, owner, &stop, &error));
    take_error_of(error, name, code, words);
}

static void
take(GError *error, GQuark domain, int code, const char *words)
{
    if (!error)
        g_error("no error, wanted '%s'", words);
    if (!g_error_matches(error, domain, code) || !rl_says(error->message, words))
        g_error("'%s' (%s, %d) is not the error %d that says '%s'", error->message,
                g_quark_to_string(error->domain), error->code, code, words);
    g_assert_true(g_utf8_validate(error->message, -1, NULL));
    g_error_free(error);
}

void
take_error(GError *error, int code, const char *words)
{
    take(error, RL_ERROR, code, words);
}

void
take_errno(GError *error, int wanted_errno, const char *words)
{
    take(error, RL_ERRNO, wanted_errno, words);
}

char *
lab_path(Lab *lab, const char *relative)
{
    return g_build_filename(lab->path, relative, NULL);
}

void
lab_rename_fails(Lab *lab, const char *from, const char *to, int code, const char *words)
{
    g_autofree char *before = list_tree(lab->path), *after = NULL;
    GError *error = NULL;

    g_assert_false(rl_volume_rename_to(lab->pool, from, to, &error));
    take_error(error, code, words);
    after = list_tree(lab->path);
    g_assert_cmpstr(after, ==, before);
}

int
lab_open(Lab *lab, const char *relative, int flags)
{
    g_autofree char *path = lab_path(lab, relative);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | flags, 0600);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

void
lab_fill(int fd, uint64_t start, uint64_t length)
{
    g_autofree char *data = g_malloc(length);

    memset(data, 'x', length);
    g_assert_cmpint(pwrite(fd, data, length, (off_t) start), ==, (gssize) length);
}

char *
lab_file(Lab *lab, const char *name, RlFileRole role)
{
    g_autoptr(RlName) parsed = rl_name_parse(name, NULL);
    g_autofree char *file = rl_file_name(parsed->leaf, role);

    return g_build_filename(lab->path, parsed->dir, file, NULL);
}

void
image_write(Lab *lab, const char *name, RlFileRole role, const char *text)
{
    g_autofree char *path = lab_file(lab, name, role);

    write_at(path, 0, text);
}

void
image_is(Lab *lab, const char *name, RlFileRole role, const char *text)
{
    g_autofree char *path = lab_file(lab, name, role);
    g_autofree char *there = read_at(path, 0, strlen(text) + 1);

    g_assert_cmpstr(there, ==, text);
}

ino_t
image_inode(Lab *lab, const char *name, RlFileRole role)
{
    g_autofree char *path = lab_file(lab, name, role);

    return look(path).st_ino;
}

off_t
image_size(Lab *lab, const char *name, RlFileRole role)
{
    g_autofree char *path = lab_file(lab, name, role);

    return look(path).st_size;
}

bool
image_is_there(Lab *lab, const char *name, RlFileRole role)
{
    g_autofree char *path = lab_file(lab, name, role);

    return is_there(path);
}

int
image_open(Lab *lab, const char *name, RlFileRole role, int flags)
{
    g_autofree char *path = lab_file(lab, name, role);
    int fd = open(path, flags | O_CLOEXEC);

    if (fd < 0)
        g_error("cannot open %s: %s", path, g_strerror(errno));
    return fd;
}

void
image_set_attr(Lab *lab, const char *name, const char *key, const char *value)
{
    rl_autofd int fd = image_open(lab, name, RL_FILE_DIRTY, O_RDONLY);

    g_assert_true(value ? rl_xattr_set(fd, key, value, NULL) : rl_xattr_remove(fd, key, NULL));
}

char *
revisions(Lab *lab, const char *name)
{
    GError *error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, &error);
    g_autoptr(GPtrArray) found = NULL;
    g_autoptr(GString) out = g_string_new(NULL);

    g_assert_no_error(error);
    found = rl_revisions_list(volume->dir, volume->name->leaf, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < found->len; i++) {
        g_autofree char *text = rl_revision_name(g_ptr_array_index(found, i), "");
        g_string_append_printf(out, "%s%s", i ? " " : "", text + 1);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

char *
revision_path(Lab *lab, const char *name, const char *which)
{
    GError *error = NULL;
    g_autoptr(RlVolume) volume = rl_volume_open(lab->pool, name, &error);
    g_autoptr(GPtrArray) found = NULL;
    uint64_t number = g_ascii_isdigit(which[0]) ? g_ascii_strtoull(which, NULL, 10) : 0;

    g_assert_no_error(error);
    found = rl_revisions_list(volume->dir, volume->name->leaf, &error);
    g_assert_no_error(error);
    const RlRevision *revision = rl_revisions_find(found, number, number ? NULL : which);
    if (!revision)
        g_error("%s has no revision %s", name, which);
    return g_build_filename(lab->path, volume->name->dir, revision->file, NULL);
}

void
revision_is(Lab *lab, const char *name, const char *which, const char *text)
{
    g_autofree char *path = revision_path(lab, name, which);
    g_autofree char *there = read_at(path, 0, strlen(text) + 1);

    g_assert_cmpstr(there, ==, text);
}

pid_t
child_that_holds(void (*function)(void *), void *data)
{
    int ready[2];

    g_assert_cmpint(pipe(ready), ==, 0);
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        function(data);
        if (write(ready[1], "", 1) == 1)
            pause();
        _exit(1);
    }

    char byte;
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    return pid;
}

void
kill_child(pid_t pid)
{
    kill(pid, SIGKILL);
    g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
}
