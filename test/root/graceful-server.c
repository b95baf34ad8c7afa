/* A small HTTP server that keeps connections open, and ends as a good one does: after SIGTERM it takes no more, answers those that are open once more, with "Connection: close", and goes. Arguments: port, text. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const int LAST_REQUEST_MS = 2000;
static atomic_int ending, served;
static const char *text;

static void end(int signal) { (void)signal; ending = 1; }

/* A whole request, of which only the end of its head matters; 0 where none comes any more. */
static int read_request(int fd) {
  char buffer[4096];
  size_t length = 0;
  while (length < sizeof buffer - 1) {
    int waited = 0;
    struct pollfd one = { .fd = fd, .events = POLLIN };
    while (poll(&one, 1, 50) == 0) if (ending && (waited += 50) >= LAST_REQUEST_MS) return 0;
    ssize_t got = read(fd, buffer + length, sizeof buffer - 1 - length);
    if (got <= 0) return 0;
    length += (size_t)got;
    buffer[length] = 0;
    if (strstr(buffer, "\r\n\r\n")) return strstr(buffer, "onnection: close") ? 2 : 1;
  }
  return 0;
}

static void *serve(void *argument) {
  int fd = (int)(long)argument, request;
  while ((request = read_request(fd)) > 0) {
    char answer[512];
    int last = request == 2 || ending;
    int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n%s", strlen(text), last ? "close" : "keep-alive", text);
    if (write(fd, answer, (size_t)length) != length || last) break;
  }
  shutdown(fd, SHUT_WR);
  char rest[256];
  while (read(fd, rest, sizeof rest) > 0) continue;
  close(fd);
  served--;
  return NULL;
}

int main(int count, char **arguments) {
  struct sigaction action = { .sa_handler = end };
  if (count != 3 || sigaction(SIGTERM, &action, NULL)) return 2;
  signal(SIGPIPE, SIG_IGN);
  text = arguments[2];
  int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1])), .sin_addr.s_addr = INADDR_ANY };
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 512)) return perror("listen"), 1;
  while (!ending) {
    int fd = accept(listener, NULL, NULL);
    if (fd < 0) continue;
    pthread_t thread;
    served++;
    if (pthread_create(&thread, NULL, serve, (void *)(long)fd)) return perror("pthread_create"), 1;
    pthread_detach(thread);
  }
  close(listener);
  while (served > 0) usleep(10000);
  return 0;
}
