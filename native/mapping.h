#pragma once
#include "config.h"

/* Whom id 0 … of a namespace stands for outside it; false where it stands for nobody. Without mappings everybody stands for themselves. */
bool mapping_outside(const struct mapping *list, size_t count, uint32_t inside, uint32_t *outside);
/* The other way round: nobody's ids show as 65534, as the kernel has it. */
uint32_t mapping_inside(const struct mapping *list, size_t count, uint32_t outside);
/* `INSIDE:OUTSIDE:SIZE[,…]`, as options of this program have mappings. */
int mapping_parse(const char *text, struct mapping **list, size_t *count, struct error *err);
