/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "adopt-plan.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/volume-name.h"
#include "common/fs/dir-iter.h"
#include "common/fs/inode.h"
#include "common/image/short-path.h"
#include "common/pool/pool.h"

#define SECTOR 512

typedef struct {
    const char *const *raw;
    GPtrArray *files;
} Plan;

static void
file_free(void *data)
{
    RlAdoptFile *file = data;

    g_free(file->path);
    g_free(file->volume);
    g_free(file->to);
    g_free(file->note);
    g_free(file);
}

void
rl_adopt_refuse(RlAdoptFile *file, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_free(file->note);
    file->note = g_strdup_vprintf(format, args);
    va_end(args);
    file->what = RL_ADOPT_FOREIGN;
    g_clear_pointer(&file->volume, g_free);
    g_clear_pointer(&file->to, g_free);
}

/* Why @file is no raw image, by its name and size; NULL if it is one. @base is its name. */
static char *
no_image(const RlAdoptFile *file, const char *base, bool at_root)
{
    static const char *const formats[] = {"qcow2", "qcow", "qed",  "vmdk",      "vdi", "vhd",
                                          "vhdx",  "vpc",  "luks", "parallels", "dmg", "bochs"};
    const char *dot = strrchr(base, '.');

    if (base[0] == '.')
        return g_strdup("a hidden file");
    if (file->st.st_size == 0)
        return g_strdup("empty");
    for (size_t i = 0; dot && i < G_N_ELEMENTS(formats); i++)
        if (g_ascii_strcasecmp(dot + 1, formats[i]) == 0)
            return g_strdup_printf("%s by its name, but volumes are raw: use 'virt-reflink import'",
                                   formats[i]);
    if (dot && (strcmp(dot, ".img") == 0 || strcmp(dot, ".raw") == 0))
        return NULL;
    if (dot || !at_root || file->st.st_size % SECTOR != 0)
        return g_strdup("no image by its name and size (--raw FILE says that it is one)");
    return NULL;
}

/* Where a plain image goes, if a volume can have its name. */
static void
plan_move(RlAdoptFile *file, const char *dir, const char *base)
{
    g_autofree char *leaf = rl_short_path_strip(base);
    g_autofree char *volume = rl_name_join(*dir ? dir : RL_NAME_FOLDER, leaf);
    g_autoptr(GError) cause = NULL;
    g_autoptr(RlName) name = rl_name_parse_volume(volume, &cause);

    if (!name) {
        rl_adopt_refuse(file, "%s", cause->message);
        return;
    }
    g_autofree char *clean = rl_file_name(name->leaf, RL_FILE_CLEAN);
    file->what = RL_ADOPT_MOVED;
    file->volume = g_steal_pointer(&volume);
    file->to = g_build_filename(name->dir, clean, NULL);
}

static void
plan_file(RlAdoptFile *file, bool is_raw)
{
    g_autofree char *base = g_path_get_basename(file->path);
    g_autofree char *dir = strchr(file->path, '/') ? g_path_get_dirname(file->path) : g_strdup("");
    RlFileName name = *dir ? rl_file_name_parse(base) : (RlFileName){.role = RL_FILE_OTHER};

    if (name.role != RL_FILE_OTHER) {
        file->what = RL_ADOPT_KEPT;
        file->role = name.role;
        file->volume = rl_name_join(dir, name.leaf);
        return;
    }
    g_autofree char *reason = is_raw ? NULL : no_image(file, base, !*dir);
    if (reason)
        rl_adopt_refuse(file, "%s", reason);
    else
        plan_move(file, dir, base);
}

static void
add(Plan *plan, int fd, const char *entry, const char *path)
{
    RlAdoptFile *file = g_new0(RlAdoptFile, 1);

    file->path = g_strdup(path);
    g_ptr_array_add(plan->files, file);
    if (fstatat(fd, entry, &file->st, AT_SYMLINK_NOFOLLOW) < 0)
        rl_adopt_refuse(file, "%s", g_strerror(errno));
    else if (S_ISLNK(file->st.st_mode))
        rl_adopt_refuse(file, "a symbolic link");
    else if (!S_ISREG(file->st.st_mode))
        rl_adopt_refuse(file, "not a regular file");
    else
        plan_file(file, plan->raw && g_strv_contains(plan->raw, path));
}

static bool walk(Plan *plan, int fd, const char *dir, int depth, GError **error);

/* Goes into a directory that volumes can lie in; *@ret_file is true of what is none. */
static bool
descend(Plan *plan, int parent, const char *entry, const char *path, int depth, bool *ret_file,
        GError **error)
{
    rl_autofd int fd = openat(parent, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    *ret_file = fd < 0 && (errno == ENOTDIR || errno == ELOOP);
    if (fd < 0)
        return *ret_file || rl_fail_errno(error, errno, "cannot read directory '%s'", path);
    if (depth < RL_NAME_COMPONENTS_MAX && rl_name_check_component(entry, NULL))
        return walk(plan, fd, path, depth + 1, error);
    RlAdoptFile *file = g_new0(RlAdoptFile, 1);
    file->path = g_strconcat(path, "/", NULL);
    rl_adopt_refuse(file, "a directory that no volume can lie in");
    g_ptr_array_add(plan->files, file);
    return true;
}

/* @depth is that of the files in @fd: 1 for those of the root. */
static bool
walk(Plan *plan, int fd, const char *dir, int depth, GError **error)
{
    g_autoptr(RlDirIter) entries = rl_dir_iter_open(fd, error);
    const char *entry;

    while (entries && (entry = rl_dir_iter_next(entries))) {
        g_autofree char *path = *dir ? g_strconcat(dir, "/", entry, NULL) : g_strdup(entry);
        bool is_file = entries->type != DT_DIR && entries->type != DT_UNKNOWN;
        if (depth == 1 && rl_pool_is_marker(entry))
            continue;
        if (!is_file && !descend(plan, fd, entry, path, depth, &is_file, error))
            return false;
        if (is_file)
            add(plan, fd, entry, path);
    }
    return entries && rl_dir_iter_are_all(entries, error);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    return strcmp((*(RlAdoptFile *const *) a)->path, (*(RlAdoptFile *const *) b)->path);
}

/* Another file than @file that its volume would have: what keeps it from becoming that. */
static const RlAdoptFile *
find_rival(GHashTable *by_volume, const RlAdoptFile *file)
{
    const GPtrArray *others = g_hash_table_lookup(by_volume, file->volume);

    for (guint i = 0; i < others->len; i++) {
        const RlAdoptFile *other = g_ptr_array_index(others, i);
        /* A power cut may have left both names of one that was moved. */
        bool is_same = other->role == RL_FILE_CLEAN && rl_stat_same(&other->st, &file->st);
        if (other != file && !is_same && other->role != RL_FILE_RECORD)
            return other;
    }
    return NULL;
}

/* An image of another volume that is a hard link of @file. A domain starts on neither of two
 * volumes with one clean image. */
static const RlAdoptFile *
find_twin(GHashTable *by_inode, const RlAdoptFile *file)
{
    guint64 inode = file->st.st_ino;
    const GPtrArray *others = g_hash_table_lookup(by_inode, &inode);

    for (guint i = 0; others && i < others->len; i++) {
        const RlAdoptFile *other = g_ptr_array_index(others, i);
        if (rl_stat_same(&other->st, &file->st) && strcmp(other->volume, file->volume) != 0)
            return other;
    }
    return NULL;
}

/* What has the short path of the volume of @file, and is not @file; or NULL. */
static char *
find_in_the_way(int root, const RlAdoptFile *file)
{
    g_autofree char *with_suffix = g_strconcat(file->volume, ".img", NULL);
    const char *const paths[] = {file->volume, with_suffix};
    struct stat st;

    if (strchr(file->path, '/'))
        return NULL;
    if (strcmp(file->volume, RL_NAME_FOLDER) == 0)
        return g_strdup(RL_NAME_FOLDER);
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
        if (strcmp(paths[i], file->path) != 0 &&
            fstatat(root, paths[i], &st, AT_SYMLINK_NOFOLLOW) == 0)
            return g_strdup(paths[i]);
    return NULL;
}

static GHashTable *
sort_by_volume(const GPtrArray *files)
{
    GHashTable *by_volume =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify) g_ptr_array_unref);

    for (guint i = 0; i < files->len; i++) {
        RlAdoptFile *file = g_ptr_array_index(files, i);
        GPtrArray *others = file->volume ? g_hash_table_lookup(by_volume, file->volume) : NULL;
        if (file->volume && !others) {
            others = g_ptr_array_new();
            g_hash_table_insert(by_volume, file->volume, others);
        }
        if (others)
            g_ptr_array_add(others, file);
    }
    return by_volume;
}

/* Those of volumes that have several names. */
static GHashTable *
sort_by_inode(const GPtrArray *files)
{
    GHashTable *by_inode = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free,
                                                 (GDestroyNotify) g_ptr_array_unref);

    for (guint i = 0; i < files->len; i++) {
        RlAdoptFile *file = g_ptr_array_index(files, i);
        guint64 inode = file->st.st_ino;
        if (!file->volume || file->st.st_nlink < 2)
            continue;
        GPtrArray *others = g_hash_table_lookup(by_inode, &inode);
        if (!others) {
            others = g_ptr_array_new();
            g_hash_table_insert(by_inode, g_memdup2(&inode, sizeof(inode)), others);
        }
        g_ptr_array_add(others, file);
    }
    return by_inode;
}

/* Why the plain image @file cannot be what is planned; NULL where it can. */
static char *
describe_rival(int root, GHashTable *by_volume, GHashTable *by_inode, const RlAdoptFile *file)
{
    const RlAdoptFile *rival = find_rival(by_volume, file), *twin = find_twin(by_inode, file);
    g_autofree char *other = rival ? g_strdup(rival->path) : find_in_the_way(root, file);

    if (other)
        return g_strdup_printf("'%s' has the name or the path of its volume '%s': rename one of "
                               "them",
                               other, file->volume);
    return twin ? g_strdup_printf("it is a hard link of '%s': put a copy of it in the place of one "
                                  "of them",
                                  twin->path)
                : NULL;
}

/* Two that would be one volume are both refused: so what is refused is gathered first. */
static void
refuse_rivals(int root, const GPtrArray *files)
{
    g_autoptr(GHashTable) by_volume = sort_by_volume(files), by_inode = sort_by_inode(files);
    g_autoptr(GPtrArray) rivals = g_ptr_array_new();

    for (guint i = 0; i < files->len; i++) {
        RlAdoptFile *file = g_ptr_array_index(files, i);
        if (file->what != RL_ADOPT_MOVED)
            continue;
        file->note = describe_rival(root, by_volume, by_inode, file);
        if (file->note)
            g_ptr_array_add(rivals, file);
    }
    for (guint i = 0; i < rivals->len; i++) {
        RlAdoptFile *file = g_ptr_array_index(rivals, i);
        g_autofree char *note = g_steal_pointer(&file->note);
        rl_adopt_refuse(file, "%s", note);
    }
}

static bool
require_raw(const Plan *plan, GError **error)
{
    for (guint i = 0; plan->raw && plan->raw[i]; i++) {
        const RlAdoptFile *found = NULL;
        for (guint j = 0; j < plan->files->len && !found; j++) {
            const RlAdoptFile *file = g_ptr_array_index(plan->files, j);
            if (strcmp(file->path, plan->raw[i]) == 0)
                found = file;
        }
        if (!found)
            return rl_fail(error, RL_ERROR_NOT_FOUND, "there is no file '%s' in the directory",
                           plan->raw[i]);
        if (!S_ISREG(found->st.st_mode))
            return rl_fail(error, RL_ERROR_INVALID, "'%s' is no raw image: it is %s", found->path,
                           found->note);
    }
    return true;
}

GPtrArray *
rl_adopt_plan(int root, const char *const *raw, GError **error)
{
    g_autoptr(GPtrArray) files = g_ptr_array_new_with_free_func(file_free);
    Plan plan = {.raw = raw, .files = files};

    if (!walk(&plan, root, "", 1, error) || !require_raw(&plan, error))
        return NULL;
    g_ptr_array_sort(files, compare);
    refuse_rivals(root, files);
    return g_steal_pointer(&files);
}

RlAdoptFile *
rl_adopt_find(const GPtrArray *plan, const char *volume, RlFileRole role)
{
    for (guint i = 0; i < plan->len; i++) {
        RlAdoptFile *file = g_ptr_array_index(plan, i);
        RlFileRole is = file->what == RL_ADOPT_MOVED ? RL_FILE_CLEAN : file->role;
        if (file->volume && is == role && strcmp(file->volume, volume) == 0)
            return file;
    }
    return NULL;
}
