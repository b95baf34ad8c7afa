#include "core.h"
int cmd_unpack(int argc, char **argv) { (void)argc; (void)argv; return 1; }
