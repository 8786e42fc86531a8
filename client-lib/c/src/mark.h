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

/* ---- shared with resets and stashes -----------------------------------------------------------
 */

enum { CLAIMS_PER_FRAME = 128, FRAME_METADATA_BYTES = 512 << 10 };

void mark_slot_clear(struct mark_slot *s);
int mark_slot_set(struct mark_slot *s, int64_t offset, const char *metadata); /* 0 or -ENOMEM */
char *mark_copy_metadata(const char *metadata);				      /* NULL: no memory */
int mark_check_metadata(struct kg_error *e, const char *metadata); /* NULL is fine: 0 or an error */

/* The marks of a claim that are to be sent, two at most: their number. */
unsigned mark_entries(struct kgp_entry *entries, const struct claim *claim, size_t *metadata_bytes);
int mark_put_entries(struct kg_consumer *c, const struct kgp_entry *entries, unsigned n);

#endif
