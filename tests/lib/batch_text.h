/* A record batch as text, for golden data and for comparison with what Kafka's classes read. See tests/golden/batches.
 */
#ifndef DOHLE_TESTS_BATCH_TEXT_H
#define DOHLE_TESTS_BATCH_TEXT_H

#include "protocol/record_batch.h"

#include <stdio.h>

/* Write "header ..." and a "record ..." line for each record of the batch. The errors met say what they are. */
void batch_text(FILE *out, const struct record_batch *batch);

#endif
