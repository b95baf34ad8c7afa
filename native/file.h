#pragma once
#include <stddef.h>
#include "error.h"

/* The whole of a small file into `buffer`, NUL-terminated; the length, or -1 with errno. */
long file_read_at(int dir, const char *path, char *buffer, size_t size);
/* One write(2) of `text` to an existing file; 0, or -1 with errno. */
int file_write_at(int dir, const char *path, const char *text);
/* All bytes, going on after short writes; 0, or -1 with errno. */
int file_write_all(int fd, const void *bytes, size_t length);
/* Writes a new file. */
int file_make(const char *path, const void *bytes, size_t length, struct error *err);
/* Replaces `path` by rename, so that a reader sees the old file or the new one. */
int file_replace(const char *path, const void *bytes, size_t length, struct error *err);
/* Makes it durable, with its name. */
void file_sync(const char *path);
/* Closes every descriptor but stdio and those named (-1: none), which no program that is run keeps. */
void file_close_others(unsigned first, const int *kept, size_t count);
/* Start time of a process, field 22 of /proc/PID/stat, in clock ticks since the boot; 0 where it is gone. */
unsigned long long process_start_time(int pid);
/* And the letter of its state, as in ps(1). */
unsigned long long process_start_time_of(int pid, char *state);
