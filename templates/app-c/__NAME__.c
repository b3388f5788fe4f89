// The application __NAME__: answers the calls of its channel `ask`, and tells each in its channel `journal`.
// All that it can reach stands in system.yaml; `virtsec check` shows it. A channel is a file in /channels.
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define LONGEST 256

int main(void) {
  int ask = open("/channels/ask", O_RDWR);
  int journal = open("/channels/journal", O_WRONLY);
  if (ask < 0 || journal < 0) return 1;
  printf("__NAME__ is up\n");
  for (int answered = 1;; answered++) {
    char request[LONGEST], text[LONGEST + 16];
    ssize_t length = read(ask, request, sizeof request); // one whole request
    if (length < 0) return 1;
    write(journal, text, snprintf(text, sizeof text, "%d: %.*s", answered, (int)length, request));
    write(ask, text, snprintf(text, sizeof text, "hello, %.*s", (int)length, request)); // its reply
  }
}
