/* SPDX-License-Identifier: MIT */
/* A loop with a clock that the input moves. See fake_loop.c. */
#ifndef FAKE_LOOP_H
#define FAKE_LOOP_H

#include <stdint.h>

extern uint64_t fake_now_us;
extern uint64_t fake_rss_bytes; /* what /proc/self/statm says */

void fake_loop_run(void);	       /* until nothing is left to do now */
void fake_loop_advance(uint64_t us);   /* timers fire in their order on the way */
unsigned fake_loop_count_events(void); /* that were made and not freed */

/* Of fake_socket.c and fake_kafka.c: EV_READ, EV_WRITE, both or none. */
short fake_socket_ready(int fd);
short fake_kafka_ready(int fd);

#endif
