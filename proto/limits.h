/* SPDX-License-Identifier: MIT */
/* Limits of the protocol. docs/kgroup-protocol.7 repeats them; a test compares. */
#ifndef KGP_LIMITS_H
#define KGP_LIMITS_H

#define KGP_VERSION 1 /* the protocol version spoken here */

#define KGP_FRAME_HEADER     5u		  /* 0xce and a big-endian uint32 */
#define KGP_FRAME_MAX_CLIENT (1u << 20)	  /* client to daemon, bytes of the body */
#define KGP_FRAME_MAX_DAEMON (65u << 20)  /* daemon to client, unless HELLO says less */
#define KGP_FRAME_MIN_MAX    (64u << 10)  /* least max_frame that HELLO may name */
#define KGP_FRAME_TARGET     (256u << 10) /* aim of a MESSAGES frame */
#define KGP_MAX_DEPTH	     8u		  /* nesting of arrays and maps in a frame */

#define KGP_MAX_NAME	 255u	  /* names of clusters, groups, clients, settings */
#define KGP_MAX_TOPIC	 249u	  /* Kafka's own limit */
#define KGP_MAX_TEXT	 4096u	  /* error texts, hints */
#define KGP_MAX_METADATA 32767u	  /* Kafka's own limit; brokers take 4096 by default */
#define KGP_MAX_TOPICS	 1024u	  /* topics of one OPEN */
#define KGP_MAX_FEATURES 64u	  /* features or versions of one HELLO */
#define KGP_MAX_MARKS	 16384u	  /* entries of one MARK or RESET */
#define KGP_MAX_CLAIMS	 65536u	  /* claims of one PAUSE, SEEK, NOTIFY */
#define KGP_MAX_SETTINGS 32u	  /* settings of one OPEN, arguments of one QUERY */
#define KGP_MAX_BATCH	 1000000u /* messages of one MESSAGES frame */
#define KGP_MAX_HEADERS	 1000000u /* headers of one message */
#define KGP_ID_BYTES	 16u	  /* a consumer's id */

#define KGP_UINT32_MAX 0xffffffffull
#define KGP_UINT64_MAX 0xffffffffffffffffull

#endif
