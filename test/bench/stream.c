/* Measures how many bytes a second a TCP connection carries.
     stream serve PORT               sends bytes to each connection until it ends
     stream fetch ADDRESS PORT MS    reads for that long, and prints bytes a second */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static char buffer[256 << 10];

static int fail(const char *what) {
  perror(what);
  return 1;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int serve(int port) {
  int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 8) < 0) return fail("listen");
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    int client = accept(fd, NULL, NULL);
    while (client >= 0 && write(client, buffer, sizeof buffer) > 0) { }
    close(client);
  }
}

static int fetch(const char *ip, int port, int ms) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
  inet_pton(AF_INET, ip, &address.sin_addr);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) return fail("connect");
  double begin = now(), end = begin + ms / 1000.0, at = begin, bytes = 0;
  while (at < end) {
    ssize_t got = read(fd, buffer, sizeof buffer);
    if (got <= 0) return fail("read");
    bytes += (double)got;
    at = now();
  }
  printf("%.0f\n", bytes / (at - begin));
  return 0;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "serve") == 0) return serve(atoi(argv[2]));
  if (argc == 5 && strcmp(argv[1], "fetch") == 0) return fetch(argv[2], atoi(argv[3]), atoi(argv[4]));
  fprintf(stderr, "usage: stream serve PORT | fetch ADDRESS PORT MS\n");
  return 2;
}
