#pragma once

/* Before a walk through a tree that somebody else has made: a folder holds a descriptor or more a level, and a frame on the stack, and a name
   of PATH_MAX bytes has 2,048 levels. */
void deep_tree_prepare(void);
