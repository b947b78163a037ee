/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>

#include "backend/cli/cli.h"
#include "backend/cli/json.h"
#include "backend/cli/table.h"
#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/fs/dirfd.h"
#include "xml/pool-definition.h"

/* Of a pool that libvirt's daemon would take for another one, or refuse. */
static bool
check(const RlPoolDefinition *definition, const char *file, GError **error)
{
    if (!definition->options)
        return rl_fail(
            error, RL_ERROR_XML,
            "%s: there are no <reflink:options>, so libvirt would treat it as a plain pool", file);
    if (!definition->directory)
        return rl_fail(error, RL_ERROR_XML, "%s: only a pool of type='dir' can be a reflink pool",
                       file);
    if (!definition->path || definition->path[0] != '/')
        return rl_fail(error, RL_ERROR_XML, "%s: <path> of <target> must be an absolute path",
                       file);
    return true;
}

static RlPoolDefinition *
read_definition(const char *file, GError **error)
{
    size_t length;
    rl_autofd int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (fd < 0) {
        rl_fail_errno(error, errno, "cannot open '%s'", file);
        return NULL;
    }
    g_autofree char *text = rl_dirfd_read_opened(fd, file, RL_POOL_SIZE_MAX, &length, error);
    g_autoptr(RlPoolDefinition) definition =
        text ? rl_xml_pool_definition_parse(text, length, file, error) : NULL;
    return definition && check(definition, file, error) ? g_steal_pointer(&definition) : NULL;
}

static void
print_json(const char *file, const RlPoolDefinition *definition, const GError *cause)
{
    RlJson *json = rl_json_new();

    rl_json_begin_object(json, NULL);
    rl_json_string(json, "file", file);
    rl_json_bool(json, "valid", definition != NULL);
    if (definition)
        rl_json_string(json, "path", definition->path);
    else
        rl_json_string(json, "problem", cause->message);
    rl_json_end(json);
    rl_json_print(json);
}

RlExit
rl_command_validate(RlCall *call, GError **error)
{
    g_autoptr(GError) cause = NULL;

    if (!rl_call_begin(call, NULL, error))
        return call->exit;
    const char *file = rl_call_name(call, 0);
    g_autoptr(RlPoolDefinition) definition = read_definition(file, &cause);
    if (call->json) {
        print_json(file, definition, cause);
        return rl_call_done(definition != NULL);
    }
    if (definition) {
        g_autofree char *line =
            rl_table_clean(g_strdup_printf("%s is a valid reflink pool at %s, with %u rules.", file,
                                           definition->path, definition->options->rules->len));
        rl_call_say(call, "%s", line);
        return RL_EXIT_DONE;
    }
    g_propagate_error(error, g_steal_pointer(&cause));
    return RL_EXIT_FAILED;
}
