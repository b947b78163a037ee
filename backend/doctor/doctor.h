/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virt-reflink doctor: does what reflink pools need work? Each function looks at one part of it and
 * writes its lines into the report; none changes anything, but for rl_doctor_pools(), which tries
 * reflinks in a file without a name. */
#pragma once

#include "backend/cli/report.h"

#define RL_BACKEND_VARIABLE "LIBVIRT_STORAGE_BACKEND_DIR"
#define RL_SYSTEM_URI "qemu:///system"

/**
 * rl_doctor_module:
 * The module's file: is it there, for this build of libvirt, and can it be loaded?
 */
void rl_doctor_module(RlReport *report);

/**
 * rl_doctor_daemon:
 * libvirt's daemons that have the storage driver, libvirtd and virtstoraged: have those that run
 * loaded the module, and will they when they are started again?
 */
void rl_doctor_daemon(RlReport *report);

/**
 * rl_doctor_hooks:
 * The links by which libvirt calls our hook, and the program behind them.
 */
void rl_doctor_hooks(RlReport *report);

/**
 * rl_doctor_apparmor:
 * The rules that the daemon needs where AppArmor confines it.
 */
void rl_doctor_apparmor(RlReport *report);

/**
 * rl_doctor_workers:
 * Programs of the hook that have not come to an end.
 */
void rl_doctor_workers(RlReport *report);

/**
 * rl_doctor_pools:
 * The reflink pools that libvirt has a definition or a state of, in the order of their names:
 * definition, marker, attributes, file system, space.
 */
void rl_doctor_pools(RlReport *report);

/**
 * rl_doctor_domains:
 * Domains whose XML names an image of a reflink pool in a form that nothing protects.
 */
void rl_doctor_domains(RlReport *report);

/**
 * rl_doctor_session:
 * Daemons of users (qemu:///session), which have no reflink pools, and pools defined there.
 */
void rl_doctor_session(RlReport *report);
