/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "xen-disks.h"

#include <glib.h>

#ifdef HAVE_LIBXL

#include <dlfcn.h>
#include <libxl.h>
#include <libxl_utils.h>
#include <string.h>
#include <sys/stat.h>

/* Loaded only where Xen runs: everywhere else the library may be missing, and is a long load for
 * nothing. */
typedef struct {
    void *handle;
    __typeof__(&libxl_ctx_alloc) ctx_alloc;
    __typeof__(&libxl_ctx_free) ctx_free;
    __typeof__(&libxl_list_domain) list_domain;
    __typeof__(&libxl_dominfo_list_free) dominfo_list_free;
    __typeof__(&libxl_device_disk_list) disk_list;
    __typeof__(&libxl_device_disk_list_free) disk_list_free;
    __typeof__(&libxl_domid_to_name) domid_to_name;
} Library;

/* libxl talks to whoever listens: nobody does here. */
static void
ignore_message(struct xentoollog_logger *logger, xentoollog_level level, int saved_errno,
               const char *context, const char *format, va_list args)
{
    (void) logger, (void) level, (void) saved_errno, (void) context, (void) format, (void) args;
}

static void
ignore_progress(struct xentoollog_logger *logger, const char *context, const char *what,
                int percent, unsigned long done, unsigned long total)
{
    (void) logger, (void) context, (void) what, (void) percent, (void) done, (void) total;
}

static void
ignore_destroy(struct xentoollog_logger *logger)
{
    (void) logger;
}

static bool
xen_runs(void)
{
    g_autofree char *capabilities = NULL;

    return g_file_get_contents("/proc/xen/capabilities", &capabilities, NULL, NULL) &&
           strstr(capabilities, "control_d");
}

/* The library of the version that we were built for: the structs are not the same in others. */
static bool
load(Library *library)
{
    library->handle = dlopen(LIBXL_SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!library->handle)
        return false;
    library->ctx_alloc = dlsym(library->handle, "libxl_ctx_alloc");
    library->ctx_free = dlsym(library->handle, "libxl_ctx_free");
    library->list_domain = dlsym(library->handle, "libxl_list_domain");
    library->dominfo_list_free = dlsym(library->handle, "libxl_dominfo_list_free");
    library->disk_list = dlsym(library->handle, "libxl_device_disk_list");
    library->disk_list_free = dlsym(library->handle, "libxl_device_disk_list_free");
    library->domid_to_name = dlsym(library->handle, "libxl_domid_to_name");
    return library->ctx_alloc && library->ctx_free && library->list_domain &&
           library->dominfo_list_free && library->disk_list && library->disk_list_free &&
           library->domid_to_name;
}

static bool
has_disk(const Library *library, libxl_ctx *ctx, uint32_t domid, const struct stat *wanted)
{
    int n = 0;
    libxl_device_disk *disks = library->disk_list(ctx, domid, &n);
    bool found = false;

    for (int i = 0; disks && i < n && !found; i++) {
        struct stat st;
        found = disks[i].pdev_path && stat(disks[i].pdev_path, &st) == 0 &&
                st.st_dev == wanted->st_dev && st.st_ino == wanted->st_ino;
    }
    if (disks)
        library->disk_list_free(disks, n);
    return found;
}

static char *
search(const Library *library, libxl_ctx *ctx, const struct stat *wanted)
{
    int n = 0;
    libxl_dominfo *domains = library->list_domain(ctx, &n);
    char *owner = NULL;

    for (int i = 0; domains && i < n && !owner; i++) {
        if (!has_disk(library, ctx, domains[i].domid, wanted))
            continue;
        char *name = library->domid_to_name(ctx, domains[i].domid);
        owner = name ? g_strdup(name) : g_strdup_printf("number %u", domains[i].domid);
        free(name);
    }
    if (domains)
        library->dominfo_list_free(domains, n);
    return owner;
}

char *
rl_xen_disks_owner(const char *path)
{
    xentoollog_logger silence = {ignore_message, ignore_progress, ignore_destroy};
    Library library = {0};
    libxl_ctx *ctx = NULL;
    struct stat wanted;

    if (!xen_runs() || stat(path, &wanted) < 0 || !load(&library) ||
        library.ctx_alloc(&ctx, LIBXL_VERSION, 0, &silence) != 0)
        return NULL;
    char *owner = search(&library, ctx, &wanted);
    library.ctx_free(ctx);
    return owner;
}

#else

char *
rl_xen_disks_owner(const char *path)
{
    (void) path;
    return NULL;
}

#endif
