/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Has this libvirt what the module touches where the module was built to find it? libvirt's own
 * parser reads documents that are known here, and each field is read back; each is written, and
 * libvirt's own formatter, or the function that libvirt has for it, tells what came of that.
 *
 * With wrong offsets such a look may crash or hang: it is made in a child process
 * (backend/shim/trial.h). What is not looked at is virStorageVolDef's building and in_use, which
 * libvirt has no function for: they lie between fields that are. */
#pragma once

/**
 * rl_proof:
 * All of it. Returns NULL if everything fits, else what does not, a constant for a sentence. Leaves
 * a namespace registered.
 */
const char *rl_proof(void);

/* proof.c, proof-volume.c, proof-objects.c: the same for a part of it. */
const char *rl_proof_pool(void);
const char *rl_proof_volume(void);
const char *rl_proof_objects(void);
