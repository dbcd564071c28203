/* A log record as it lies in a ring: what was filled in, texts behind one another. */
#pragma once

#include "observe/access_log.h"

#define ACCESS_TEXT_MAX 8192u /* longer ones are cut */

/* Bytes that access_record_pack writes. */
size_t access_record_bytes(const struct log_record *record);
/* out: aligned to 8. */
void access_record_pack(const struct log_record *record, char *out);
/* Texts of *ret_record are borrowed from record. Only for what access_record_pack wrote. */
void access_record_unpack(struct span record, struct log_record *ret_record);
