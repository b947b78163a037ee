/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt calls as its hook. What is not for us, or of a domain that has nothing to do with
 * us, it answers by itself (quick.h): that costs no more than a process does. Else it runs the hook
 * program (backend/hook), whose arguments, input, output and answer these are, and answers by
 * itself where that cannot be run: a library is gone in an upgrade that is half done, the file is,
 * or it crashes. libvirt takes each failure for a "no", and that ends domains that run. So this
 * program is linked statically, and has no libraries that could go. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain-id.h"
#include "domain-text.h"
#include "input.h"
#include "notes.h"
#include "program.h"
#include "quick.h"
#include "say.h"

/* What libvirt does if a call fails, and so what we do if the program cannot be run. */
typedef enum {
    CALL_ENDS,    /* it ends a domain that runs: say that all is well, whatever happened */
    CALL_DECIDES, /* the same, but the program may want that */
    CALL_STARTS,  /* it starts none: that is right if the domain may have a volume of ours */
    CALL_LEADS, /* from 11.2 on it removes the saved memory; leave it to `prepare`, which follows */
    CALL_IGNORED, /* nothing: there is nothing to wait for */
} Call;

/* Whatever else libvirt calls the hook program has nothing to do with. */
static bool
find_call(const char *operation, const char *suboperation, Call *ret_call)
{
    static const struct {
        const char *operation, *suboperation;
        Call call;
    } calls[] = {
        {"prepare", "begin", CALL_STARTS},  {"start", "begin", CALL_STARTS},
        {"restore", "begin", CALL_LEADS},   {"migrate", "begin", CALL_STARTS},
        {"started", "begin", CALL_DECIDES}, {"reconnect", "begin", CALL_ENDS},
        {"stopped", "end", CALL_IGNORED},   {"release", "end", CALL_IGNORED},
    };

    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].operation, operation) == 0 &&
            strcmp(calls[i].suboperation, suboperation) == 0) {
            *ret_call = calls[i].call;
            return true;
        }
    return false;
}

/* Nothing of the domain is started: the program reads all of the XML before it does anything. If it
 * came further, its volumes are those of a start that was cut off. */
static int
decide_start(char **argv, const char *reason)
{
    char *text = rl_input_read();
    char what[PATH_MAX + 64];
    RlDomainLook look;

    rl_domain_text_look(text, &look, what, sizeof(what));
    free(text);
    bool refuse = look.doubt == RL_IMAGE_MAYBE;
    if (refuse)
        rl_say("domain %s: '%s' is refused, because a disk may be in a reflink pool (%s), and the "
               "hook program did not run: %s",
               argv[1], argv[2], what, reason);
    else
        rl_say("domain %s: '%s' continues, because no disk in its XML is in a reflink pool, but "
               "the hook program did not run: %s",
               argv[1], argv[2], reason);
    return refuse ? 1 : 0;
}

/* `prepare`, which follows, would take the start for a plain one if the program runs then. */
static int
decide_restore(char **argv, const char *reason)
{
    char *text = rl_input_read();
    char what[PATH_MAX + 64];
    RlDomainLook look;
    RlDomainId id;

    rl_domain_text_look(text, &look, what, sizeof(what));
    bool noted = look.doubt == RL_IMAGE_MAYBE && text && rl_domain_id_read(text, &id) &&
                 rl_notes_refuse_restore(&id);
    free(text);
    rl_say("domain %s: the hook program did not run for '%s': %s. %s", argv[1], argv[2], reason,
           noted ? "So 'prepare' refuses the restore, and the domain stays saved"
                 : "If it does not run for 'prepare' either, a domain with a volume does not "
                   "start, and stays saved");
    return 0;
}

static int
decide(Call call, char **argv, const char *reason)
{
    switch (call) {
    case CALL_STARTS:
        return decide_start(argv, reason);
    case CALL_IGNORED:
        rl_say("domain %s: the hook program did not run for '%s': %s. The dirty images of its "
               "volumes keep what the domain wrote",
               argv[1], argv[2], reason);
        return 0;
    case CALL_LEADS:
        return decide_restore(argv, reason);
    default:
        rl_say("domain %s: the hook program did not run for '%s', and the domain continues: %s; "
               "then restart libvirt's daemon",
               argv[1], argv[2], reason);
        return 0;
    }
}

int
main(int argc, char **argv)
{
    Call call = CALL_IGNORED;
    char reason[3 * PATH_MAX];
    RlProgram program;
    RlOutcome outcome;
    int answer;

    if (argc > 3 && (!find_call(argv[2], argv[3], &call) || rl_quick_call(argv[2])))
        return 0;
    rl_program_find(&program, argv);
    if (call == CALL_IGNORED) {
        outcome = (RlOutcome){.error = rl_program_become(&program)};
    } else {
        outcome = rl_program_run(&program);
        if (rl_outcome_is_answer(outcome, &answer) && (answer == 0 || call != CALL_ENDS))
            return answer;
    }
    rl_outcome_describe(outcome, &program, reason, sizeof(reason));
    if (argc > 3)
        return decide(call, argv, reason);
    rl_say("%s", reason);
    return 1;
}
