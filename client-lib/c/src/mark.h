/* SPDX-License-Identifier: MIT */
/* Marks on their way to the daemon. See mark.c. */
#ifndef KG_MARK_H
#define KG_MARK_H

#include "client-lib/c/src/consumer.h"

int marks_put(struct kg_consumer *c);	     /* MARK and DONE for what is dirty: 0 or -ENOMEM */
int marks_put_resume(struct kg_consumer *c); /* RESUME for the orphans: 0 or -ENOMEM */
void marks_resumed(struct kg_consumer *c);   /* they are on their way */
void marks_restart(struct claim *claim);     /* a new epoch begins */
bool marks_exist(const struct kg_consumer *c);

/* A mark of a claim that is not settled: 0, KG_ERR_MEMORY, KG_ERR_ARGUMENT. */
int mark_claim(struct kg_consumer *c, struct claim *claim, int64_t offset, const char *metadata);

#endif
