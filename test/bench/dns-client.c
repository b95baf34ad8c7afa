/* Asks 127.0.0.11 for the address of a name, with WINDOW queries on their way at a time, for SECONDS. Prints {"perSecond":N,"medianMs":M}.
   dns-client NAME SECONDS WINDOW */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES 4000000

static double sent[65536];
static float samples[SAMPLES];

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static size_t question(uint8_t *bytes, const char *name) {
  static const uint8_t header[12] = {0, 0, 1, 0, 0, 1}, type_and_class[5] = {0, 0, 1, 0, 1};
  size_t length = strlen(name);
  memcpy(bytes, header, sizeof header);
  bytes[12] = (uint8_t)length;
  memcpy(bytes + 13, name, length);
  memcpy(bytes + 13 + length, type_and_class, sizeof type_and_class);
  return 13 + length + sizeof type_and_class;
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

int main(int argc, char **argv) {
  struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x7f00000b)};
  uint8_t query[128], reply[4096];
  if (argc != 4 || strlen(argv[1]) > 63) return 2;
  size_t length = question(query, argv[1]), count = 0;
  int fd = socket(AF_INET, SOCK_DGRAM, 0), window = atoi(argv[3]);
  struct timeval patience = {.tv_sec = 1};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (connect(fd, (struct sockaddr *)&server, sizeof server) < 0) { perror("connect"); return 1; }
  uint16_t id = 0;
  double begin = now(), end = begin + atof(argv[2]) * 1e3;
  for (int ahead = 0; count < SAMPLES && now() < end;) {
    for (; ahead < window; ahead++, id++) {
      query[0] = (uint8_t)(id >> 8);
      query[1] = (uint8_t)id;
      sent[id] = now();
      if (send(fd, query, length, 0) < 0) { perror("send"); return 1; }
    }
    if (recv(fd, reply, sizeof reply, 0) < 12) { perror("recv"); return 1; }
    if ((reply[3] & 15) != 0 || reply[7] == 0) { fprintf(stderr, "no address for %s\n", argv[1]); return 1; }
    samples[count++] = (float)(now() - sent[reply[0] << 8 | reply[1]]);
    ahead--;
  }
  double seconds = (now() - begin) / 1e3;
  qsort(samples, count, sizeof *samples, by_size);
  printf("{\"perSecond\":%.0f,\"medianMs\":%.3f}\n", (double)count / seconds, samples[count / 2]);
  return 0;
}
