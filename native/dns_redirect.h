#pragma once
#include <stdint.h>
#include "error.h"

/* Lets 127.0.0.11:53 of the network namespace that the caller is in be 127.0.0.11:`port`, so that port 53 stays free for a server of the container's own. Packets
   are rewritten without tracking their connections. Done before is no error. */
int dns_redirect(uint16_t port, struct error *err);
