/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "listing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "file-part.h"
#include "place.h"
#include "scope.h"

/* As common/format/volume-name.h has them. */
#define DEPTH_MAX 8
#define FOLDER "volumes"

static void
add(RlListing *listing, char *name, char *file, unsigned long long size, int rank)
{
    if (listing->n == listing->room) {
        size_t room = listing->room * 2 + 64;
        RlEntry *larger = reallocarray(listing->entries, room, sizeof(*larger));
        if (!larger) {
            listing->complete = false;
            free(name);
            free(file);
            return;
        }
        listing->entries = larger;
        listing->room = room;
    }
    listing->entries[listing->n++] = (RlEntry){name, file, size, rank};
}

static void
add_file(RlListing *listing, const char *dir, const char *entry, unsigned long long size)
{
    const char *folder = strcmp(dir, FOLDER) == 0 ? "" : dir;
    char *name = NULL, *file = NULL;
    RlFilePart part;
    int n;

    if (!rl_file_part(entry, &part))
        return;
    bool revision = part.role == RL_PART_REVISION;
    if (asprintf(&name, "%s%s%.*s%s%.*s", folder, *folder ? "/" : "", part.leaf_length, entry,
                 revision ? "@" : "", part.revision_length, part.revision) < 0)
        name = NULL;
    if (revision)
        n = asprintf(&file, "%s/%s", dir, entry);
    else
        n = asprintf(&file, "%s/%.*s-dirty.img", dir, part.leaf_length, entry);
    if (!name || n < 0) {
        listing->complete = false;
        free(name);
        if (n >= 0)
            free(file);
        return;
    }
    add(listing, name, file, part.role == RL_PART_RECORD ? 0 : size, part.role);
}

static void
add_plain(RlListing *listing, const char *entry, unsigned long long size)
{
    char *name = strdup(entry), *file = strdup(entry);

    if (name && file) {
        add(listing, name, file, size, 0);
        return;
    }
    listing->complete = false;
    free(name);
    free(file);
}

static void walk(RlListing *listing, int fd, const char *dir, int depth);

static void
descend(RlListing *listing, int parent, const char *dir, const char *entry, int depth)
{
    if (!rl_file_part_is_component(entry))
        return;
    auto_fd int fd = openat(parent, entry, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_free char *below = NULL;
    if (fd < 0) {
        listing->complete = false;
        return;
    }
    if (faccessat(fd, RL_PLACE_MARKER, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return; /* another pool */
    if (asprintf(&below, "%s%s%s", dir, *dir ? "/" : "", entry) < 0) {
        below = NULL;
        listing->complete = false;
        return;
    }
    int taken = fd;
    fd = -1;
    walk(listing, taken, below, depth + 1);
}

/* Takes @fd over. */
static void
walk(RlListing *listing, int fd, const char *dir, int depth)
{
    auto_dir DIR *entries = fdopendir(fd);
    const struct dirent *entry;
    struct stat st;

    if (!entries) {
        listing->complete = false;
        close(fd);
        return;
    }
    while (errno = 0, (entry = readdir(entries))) {
        if (entry->d_name[0] == '.' || fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISREG(st.st_mode) && depth == 0)
            add_plain(listing, entry->d_name, (unsigned long long) st.st_size);
        else if (S_ISREG(st.st_mode) && depth > 1)
            add_file(listing, dir, entry->d_name, (unsigned long long) st.st_size);
        else if (S_ISDIR(st.st_mode) && depth > 0 && depth < DEPTH_MAX)
            descend(listing, fd, dir, entry->d_name, depth);
    }
    if (errno)
        listing->complete = false;
}

static int
compare(const void *a, const void *b)
{
    const RlEntry *one = a, *other = b;
    int order = strcmp(one->name, other->name);

    return order ? order : one->rank - other->rank;
}

static void
free_entry(RlEntry *entry)
{
    free(entry->name);
    free(entry->file);
}

static void
keep_first_of_each(RlListing *listing)
{
    size_t kept = 0;

    for (size_t i = 0; i < listing->n; i++) {
        if (kept > 0 && strcmp(listing->entries[kept - 1].name, listing->entries[i].name) == 0)
            free_entry(&listing->entries[i]);
        else
            listing->entries[kept++] = listing->entries[i];
    }
    listing->n = kept;
}

RlListing
rl_listing(const char *path, bool flat)
{
    RlListing listing = {.complete = true};
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0) {
        listing.complete = false;
        return listing;
    }
    walk(&listing, fd, "", flat ? 0 : 1);
    if (listing.n > 0)
        qsort(listing.entries, listing.n, sizeof(*listing.entries), compare);
    keep_first_of_each(&listing);
    return listing;
}

void
rl_listing_free(RlListing *listing)
{
    for (size_t i = 0; i < listing->n; i++)
        free_entry(&listing->entries[i]);
    free(listing->entries);
    *listing = (RlListing){0};
}
