#include "oci.h"
int oci_features(int argc, char **argv) { (void)argc; (void)argv; return oci_usage("features"); }
