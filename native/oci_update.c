#include "oci.h"
int oci_update(int argc, char **argv) { (void)argc; (void)argv; return oci_usage("update"); }
