// A signing service and more, in C over WASI: what the tests of the WASI host ask of it. The channel `ask` is served.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

__attribute__((import_module("virtsec"), import_name("sample"))) int virtsec_sample(
    int fd, void *value, unsigned room, unsigned *length, unsigned long long *age, unsigned *valid);

static void list(const char *path) {
  DIR *folder = opendir(path);
  printf("%s:", path);
  for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) printf(" %s", entry->d_name);
  printf("\n");
}

int main(int argc, char **argv) {
  printf("%s %s %s\n", argv[0], argc > 1 ? argv[1] : "-", getenv("MODE"));
  list("/channels");
  int ask = open("/channels/ask", O_RDWR), temp = open("/channels/temp", O_RDONLY);
  int journal = open("/channels/journal", O_WRONLY), pipe = open("/channels/pipe", O_RDWR);
  int stop = open("/channels/stop", O_RDONLY);
  if (ask < 0 || temp < 0 || journal < 0 || pipe < 0 || stop < 0) {
    printf("open: %s\n", strerror(errno));
    return 1;
  }
  printf("no such channel: %d\n", open("/channels/none", O_RDWR) < 0 ? errno == ENOENT : 0);
  for (;;) {
    struct pollfd ends[] = {{ask, POLLRDNORM, 0}, {pipe, POLLRDNORM, 0}, {stop, POLLRDNORM, 0}};
    int n = poll(ends, 3, 100);
    if (n == 0) {
      printf("nothing for 100 ms\n");
      continue;
    }
    char text[256];
    if (ends[0].revents) {
      ssize_t length = read(ask, text, sizeof text);
      unsigned size = 0, valid = 0, value = 0;
      unsigned long long age = 0;
      int errno_ = virtsec_sample(temp, &value, sizeof value, &size, &age, &valid);
      char reply[300];
      int used = snprintf(reply, sizeof reply, "%.*s: temp %u, error %d, valid %u, age %llu", (int)length, text, value,
                          errno_, valid, age);
      write(ask, reply, used);
      write(journal, text, length);
    }
    if (ends[1].revents) {
      ssize_t length = read(pipe, text, sizeof text);
      if (length <= 0) return 3;
      for (ssize_t i = 0; i < length; i++) text[i] ^= 0x20;
      write(pipe, text, length);
    }
    if (ends[2].revents) {
      fprintf(stderr, "stopped without a line's end");
      exit(9);
    }
  }
}
