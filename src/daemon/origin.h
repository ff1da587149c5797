/*
 * origin.h - what ntrustd does first with a store that has gone back: design section 8.
 */
#ifndef NT_DAEMON_ORIGIN_H
#define NT_DAEMON_ORIGIN_H

#include "store/engine.h"

/* Before the engine's thread is started. Where the store was restored, or may have been, that goes
 * into the audit trail and every trust is to be checked at once. Not durable (the disk is full):
 * said in the log, and done at the next start. */
void nt_origin_judge(struct nt_engine *engine);

#endif
