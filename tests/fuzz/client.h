/* SPDX-License-Identifier: MIT */
/* A client in the conversation: what it said, what it heard, what must be true of both. See
 * client.c. */
#ifndef FUZZ_CLIENT_H
#define FUZZ_CLIENT_H

#include "proto/codec.h"
#include "proto/settings.h"

#include <stdbool.h>

enum { MOST_CLIENTS = 6, MOST_CLAIMS = 64, MOST_REQUESTS = 256 };

/* A claim as the client sees it. */
struct fuzz_claim {
	uint32_t id;
	int place;
	uint64_t epoch;
	int64_t next;						     /* offset that may come next */
	uint64_t n_received, bytes_received, granted, granted_bytes; /* in partitions mode */
	bool live, releasing, silent; /* silent: until the notice ends */
};

struct fuzz_client {
	int fd; /* of the daemon's end; -1: not connected */
	uint8_t id[KGP_ID_BYTES];
	int group;
	bool wild;   /* it broke the protocol: nothing is owed to it any more */
	bool ended;  /* the daemon sent a fatal error */
	bool member; /* OPEN was answered well, and CLOSE was not yet answered */
	bool partitions, notified, paused, reads;
	uint32_t open_request, close_request, next_request;
	uint32_t requests[MOST_REQUESTS]; /* that wait for their answer */
	unsigned n_requests;
	struct fuzz_claim claims[MOST_CLAIMS];
	unsigned n_claims;
	uint64_t n_received, bytes_received, granted, granted_bytes;
	struct kgp_buf sent; /* what is not yet a whole frame */
	size_t cut_bytes;    /* of sent */
};

void client_connect(struct fuzz_client *c, int fd);
void client_deinit(struct fuzz_client *c);
void client_say(struct fuzz_client *c, enum kgp_type type, const void *message);
void client_say_bytes(struct fuzz_client *c, const void *bytes, size_t n);
void client_damage_next(uint8_t at, uint8_t bits); /* of the next frame that anybody says */
void client_read(struct fuzz_client *c);	   /* all that has come, checked */
uint32_t client_new_request(struct fuzz_client *c);

#endif
