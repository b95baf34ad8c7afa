#include "stamp.h"

#include <stdio.h>
#include <time.h>

/* By the civil calendar; years begin in March, so that the leap day is the last of one. gmtime_r(3) would read the machine's time zone first. */
const char *stamp_now(char text[STAMP_ROOM]) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  long long seconds = now.tv_sec % 86400, days = now.tv_sec / 86400 + 719468; /* since 1 March of the year 0 */
  long long of_era = days % 146097, year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  long long of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100), month = (5 * of_year + 2) / 153;
  long long year = days / 146097 * 400 + year_of_era + (month >= 10);
  snprintf(text, STAMP_ROOM, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%09ldZ", year, month < 10 ? month + 3 : month - 9, of_year - (153 * month + 2) / 5 + 1,
    seconds / 3600, seconds / 60 % 60, seconds % 60, now.tv_nsec);
  return text;
}
