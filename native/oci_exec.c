#include "oci.h"
int oci_exec(int argc, char **argv) { (void)argc; (void)argv; return oci_usage("exec"); }
