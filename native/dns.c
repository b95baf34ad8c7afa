#include "core.h"
int dns_serve(const struct dns_options *options, struct error *err) { (void)options; return error_text(err, "not built yet"); }
