/* SPDX-License-Identifier: MIT */
/* A daemon that does what a test tells it. See test_client_fake.c. */
#ifndef TEST_CLIENT_FAKE_H
#define TEST_CLIENT_FAKE_H

#include "client-lib/c/include/kgroup.h"
#include "proto/batch.h"
#include "proto/frame.h"

#include <pthread.h>

struct fake {
	char dir[64], path[96];
	int listen_fd, fd;
	struct kgp_buf out;	  /* put, not sent */
	struct kgp_buf in, frame; /* received; the body that was expected last */
	uint64_t open_request;
	size_t piece_bytes; /* send so many bytes at a time; 0: all */
	bool forgiving;	    /* the library may hang up at any time */
	unsigned lacks;	    /* features that WELCOME does not name; bit: enum kgp_feature */
	char failure[256];  /* what went wrong first */
	pthread_t thread;
	void (*script)(struct fake *f);
	unsigned n_fds; /* open before the test */
};

void fake_init(struct fake *f);
void fake_deinit(struct fake *f);

/* A cmocka fixture: *state is a fake daemon; teardown fails on a descriptor that was left open. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* Runs a script beside a blocking call; join fails the test if the script failed. */
void fake_start(struct fake *f, void (*script)(struct fake *f));
void fake_join(struct fake *f);

void fake_accept(struct fake *f);
void fake_hang_up(struct fake *f);
void fake_expect(struct fake *f, enum kgp_type type, union kgp_body *body); /* within 5 s */
bool fake_next(struct fake *f, const struct kgp_info **info,
	       union kgp_body *body); /* false: it hung up */
void fake_expect_eof(struct fake *f);
bool fake_is_silent(struct fake *f); /* nothing has been sent that was not expected */
void fake_put(struct fake *f, enum kgp_type type, const void *message);
void fake_put_raw(struct fake *f, const void *data, size_t size);
void fake_send(struct fake *f); /* what was put */

/* Parts of the conversation; those that put do not send. */
void fake_greet(struct fake *f); /* accept, HELLO, WELCOME, OPEN, RESUME_END, CREDIT: answered */
void fake_take_hello(struct fake *f);  /* accept, HELLO, WELCOME */
void fake_take_open(struct fake *f);   /* the same up to OPEN */
void fake_take_end(struct fake *f);    /* RESUME_END and CREDIT */
void fake_accept_open(struct fake *f); /* REPLY and STATE joined */
void fake_put_welcome(struct fake *f); /* with all features that it does not lack */
void fake_put_reply(struct fake *f, uint64_t request, unsigned code, const char *text);
void fake_put_result(struct fake *f, uint64_t request, const struct kgp_buf *result);
void fake_put_state(struct fake *f, const char *state);
void fake_put_assign(struct fake *f, unsigned claim, const char *topic, unsigned partition,
		     uint64_t epoch, int64_t start, int64_t committed);
void fake_put_messages(struct fake *f, unsigned claim, uint64_t epoch, int64_t first, unsigned n,
		       size_t value_bytes);
void fake_put_release(struct fake *f, unsigned claim);
void fake_put_released(struct fake *f, unsigned claim);

/* A consumer of topic "t" on this daemon; options: pairs of name and value, ended by NULL. */
int fake_try_open(struct fake *f, struct kg_consumer **c, struct kg_error *error, ...);
struct kg_consumer *fake_open(struct fake *f);

/* process() and next() until a message comes, at most 5 s. */
int fake_receive(struct kg_consumer *c, struct kg_message *m);

/* The library comes back to a daemon that hung up; driven in turn with it, in one thread. */
void fake_come_back(struct fake *f, struct kg_consumer *c); /* up to HELLO */
void fake_welcome_back(struct fake *f, struct kg_consumer *c,
		       union kgp_body *open); /* WELCOME, OPEN */
void fake_expect_resume(struct fake *f, int partition, uint64_t epoch, int64_t offset,
			const char *metadata, int64_t committed); /* of topic "t" */
void fake_reopen(struct fake *f, struct kg_consumer *c);	  /* all, with nothing to resume */

#endif
