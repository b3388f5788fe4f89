/* A partition in C: answers the calls of `ask`, and tells each in the log. */
#define VIRTSEC_MAIN
#include "virtsec.h"

/* Initial data, and a pointer that is adjusted to where the program lies. */
static const char *const GREETINGS[] = {"hello, ", "hello again, "};
static int answered = 0;

int virtsec_main(long restarts, long start_kind) {
  (void)restarts;
  (void)start_kind;
  const int32_t ask = virtsec_port("ask");
  for (;;) {
    char message[VS_MESSAGE_BYTES], name[32];
    if (virtsec_fetch(ask, VS_FOREVER) != VS_OK) continue;
    const size_t length = virtsec_take(name, sizeof name);
    size_t at = 0;
    for (const char *c = GREETINGS[answered > 0]; *c != 0; c++) message[at++] = *c;
    for (size_t i = 0; i < length; i++) message[at++] = name[i];
    virtsec_reply(ask, message, at);
    answered++;
    message[at] = 0;
    virtsec_log(message);
  }
}
