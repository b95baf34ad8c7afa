#ifndef BAYPLAN_NURSERY_H
#define BAYPLAN_NURSERY_H

/* What whoever asks and who is asked have in common: the socket's number there, and the most that one order holds. */
#define ORDERS 3
#define ORDER_BYTES (128 << 10)
#define MOST_FDS 64

#endif
