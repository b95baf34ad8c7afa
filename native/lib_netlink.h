#pragma once
#include <stdint.h>
#include "error.h"

/* Answers as the kernel sent them, one behind the other; `bytes` is the caller's to free. */
struct replies { uint8_t *bytes; uint32_t length, capacity; };

/* A netlink socket of family `protocol` in the calling thread's network namespace. */
int netlink_open(int protocol, struct error *err);
/* Sends whole messages, each with NLM_F_ACK or a dump, and receives all their answers. */
int netlink_exchange(int fd, const uint8_t *request, uint32_t length, struct replies *replies, struct error *err);
