#include "oci.h"
int oci_events(int argc, char **argv) { (void)argc; (void)argv; return oci_usage("events"); }
