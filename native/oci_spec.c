#include "oci.h"
int oci_spec(int argc, char **argv) { (void)argc; (void)argv; return oci_usage("spec"); }
