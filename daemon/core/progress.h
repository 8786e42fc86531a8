/* SPDX-License-Identifier: MIT */
/* Why a partition delivers nothing, and when to help it. See progress.c. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

enum progress_verdict {
	PROGRESS_UNCLAIMED, /* nobody holds it */
	PROGRESS_MOVING,    /* it moves, or stands for less than the patience */
	PROGRESS_NO_DATA,   /* everything of the log was sent and marked */
	PROGRESS_PAUSED,    /* by its holder */
	PROGRESS_QUOTA,	    /* its holder's user has as many messages in flight as it may */
	PROGRESS_SLOW,	    /* its holder takes no more, or marks nothing of what it has */
	PROGRESS_BROKER,    /* the cluster does not answer */
	PROGRESS_STUCK,	    /* there is data, room and a broker, and nothing comes */
};

enum progress_heal { PROGRESS_LEAVE, PROGRESS_SEEK, PROGRESS_REASSIGN };

/* What is known of a partition now. */
struct progress_facts {
	bool claimed, paused;
	bool over_quota; /* of messages in flight */
	bool may_take;	 /* credit and room */
	bool broker_away;
	int64_t position;   /* the next offset to be taken, control records counted */
	int64_t end;	    /* of the log, as the broker said; -1: not known */
	int64_t sent, mark; /* highest; -1: none */
};

struct progress {
	int64_t position, mark;	  /* when it was last looked at */
	uint64_t stands_since_us; /* the position, although there is data */
	uint64_t able_since_us;	  /* to take more */
	uint64_t owes_since_us;	  /* its holder a mark */
	uint64_t healed_us;	  /* the last attempt */
	unsigned n_attempts;	  /* of this standstill */
	uint64_t n_heals;	  /* attempts in all */
	enum progress_verdict verdict;
};

enum progress_heal progress_judge(struct progress *p, const struct progress_facts *f,
				  uint64_t now_us);
const char *progress_name(enum progress_verdict v);

#endif
