/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes race on a few volumes of one pool; each writes down what it did and saw in memory that
 * outlives it. From that a checker decides whether there is an order of it all that explains it.
 *
 * The order is that of the volumes' locks: whenever one is taken, and before it is given back, the
 * volume is looked at on the disk. What such a section of an operation may change is a rule of
 * rules.c; between two sections nothing may change but what guests write. Operations that look
 * without a lock are checked against all states that their time saw. */
#pragma once

#include "common/base/error.h"
#include "common/format/image-mark.h"
#include "common/format/image-owner.h"
#include "common/image/path-link.h"
#include "common/operation/start.h"
#include "common/operation/stop.h"
#include "common/pool/volume.h"

#include <stdatomic.h>

#define SLOTS 8       /* processes at once */
#define VOLUMES 6     /* see names.c */
#define OWNERS 16     /* two for each slot */
#define BY_HAND 17    /* the owner of what a person starts for a domain that runs */
#define REVISIONS 32  /* seen of one volume at once */
#define LABELS 3      /* different ones */
#define OPS 2048      /* of a slot in a round */
#define SECTIONS 4096 /* the same */
#define LOCKS (2 * VOLUMES)

#define IMAGE_SIZE ((off_t) 16 * 1024)

/* What is in an image: the number of the operation that wrote it, or 0. It is in one block, so that
 * a guest that is killed has written all or nothing. */
typedef uint64_t Content;
/* Is added to what a program writes to an image at rest. */
#define EDITED ((Content) 1 << 32)

typedef struct {
    bool there;
    ino_t ino;
    off_t size;
    Content content;
} Image;

typedef struct {
    uint64_t number; /* 0 for a named one */
    int label;       /* from 1 */
    ino_t ino;
    Content content;
} Revision;

/* A volume as it lies on the disk. */
typedef struct {
    Image clean, dirty, precache;
    RlLink link;   /* that is its path, where it has one */
    Image foreign; /* a file that lies there instead */
    int owner;     /* of the dirty image: from 1; 0 for nobody, -1 for somebody else */
    RlMark hold;
    bool fresh;     /* its run began a short while ago */
    bool arriving;  /* its run is to come by a migration */
    bool continued; /* it was there before its run */
    bool ended;     /* its run is over, and waits for what is to follow */
    bool record;
    off_t capacity; /* in the record */
    int temps;
    int n_revisions;
    Revision revisions[REVISIONS]; /* in the order of rl_revisions_list() */
} Seen;

typedef enum {
    OP_CREATE,
    OP_CLONE,
    OP_LABEL,
    OP_REVERT,
    OP_UPLOAD,
    OP_START,
    OP_ARRIVE,
    OP_ARRIVED,
    OP_REFUTE,
    OP_DROP_ARRIVAL,
    OP_CLAIM,
    OP_PASS_ON,
    OP_NOTE_END, /* the test's own: a stop found no space */
    OP_END_LATE,
    OP_OPEN,
    OP_WRITE,
    OP_CLOSE,
    OP_STOP,
    OP_UNSTART,
    OP_SAVE,
    OP_KEEP,
    OP_ANNOUNCE,
    OP_RESTORE,
    OP_CONFIRM,
    OP_CONTINUE,
    OP_DISCARD,
    OP_RESIZE,
    OP_DELETE,
    OP_DELETE_REVISION,
    OP_TIDY,
    OP_MAINTAIN,
    OP_LIST,
    OP_STATE,
    OP_READ,
    OP_AGE, /* the test's own: time passes */
    OP_EDIT,
    OP_FOREIGN,
    OP_TAKE_AWAY,
    OP_QUIET,
    OP_KINDS
} OpKind;

/* Where the content of an operation comes from, or what a reader has read. */
typedef struct {
    int volume;        /* from 1; 0 for nowhere */
    bool live;         /* the dirty image, if there is one */
    uint64_t number;   /* a revision's, or 0 */
    int label;         /* a revision's, or 0 */
    uint64_t from, to; /* when it was opened */
    bool opened;
    Content content;
} Source;

typedef struct {
    OpKind kind;
    int slot, volume;
    int owner;            /* 0 for a person */
    int from;             /* OP_PASS_ON: whose it was */
    uint64_t tag;         /* the number of this operation, unique */
    uint64_t begin;       /* by the clock that all processes share */
    _Atomic uint64_t end; /* 0 if it was cut off */
    bool done;            /* it did not fail */
    bool is_errno;
    int code; /* of its error */
    char message[200];
    RlStop stop;
    int state;       /* OP_STATE: an RlState */
    bool there;      /* OP_LIST: the volume is listed; OP_OPEN: as it was started; OP_EDIT: at rest;
                      * OP_SAVE and the like: something was done */
    bool labels;     /* OP_DELETE: named revisions too */
    uint64_t number; /* of a revision that it made or is for */
    int label;
    off_t size;
    ino_t ino;
    bool asks;       /* OP_CLONE, OP_REVERT: a kind was asked for, */
    RlKind asked;    /* persistent or direct */
    uint64_t closed; /* OP_OPEN, OP_EDIT: until when it surely had the image open; 0 while it has */
    uint64_t gone;   /* OP_EDIT: since when it surely has not */
    Image found;     /* OP_FOREIGN, OP_TAKE_AWAY: the file that was there before */
    bool made;       /* the content below is there */
    Content content; /* that it makes */
    Source source;
    int n_numbers;
    uint64_t numbers[REVISIONS]; /* OP_LIST: automatic revisions; OP_TIDY and the like: nothing */
} Op;

/* A volume's lock from its taking to its release. */
typedef struct {
    int slot, op, volume;
    char purpose[32];
    uint64_t taken, looked;  /* the look at what there was lies between */
    uint64_t done, released; /* and the look at what came of it; 0 if it was cut off */
    Seen before, after;
} Section;

typedef struct {
    int n_ops, n_sections;
    uint64_t acquisitions;
    uint64_t pairs[LOCKS][LOCKS]; /* held, wanted */
    uint64_t clones;
    char broken[300]; /* what went wrong beyond the rules */
    Op ops[OPS];
    Section sections[SECTIONS];
} Slot;

typedef struct {
    _Atomic uint64_t clock;
    _Atomic uint64_t tags;
    _Atomic int64_t quota; /* operations left of this round */
    Slot slots[SLOTS];
} Shared;

extern Shared *shared;
extern const char *pool_path;

static inline uint64_t
stamp(void)
{
    return atomic_fetch_add(&shared->clock, 1) + 1;
}

/* names.c */
extern const char *const volume_names[VOLUMES];
extern const RlKind volume_kinds[VOLUMES];
extern const int volume_keep[VOLUMES];
#define SNAPSHOT_SOURCE 0  /* the volume that the snapshot is of */
bool has_link(int volume); /* its path is a link: it has no directory */
RlDomainRef owner_of(int owner);
int owner_find(const RlImageOwner *run);
int volume_find(const char *name);
char *label_of(int label);
int label_find(const char *label);
const char *op_name(OpKind kind);
void make_pool(const char *path);
RlPool *open_pool(void);

/* see.c */
void content_write(int fd, Content content);
Content content_read(int fd);
/* What another program has put under the volume's path, if that is a file. */
Image foreign_look(int volume);
/* Looks at the disk; the caller has the lock. Ends the process where there is what must not be. */
void see(int volume, Seen *seen);
/* What the link is to lead to; RL_LINK_NONE for a volume that has none. */
RlLink link_wanted(const Seen *seen, int volume);
bool seen_exists(const Seen *seen, int volume);
/* A replacement makes a persistent volume direct, or a direct one persistent. */
RlKind seen_kind(const Seen *seen, int volume);
bool keeps_content(int volume);

/* watch.c: wraps the engine's locks in this process. @slot is -1 for one that writes nothing down.
 */
void watch_begin(int slot);
void watch_op(int op);

/* child.c */
void child_run(int slot, guint32 seed) G_GNUC_NORETURN;
/* The operations of a quiet moment, by the parent. */
void quiet_run(int slot);

/* check.c: of what the slots have written down in a round, in which nothing goes on any more. Ends
 * the process where no order explains it. */
void check_begin(void);
void check_round(void);
