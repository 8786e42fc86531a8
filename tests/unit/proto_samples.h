/* SPDX-License-Identifier: MIT */
/* One filled and one bare message of every type, and what they mean. See proto_samples.c. */
#ifndef UNIT_PROTO_SAMPLES_H
#define UNIT_PROTO_SAMPLES_H

#include "proto/codec.h"

struct sample {
	const char *name;
	enum kgp_type type;
	enum kgp_side side;
	const void *message; /* struct kgp_<type> */
	const char *meaning; /* the frame's body as witness_print() shows it */
};

extern const struct sample samples[];
extern const size_t n_samples;

/* The sample's frame; *n: its bytes. Owned by the caller, of exactly that size. */
uint8_t *sample_frame(const struct sample *s, size_t *n);

/* Goes through every list of a decoded message, elements and their lists included. */
void sample_walk(const struct kgp_info *info, const union kgp_body *body);

#endif
