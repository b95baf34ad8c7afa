#pragma once

#define STAMP_ROOM 64

/* The time now, in UTC, as RFC 3339 has it: to the nanosecond, with a Z. Returns `text`. */
const char *stamp_now(char text[STAMP_ROOM]);
