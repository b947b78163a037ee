/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "backend/cli/cli.h"
#include "backend/cli/document.h"
#include "backend/cli/progress-bar.h"
#include "backend/cli/table.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/base/random.h"
#include "common/fs/stable-copy.h"
#include "common/image/content.h"
#include "common/operation/clone.h"
#include "common/pool/writers.h"
#include "nbd-server.h"

/* What is served: an image at rest, or a clone without a name of what a domain writes to. */
typedef struct {
    const char *name;
    RlStagedImage *clone; /* NULL: an image at rest, open as the next */
    int fd;
    struct stat before; /* what the image at rest was like */

    const char *since; /* the state since which the bitmap says what changed; NULL: no bitmap */
    RlNbdBitmap bitmap;
    const RlCall *call;
    RlNbdWish wish;
} Export;

static void
export_clear(Export *export)
{
    rl_fd_close(&export->fd);
    rl_nbd_bitmap_clear(&export->bitmap);
    g_clear_pointer(&export->clone, rl_staged_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Export, export_clear)

/* It is made as a named revision is, and gets no name. Takes the pool over. */
static bool
open_live(Export *export, RlPool *pool, GError **error)
{
    g_autofree char *random = rl_random_hex(8);
    g_autofree char *label = g_strdup_printf("%s@export-%s", export->name, random);

    export->clone = rl_clone_fill(pool, label, export->name, error);
    return export->clone != NULL;
}

static bool
open_at_rest(Export *export, const RlPool *pool, GError **error)
{
    export->fd = rl_content_open(pool, export->name, false, error);
    return export->fd >= 0 && rl_stable_begin(export->fd, &export->before, error);
}

/* An edit in place of an image at rest: what was served is a state that there never was. */
static bool
require_same(const Export *export, GError **error)
{
    if (export->clone || (rl_clean_require_unwritten(export->name, export->name, export->fd,
                                                     RL_CLEAN_PATIENCE_MS, NULL) &&
                          rl_stable_is_same(export->fd, &export->before)))
        return true;
    return rl_fail(error, RL_ERROR_BUSY,
                   "a process wrote to '%s' meanwhile, although images at rest must not change: do "
                   "not use what was read. End that process, then export it again",
                   export->name);
}

/* To a program, and for it. */
static void
say_json(const Export *export, uint64_t size, const char *uri)
{
    g_autoptr(RlJson) json = rl_json_new();

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "name", export->name);
    rl_json_number(json, "size", size);
    rl_json_string(json, "socket", export->wish.path);
    rl_json_string(json, "uri", uri);
    if (export->since) {
        rl_json_string(json, "from", export->since);
        rl_json_string(json, "bitmap", RL_NBD_BITMAP);
        rl_json_number(json, "changed", export->bitmap.marked);
    }
    rl_json_end(json);
    rl_json_flush(json);
    fflush(stdout); /* clients may connect now, and this ends much later */
    export->call->document->printed = true;
}

static void
say(void *data)
{
    const Export *export = data;
    const RlNbdWish *wish = &export->wish;
    struct stat st = {0};

    fstat(wish->image, &st);
    g_autofree char *uri = rl_nbd_uri(wish->path, ""), *size = rl_table_size((uint64_t) st.st_size),
                    *changed = rl_table_size(export->bitmap.marked);
    if (export->call->json) {
        say_json(export, (uint64_t) st.st_size, uri);
        return;
    }
    rl_call_say(export->call, "%s, %s, is served as %s, until %s.", export->name, size, uri,
                wish->once ? "its client has gone" : "SIGTERM or Ctrl-C ends it");
    if (export->since)
        rl_call_say(export->call,
                    "Its bitmap '" RL_NBD_BITMAP "' marks the %s that differ from %s.", changed,
                    export->since);
}

static bool
serve(Export *export, const char *path, bool once, GError **error)
{
    export->wish = (RlNbdWish){.path = path,
                               .image = export->clone ? export->clone->fd : export->fd,
                               .once = once,
                               .bitmap = export->since ? &export->bitmap : NULL,
                               .ready = say,
                               .data = export};
    rl_autofd int socket = rl_nbd_listen(path, error);

    if (socket < 0)
        return false;
    bool done = rl_nbd_serve(&export->wish, socket, error);
    rl_nbd_unlink(path, socket);
    return done;
}

/* Before the socket is there: this may take a while, and Ctrl-C ends it. */
static bool
find_changes(Export *export, int since, GError **error)
{
    RlProgressBar bar;
    const RlProgress progress = rl_progress_bar_begin(&bar, export->call);
    bool done =
        !export->since || rl_nbd_bitmap_find(since, export->clone ? export->clone->fd : export->fd,
                                             &progress, &export->bitmap, error);

    rl_progress_bar_end(&bar);
    return done;
}

RlExit
rl_command_export(RlCall *call, GError **error)
{
    g_autofree char *socket = NULL, *since = NULL;
    gboolean once = FALSE, live = FALSE;
    const GOptionEntry options[] = {
        {"nbd", 0, 0, G_OPTION_ARG_FILENAME, &socket,
         "Serve it to clients of NBD on this socket, which is made", "SOCKET"},
        {"from", 'f', 0, G_OPTION_ARG_STRING, &since,
         "Say which blocks changed since this state, in the dirty bitmap '" RL_NBD_BITMAP "'",
         "STATE"},
        {"once", 0, 0, G_OPTION_ARG_NONE, &once, "End when the client has gone", NULL},
        {"live", 0, 0, G_OPTION_ARG_NONE, &live,
         "Serve the present state of a volume, not the last committed one", NULL},
        G_OPTION_ENTRY_NULL,
    };

    if (!rl_call_begin(call, options, error))
        return call->exit;
    g_auto(Export) export = {.name = rl_call_name(call, 0),
                             .fd = -1,
                             .since = since,
                             .bitmap = {.script = -1},
                             .call = call};
    g_autoptr(RlName) name = rl_name_parse(export.name, error);
    if (!name)
        return RL_EXIT_FAILED;
    if (!socket)
        return rl_call_misused(call, "export: --nbd SOCKET says where it is served");
    if (live && name->form != RL_NAME_HEAD)
        return rl_call_misused(call,
                               "export: --live serves the present state of a volume: give the "
                               "volume's name without '@'");
    if (since && once)
        return rl_call_misused(call, "export: --from is not for --once");
    rl_autofd int from = since ? rl_content_open(call->pool, since, false, error) : -1;
    if (since && from < 0)
        return RL_EXIT_FAILED;
    bool opened = live ? open_live(&export, g_steal_pointer(&call->pool), error)
                       : open_at_rest(&export, call->pool, error);
    return rl_call_done(opened && find_changes(&export, from, error) &&
                        serve(&export, socket, once, error) && require_same(&export, error));
}
